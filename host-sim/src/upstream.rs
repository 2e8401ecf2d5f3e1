//! An LLM server that says what a script tells it to say.
//!
//! Tests and the demo need model servers that answer at once, count what they received, and fail in
//! the ways real ones do: an error event inside a `200`, a stall after the third token, a stream that
//! ends without its end marker. A real model does none of this on request.
//!
//! The core is a pure function: a [`Reply`] and a [`Received`] request give a [`Plan`], a list of
//! timed events. The same plan is played by the simulator under virtual time and by [`UpstreamServer`]
//! on a socket, so that what a scenario sees from a model server cannot differ between the two hosts.
//!
//! | file | what |
//! |---|---|
//! | `script` | the configuration: replies in order, faults, timing |
//! | `received` | what arrived, and which API it speaks to |
//! | `plan` | reply and request become timed events |
//! | `answer` | what a model would say, in no API's words yet |
//! | `openai_chat`, `openai_completions`, `openai_responses`, `openai_embeddings`, `anthropic` | the APIs' shapes |
//! | `playback`, `server` | a plan on a socket |
//!
//! # Limits
//! It follows the APIs as far as gateways look at them. Prompts are not tokenised: unless the script
//! says otherwise a prompt counts one token for each four bytes of its text, an answer one for each word.

mod answer;
mod anthropic;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;
mod plan;
mod playback;
mod received;
mod refusal;
mod script;
mod server;
mod sse;

pub use plan::{Event, Plan, TimedEvent};
pub use received::{Api, NUMBER, Received};
pub use script::{AnswerAt, Fault, Reply, Script, ScriptError, Shape, ToolCall, Usage};
pub use server::UpstreamServer;
