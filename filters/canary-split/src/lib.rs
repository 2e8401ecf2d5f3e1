//! Splits a pool's requests among its versions, and keeps each user at one.
//!
//! Routes of the proxy match on the header `x-llm-version`: subsets of a DestinationRule, or clusters.
//!
//! # When to use it
//! For a new version of a model or of its servers that is to get a part of the traffic first, and for any
//! number of versions side by side. A proxy's own weighted clusters draw anew for each request; a
//! conversation that is answered by another model at each turn is what users notice.
//!
//! # Configuration
//! ```
//! # let text = r#"
//! {
//!   "version": 1,
//!   "models": [{"name": "llama-70b"}, {"name": "llama-70b-next"}],
//!   "pools": [{"name": "gpu", "model": "llama-70b", "versions": ["v1", "v2"]}],
//!   "canary_split": [
//!     {
//!       "pool": "gpu",
//!       "weights": [
//!         {"version": "v1", "weight": 90},
//!         {"version": "v2", "weight": 10, "model": "llama-70b-next"}
//!       ],
//!       "sticky": [
//!         {"header": "x-user-id"},
//!         {"cookie": {"name": "llm-version", "max_age": "24h"}},
//!         {"claim": "sub"},
//!         {"body": "user"},
//!         "conversation"
//!       ],
//!       "force": {"header": "x-llm-force-version", "values": ["v2"]}
//!     }
//!   ]
//! }
//! # "#;
//! # assert_eq!(canary_split::check(text), Ok(()));
//! ```
//! | field | meaning |
//! |---|---|
//! | `weights` | the shares of the versions, of whatever sum. A version may name a `model`, which the body then names in place of the client's |
//! | `sticky` | by what a request is known, so that it gets the same version again: the first of the list that it has. Without any of them, chance |
//! | `force` | a header with which testers choose their version; `values` are those that may be asked for, all by default. Whoever can send the header can use it |
//! | `mode` | `shadow` counts what would be chosen, and chooses nothing |
//!
//! | known by | is |
//! |---|---|
//! | `{"header": NAME}` | its value |
//! | `{"cookie": {name, max_age, path, secure, same_site, http_only}}` | the cookie's value. A client without one gets one, with the number in it by which it was known otherwise, so that it stays where it is |
//! | `{"claim": NAME}`, `{"claim": {header, name}}` | a claim of the JSON Web Token in `authorization`, or in another header. It is not verified: it chooses a version and opens nothing |
//! | `{"body": "user"}` | `user` or `safety_identifier`, or Anthropic's `metadata.user_id` |
//! | `{"body": "session"}` | `session_id` or `prompt_cache_key` |
//! | `"conversation"` | the instructions and the user's first message, which clients send again with each turn |
//!
//! What stands in the body is known only of requests whose body is read.
//!
//! # Who moves when weights change
//! If one weight is raised, users move to that version and from no other to another; if one is lowered, away
//! from it. A transfer from one of several versions to another moves a few users more than it must: no
//! assignment that remembers nothing avoids that. Blue and green are weights of 0 and 100: all move at once,
//! and all move back.
//!
//! # Copies
//! To send a share of requests to another version as well, without anybody waiting for its answer, use the
//! proxy's own `request_mirror_policies` in the route of a version, with `runtime_fraction`.
//!
//! # Headers
//! | header | for |
//! |---|---|
//! | `x-llm-version` | routes and servers |
//! | `x-llm-version-reason` | clients, with `debug_headers`: by what it was known, `random` or `forced` |
//! | `set-cookie` | clients that are to be known by a cookie and have none |
//!
//! # Metrics
//! | metric | counts |
//! |---|---|
//! | `llm_split_requests_total{pool,version,reason}` | requests that were given a version |
//! | `llm_split_weight{pool,version}` | gauge: the weights in force |
//!
//! # When something goes wrong
//! A request of which nothing of the list is known, or whose token cannot be read, is given a version by chance.

mod config;
mod filter;
mod known;
mod metrics;

pub use filter::SECTION;

/// Whether a whole configuration would be accepted; the error is the line that the proxy logs.
///
/// # Errors
/// Says where, what was found, what is allowed, and the cure.
pub fn check(configuration: &str) -> Result<(), String> {
    filter_shell::check(configuration.as_bytes(), &[SECTION]).map_err(|e| e.to_string())
}
