//! Exact counts against OpenAI's own algorithm, with its own regular expressions.

// `cfg(test)` tells clippy that these modules are tests too, although no `#[test]` is in sight.
#[cfg(test)]
mod identity;
#[cfg(test)]
mod texts;
