//! The filter that says what every token cost.
//!
//! # Configuration
//! ```
//! # let text = r#"
//! {
//!   "version": 1,
//!   "models": [{"name": "llama-70b", "aliases": ["gpt-4o"]}],
//!   "pools": [{"name": "gpu-large", "model": "llama-70b"}],
//!   "token_metrics": {
//!     "ask_for_usage": true,
//!     "plain_answers": true,
//!     "labels": ["model", "pool", "tenant"],
//!     "tenant": {"header": "x-tenant-class", "values": ["gold", "silver"]},
//!     "prices": [{"model": "llama-70b", "input": 0.59, "output": 0.79, "cached_input": 0.1}],
//!     "log": false
//!   },
//!   "limits": {"stall_after": "10s", "labels_per_key": 200}
//! }
//! # "#;
//! # assert_eq!(token_metrics::check(text), Ok(()));
//! ```
//! All of it may be left out: `"token_metrics": {}` counts by model and pool.
//!
//! `ask_for_usage` (on unless it is switched off): OpenAI's streams report usage only if they are
//! asked. Where the client did not, the request's `stream_options.include_usage` is set, and the event
//! that this brings is taken out of the answer again. It needs a body that
//! waits (`knob` or `gate`) and is read to its end. Servers that refuse the option are not asked again
//! for ten minutes; the request by which that was found out, and those under way with it, fail. A refusal
//! is an error that names the option, other than by repeating the request, or the fifth in a row of servers
//! that never took it. OpenAI's and Anthropic's clients yield the same as without it. What is still to be
//! seen: OpenAI's servers add `"usage":null` to the other events, which differs from no `usage` only for
//! who asks what was set; llama.cpp writes its `timings` into the event that is taken out; and a
//! server that reports in an event of its own without being asked loses that event.
//!
//! `plain_answers` (on): `accept-encoding: identity` goes to the server, because what is compressed
//! cannot be read. With it off, requests that allow compression are not asked for usage.
//!
//! `labels`: `model`, `pool`, `version`, `route` (the route's name), `tenant` (the value of a header,
//! if it is one of `tenant.values`). What the configuration does not name is `other`, what is not
//! known is `none`; a version is, where canary-split does not choose one.
//!
//! `prices`: for a million tokens, in any one currency. `cached_input`, `cache_creation_input`,
//! `input_audio` cost as `input` if they are not given, `reasoning` and `output_audio` as `output`.
//!
//! `log`: one line of JSON for each request in the proxy's log. There is no content in it, ever.
//!
//! # Where numbers come from
//! | `source` | tokens |
//! |---|---|
//! | `reported` | the server's `usage`; the last one, where a server counts as it goes |
//! | `estimated` | the answer was whole and had no usage: the prompt as the router counts it (of one longer than `body.inspect_limit`, by the length of its body), the answer's events, or the estimate of its text where an event has several tokens |
//! | `aborted` | the client or the server ended it early: the same of what was delivered |
//!
//! Only POST requests to an LLM's API are counted, once they were decided: who goes away while the request
//! is still read is not. Where several plugins of ours stand in a chain, the first one counts.
//!
//! A request has one source; what a report leaves out is not made up (streams of Anthropic's API from llama.cpp
//! leave out the prompt where the first token is half a character). An answer with an error status has tokens only if it reports them.
//!
//! # How streams end
//! | `outcome` | the answer |
//! |---|---|
//! | `complete` | said that it was at its end, whoever hung up then |
//! | `truncated` | was ended by the server, or by a time limit of the proxy's, before that |
//! | `stalled` | likewise, or by the client, after a silence longer than `limits.stall_after` |
//! | `error_event` | began with 200 and then said that it had failed |
//! | `aborted` | was left by the client |
//! | `failed` | had an error status, or never came |
//! | `refused` | was ours |
//!
//! # Access logs and traces
//! `log_fields` writes what is listed into filter state, as `%FILTER_STATE(wasm.llm.NAME:PLAIN)%`:
//! `input_tokens`, `output_tokens`, `cached_tokens`, `reasoning_tokens`, `usage_source`, `outcome`,
//! `finish_reason`, `time_to_first_token` and `duration` in milliseconds, `stalls`, besides those of the
//! request (`model`, `pool`, `reason`, `prompt_tokens`, `token_source`, `token_error_percent`).
//!
//! Spans have them by the same operator, in a custom tag. The proxy finishes a span right behind an
//! answer's last bytes, and before it writes its logs: an answer that is cut short is in the access log
//! with all of this, and in its span with what was known of the request, and the proxy's own flags.
//!
//! # Metrics
//! Base labels are those of `labels`. Requests (streams and JSON), tokens (input and output) and stalls
//! begin at zero for each pool with its model, so that a rate of errors is 0 and not absent.
//!
#![doc = include_str!("metrics.md")]
//!
//! # When something goes wrong
//! Nothing waits for this filter: an answer that cannot be read passes as it is and is counted as
//! `llm_usage_uncounted_total`. Of an answer at most 4 KiB are held: the beginning of an event that may
//! be the one we asked for. A stream that is cut in the middle of such an event, or ends there with
//! trailers, ends before it; clients take no notice of an event that is not complete.

mod config;
mod follow;
mod labels;
mod line;
mod metrics;
mod series;
mod table;

pub use metrics::SECTION;
pub use table::{Kind, METRICS, Metric};

/// Whether a whole configuration would be accepted; the error is the line that the proxy logs.
///
/// # Errors
/// Says where, what was found, what is allowed, and the cure.
pub fn check(configuration: &str) -> Result<(), String> {
    filter_shell::check(configuration.as_bytes(), &[SECTION]).map_err(|e| e.to_string())
}
