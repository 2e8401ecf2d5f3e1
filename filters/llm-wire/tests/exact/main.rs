//! Exact counts against OpenAI's own algorithm, with its own regular expressions.

mod identity;
mod texts;
