//! LLM request and response bytes, and what they mean.
//!
//! Pure: no proxy, no clock, no randomness, no log. What comes in is bytes, in whatever pieces a
//! network makes of them; what goes out is facts.
//!
//! ```
//! use llm_wire::{Api, Progress, RequestScanner, ScanLimits};
//!
//! let api = Api::from_path(b"/v1/chat/completions").expect("a known path");
//! let mut scanner = RequestScanner::new(api, ScanLimits::default());
//!
//! // The body arrives in pieces, and the facts are there as soon as their bytes are.
//! scanner.feed(br#"{"model":"gpt-4.1","stream":true,"messages":[{"role":"us"#);
//! assert_eq!(scanner.facts().model.as_deref(), Some("gpt-4.1"));
//! assert_eq!(scanner.progress(), Progress::Reading);
//!
//! scanner.feed(br#"er","content":"What does \"model\": \"x\" mean?"}],"max_tokens":64}"#);
//! assert_eq!(scanner.finish(), Progress::Complete);
//!
//! let facts = scanner.into_facts();
//! assert_eq!(facts.model.as_deref(), Some("gpt-4.1"));
//! assert_eq!(facts.max_output_tokens, Some(64));
//! assert!((12..=30).contains(&facts.prompt.tokens), "{:?}", facts.prompt);
//! ```
//!
//! # The map
//! | module | what it knows |
//! |---|---|
//! | `api` | paths: which API, whose conventions |
//! | `json` | JSON that arrives in pieces, as events; no DOM |
//! | `request` | the fields of each API, and the facts they make |
//! | `members` | where fields stand that are to be replaced |
//! | `text` | what a consumer of prompt text is told |
//! | `estimate` | a consumer that guesses the number of tokens |
//! | `exact`, `encoding` | a consumer that counts with a vocabulary of OpenAI's (features `exact-*`) |
//! | `conversation`, `digest` | a number for how a conversation begins, of which nothing is kept |
//! | `media` | what images, audio and files cost |
//! | `count` | a number of tokens with its source and error |
//! | `events` | server-sent events as they stream by, in any split |
//! | `answer` | what an answer reports, generates and ends with; the usage that only we asked for is taken out |
//! | `framing` | whether an answer can be read, and how it is framed |
//! | `error_class` | what kind of error a server reports |
//! | `reply` | error bodies as each API shapes them |
//! | `retry_after` | when to come back, in every dialect |

mod answer;
mod api;
mod conversation;
mod count;
mod digest;
mod encoding;
mod error_class;
mod estimate;
mod events;
#[cfg(any(feature = "exact-o200k", feature = "exact-cl100k"))]
mod exact;
mod framing;
mod json;
mod media;
mod members;
#[cfg(not(any(feature = "exact-o200k", feature = "exact-cl100k")))]
mod no_tables;
mod reply;
mod request;
mod retry_after;
mod text;

pub use answer::{AnswerFacts, AnswerScanner, FinishReason, Opening, Usage};
pub use api::{Api, Family};
pub use conversation::ConversationHead;
pub use count::{TokenCount, TokenSource};
pub use encoding::Encoding;
pub use error_class::ErrorClass;
pub use estimate::{Estimator, Features, Parts};
pub use events::{EventParser, EventSink};
#[cfg(any(feature = "exact-o200k", feature = "exact-cl100k"))]
pub use exact::ExactCounter;
pub use framing::Framing;
pub use media::{Media, MediaKind, MediaTokens};
pub use members::{Found, Members};
#[cfg(not(any(feature = "exact-o200k", feature = "exact-cl100k")))]
pub use no_tables::ExactCounter;
pub use reply::Refusal;
pub use request::{
    Insertion, Malformed, Progress, RequestFacts, RequestScanner, ScanLimits, UsagePlace,
};
pub use retry_after::{RetryAfter, retry_after};
pub use text::{Mark, Piece, TextSink};
