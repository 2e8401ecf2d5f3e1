//! Routes a request by what it is: its model, its tokens, its tools.
//!
//! The first rule whose conditions hold sends the request to its pool; a request that no rule
//! matches goes to the default pool. Routes of the proxy match on the header `x-llm-pool`.
//!
//! # When to use it
//! Wherever one address serves several models, or the same model on different hardware: long
//! prompts to the servers with much memory, small models to the cheap ones.
//!
//! # Configuration
//! ```
//! # let text = r#"
//! {
//!   "version": 1,
//!   "models": [{"name": "llama-70b", "aliases": ["gpt-4o"]}, {"name": "llama-8b"}],
//!   "pools": [{"name": "gpu-large", "model": "llama-70b"}, {"name": "gpu-small", "model": "llama-8b"}],
//!   "token_router": {
//!     "rules": [
//!       {"name": "long-prompt", "when": {"prompt_tokens": {"at_least": 6000}}, "pool": "gpu-large"},
//!       {"name": "small-model", "when": {"model": "llama-8b*"}, "pool": "gpu-small"}
//!     ],
//!     "default": {"pool": "gpu-large"},
//!     "on_unknown_model": "refuse"
//!   }
//! }
//! # "#;
//! # assert_eq!(token_router::check(text), Ok(()));
//! ```
//! Conditions of a rule: `model` (a name, an alias, or a pattern with `*`), `prompt_tokens` and
//! `total_tokens` (prompt plus the longest answer allowed), each `{at_least, at_most}`, `stream`,
//! `tools`, `images`, `headers` (name to pattern), `path`. All that are given must hold.
//!
//! `on_context_overflow` says what becomes of a request whose prompt and longest answer do not fit
//! into the `context_window` of the model that its pool runs: `ignore` (the default; the server
//! refuses it), `refuse`, or `route_larger`: it goes to the first of the pool's `fallback` pools into
//! which it fits, and is refused if there is none. An estimate's error counts in the request's favour:
//! what may be too long is sent to more room, only what is too long for sure is refused.
//!
//! `rewrite_model: true` puts the name of the model that the pool runs (or, for a pool without one,
//! the real name behind an alias) into the request's body in place of the client's, and corrects
//! `content-length`. Without it servers get the name that the client wrote, and have to know it.
//! A request that does not wait for its body (`headers_only`) keeps its name.
//!
//! # How tokens are counted
//! Every prompt is estimated, which costs next to nothing. A model with `encoding: o200k_base` or
//! `cl100k_base` in `models` is counted exactly, as OpenAI counts, in a build that has its table
//! (features `exact-o200k`, `exact-cl100k`; the default build refuses the setting). With
//! `tokens: {"exact": "when_needed"}`, the default, that is done where the decision depends on the
//! number; with `always`, for every prompt. With `gate` access a body cannot be read again, so there
//! every prompt is counted whose model is named before its text, as clients write it.
//!
//! Images, audio and files are counted by the size that their first bytes say, never as text; a
//! count with one of them is never called exact, and its error says how far off it may be. Nor is the
//! count of a body whose server has more of the prompt (`previous_response_id`), or that has a field
//! twice, of which all text is counted: of these nobody knows how far off it is, and the error is 100.
//!
//! | medium | tokens |
//! |---|---|
//! | image for a `gpt-4o`, `gpt-4.1` or `gpt-4.5` | 85, and 170 for each tile of 512 pixels once it fits into 2048 by 2048 and its short side into 768; in low detail 85 |
//! | for `gpt-5`; `o1` and `o3`; `computer-use-preview`; `gpt-4o-mini` | likewise 70 and 140; 75 and 150; 65 and 129; 2,833 and 5,667 |
//! | for `gpt-4.1-mini`, `gpt-5-mini`; `gpt-4.1-nano`, `gpt-5-nano`; `o4-mini` | patches of 32 pixels, 1,536 at most, times 1.62; 2.46; 1.72 |
//! | for `claude...` and whatever comes on Anthropic's API | blocks of 28 pixels, 1,568 at most, the long side 1,568 at most |
//! | for other models | as for `gpt-4o`, as an allowance |
//! | image by URL or id | one of 1024 by 1024 |
//! | audio | ten tokens a second; WAV files say their seconds, others are taken for 128 kbit/s, audio by URL for a minute |
//! | PDF | 3,000 for each 50,000 bytes; by URL or id 30,000 |
//! | other file | a token for four bytes |
//!
//! The model is the one that the client names. Sources of these numbers are in `llm-wire`, `media`.
//!
//! # Headers towards the servers and for routes
//! | header | value |
//! |---|---|
//! | `x-llm-model` | the model's real name, whatever alias the client used |
//! | `x-llm-pool` | the chosen pool |
//! | `x-llm-reason` | the rule's name, or `default`, `unknown_model`, `missing_model`, `incomplete`, `malformed`, `context_window` |
//!
//! # Metrics
//! | metric | counts |
//! |---|---|
//! | `llm_router_decisions_total{pool,reason}` | decisions for a pool; a client may go away before its request does |
//! | `llm_router_refused_total{reason}` | requests answered with an error |
//! | `llm_exact_counts_total{outcome}` | prompts of models with an `encoding`: tokens `counted` to the end, only until the decision was certain (`enough`), or `skipped` because any number would have decided the same |
//! | `llm_body_edits_total{outcome}` | bodies that were to be changed, `done` or `failed` |
//!
//! # When something goes wrong
//! A path is read with its percent encoding undone, as servers read it; one that is then none of an
//! LLM API's (`/v1/models`) is routed by its headers.
//!
//! A body that is no JSON (or has more than 1,000 brackets open at once), is larger than `body.inspect_limit`, or comes slower than
//! `body.decide_within` is routed by what was seen of it, if that settles every rule; else
//! `body.on_malformed` and `body.on_incomplete` say `route_default` or `refuse`.

mod metrics;
mod refusal;
mod request;
mod router;

pub use router::SECTION;

/// Whether a whole configuration would be accepted; the error is the line that the proxy logs.
///
/// # Errors
/// Says where, what was found, what is allowed, and the cure.
pub fn check(configuration: &str) -> Result<(), String> {
    filter_shell::check(configuration.as_bytes(), &[SECTION]).map_err(|e| e.to_string())
}
