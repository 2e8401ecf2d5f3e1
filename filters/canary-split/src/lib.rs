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
//! | `rollout` | a schedule for a new version, which judges itself; below |
//! | `adjust` | weights by load, in the place of a rollout; below |
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
//! # Rollout
//! ```
//! # let text = r#"
//! {
//!   "version": 1,
//!   "pools": [{"name": "gpu", "versions": ["v1", "v2"]}],
//!   "canary_split": [
//!     {
//!       "pool": "gpu",
//!       "weights": [{"version": "v1", "weight": 100}, {"version": "v2", "weight": 0}],
//!       "rollout": {
//!         "start_at": "2026-12-01T09:00:00Z",
//!         "interval": "30s",
//!         "candidate_steps": [10, 25, 50, 100],
//!         "on_fail": "rollback",
//!         "min_samples": 200,
//!         "alpha": 0.005,
//!         "fleet_size": 100,
//!         "analysis": "both",
//!         "prometheus": {"cluster": "prometheus", "host": "prometheus:9090", "evaluation_delay": "30s", "timeout": "2s"},
//!         "gates": [{"signal": "failures"}, {"signal": "first_token", "max_ratio": 1.5}, {"signal": "finish_length", "max": 0.2}]
//!       }
//!     }
//!   ]
//! }
//! # "#;
//! # assert_eq!(canary_split::check(text), Ok(()));
//! ```
//! | field | meaning |
//! |---|---|
//! | `start_at`, `interval` | when the first step begins, and how long after each other verdicts are |
//! | `candidate_steps` | the candidate's shares, of a hundred that it and the stable version have together |
//! | `candidate`, `stable` | who is tried against whom; of two versions the second against the first, if left out |
//! | `gates` | what it is judged by: `failures`, `first_token`, `tokens_per_second`, `finish_length`, `finish_content_filter`, `output_tokens`; against the stable version (`max_ratio` times as bad) or a limit (`max`, `limit`). All six if left out; a gate without samples never passes, so name those that your traffic has: answers that do not stream have no first token and no tokens per second |
//! | `min_samples` | a step lasts until each gate has seen so many of the candidate's requests; of `failures` those that did not fail, so that nothing is passed while everything fails. A failure waits for no sample |
//! | `on_fail` | `rollback`: the candidate gets nothing; `hold`: it keeps what it has |
//! | `alpha` | how likely a candidate that is no worse may be rolled back in the whole rollout, by all gates, looks and proxies together |
//! | `fleet_size` | how many proxies may judge by themselves; each has its part of `alpha` |
//! | `analysis` | `prometheus`: by the verdicts of the fleet; `local`: by what this proxy has seen; `both`: by the fleet's, and this proxy may stop the candidate here before |
//! | `prometheus` | the cluster that leads to it; `query` in the place of the recorded verdict, each series below 0 for worse and above 0 for no worse |
//!
//! Where it is depends on the configuration and on the verdicts of the instants `start_at` plus a multiple of
//! `interval`, and on nothing else: so all proxies of a fleet are at the same step, and one that starts in the
//! middle asks for the whole history and gets there. Until it has heard it, it has the `weights`. Each verdict is
//! asked as of `evaluation_delay` before its instant, because scrapes arrive late. While Prometheus is away
//! nothing moves. After a rollback only a new `start_at` begins again. If steps, interval, gates or question change
//! under way, the history is heard again, and until then everybody stays; with `local`, which has none, other steps
//! or another interval begin with the first step. Another `max_ratio`, `max` or `limit` wants a new `start_at`:
//! what the fleet has found out by the old one would be added to what it finds out by the new one.
//!
//! The method is a sequential test that may be looked at as often as one likes (`traffic_policy::evidence`). The
//! rules that make the fleet's verdict are those of `manifests/prometheus/canary.yaml`; `host-sim canary` plays a
//! rollout before it begins.
//!
//! # Weights by load
//! `"adjust": {"by": "first_token", "min": 5, "max": 80, "interval": "10s"}` moves the weights to versions that are
//! faster than others, by the mean time to the first token or by `outstanding_tokens`, little by little and between
//! the bounds, in percent.
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
//! | `llm_split_step{pool}`, `llm_split_percent{pool}` | gauges: the step of a rollout, from 0, and the candidate's share |
//! | `llm_split_phase{pool,phase}` | gauges: 1 for `waiting`, `running`, `done`, `rolled_back` or `held` |
//! | `llm_split_verdicts_total{pool,verdict}` | the fleet's verdicts: `pass`, `fail`, `inconclusive` |
//! | `llm_split_vetoes_total{pool}` | candidates that this proxy has stopped by itself |
//! | `llm_split_asks_total{pool,outcome}` | questions to Prometheus: `answered`, `empty`, `unreadable`, `failed`, `not_sent` |
//! | `llm_split_evidence_micros{pool,signal}` | gauge: the logarithm of this proxy's own evidence, in millionths |
//! | `llm_split_rollout{pool,version,stable,start}` | gauge: when it starts, in seconds since 1970; 0 when the pool has no rollout any more |
//! | `llm_split_samples_total`, `llm_split_events_total`, `llm_split_against_micros_total` | what the rules add up to the fleet's evidence |
//! | `llm_split_bound_micros`, `llm_split_matters` | gauges: where it is enough, and whether the measured difference is of a size to act on |
//!
//! # When something goes wrong
//! A request of which nothing of the list is known, or whose token cannot be read, is given a version by chance.
//! An answer of Prometheus that is late, empty, too long or no answer leaves the rollout where it is, and is counted.
//! A candidate that never answers is seen when the proxy cuts its requests (`stream_idle_timeout`), or clients leave
//! that have waited for ten seconds; who leaves sooner says nothing.
//! What is judged is what clients get: a failure that a retry has mended is none.
//! Nor is a status of 400 to 499, but for 404, 408 and 429: a client that sends the same wrong request again and again
//! is always given the same version, and would look like many. A version that refuses everybody so gets no samples and
//! goes no step further; `LlmRolloutStuck` says so.
//! A proxy that is started anew has forgotten what it had seen itself: with `local` its rollout begins with the first
//! step again.

mod adjusting;
mod config;
mod filter;
mod known;
mod leading;
mod metrics;
mod rolling;
mod splitting;

pub use filter::SECTION;

/// Whether a whole configuration would be accepted; the error is the line that the proxy logs.
///
/// # Errors
/// Says where, what was found, what is allowed, and the cure.
pub fn check(configuration: &str) -> Result<(), String> {
    filter_shell::check(configuration.as_bytes(), &[SECTION]).map_err(|e| e.to_string())
}
