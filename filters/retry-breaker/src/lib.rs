//! Says how often the proxy tries a request, and keeps requests away from servers that fail.
//!
//! The retries are the proxy's own: the filter writes the headers that tell it how many there may be, of
//! which errors, and how long each attempt may take. The breaker is the filter's: for each pool, and for
//! each of its endpoints where they are named, it knows whether the servers are well, and sends requests
//! elsewhere, or refuses them, while they are not.
//!
//! # When to use it
//! Wherever a request has a second place to go to: another server, another pool, a provider. A proxy's own
//! retries and outlier detection see a status, and the status of a stream is sent before anything can go
//! wrong; they count a request of 100,000 tokens like a greeting; and they take 429 for an answer.
//!
//! Which pool a request is sent to is said by token-router, in the same plugin or an earlier one; where
//! `pools` has one only, it is that.
//!
//! # Configuration
//! A list with an entry for each pool that is to be watched. This one writes the defaults out:
//! ```
//! # let text = r#"
//! {
//!   "version": 1,
//!   "models": [{"name": "llama-70b"}, {"name": "llama-8b"}],
//!   "pools": [
//!     {"name": "gpu-a", "model": "llama-70b", "endpoints": ["10.0.0.1:8000", "10.0.0.2:8000"], "fallback": ["gpu-b"]},
//!     {"name": "gpu-b", "model": "llama-8b"}
//!   ],
//!   "retry_breaker": [
//!     {
//!       "pool": "gpu-a",
//!       "mode": "enforce",
//!       "retry": {
//!         "attempts": 3,
//!         "on": ["gateway-error", "connect-failure", "refused-stream"],
//!         "along": "pool",
//!         "token_budget_percent": 20, "budget_floor": 10000, "budget_window": "30s",
//!         "body_limit": "1MiB",
//!         "obey_client_headers": false,
//!         "hedge_on_per_try_timeout": false,
//!         "classes": {"rate_limited": "next", "overloaded": "next", "server_error": "next", "timeout": "next",
//!                     "context_length": "fail", "content_policy": "fail", "authentication": "fail"}
//!       },
//!       "per_try_timeout": {"base": "2s", "per_prompt_token": "300us", "per_output_token": "25ms", "at_most": "300s"},
//!       "first_token_within": {"base": "2s", "per_prompt_token": "300us"},
//!       "breaker": {
//!         "consecutive_failures": 5, "failure_percent": 50, "min_requests": 20, "window": "30s",
//!         "eject_for": "60s", "eject_at_most": "600s", "rate_limited_for": "10s", "max_hint": "60s",
//!         "max_ejected_percent": 50, "probes": 1, "restore_over": "10s", "when_all_ejected": "least_bad"
//!       }
//!     }
//!   ]
//! }
//! # "#;
//! # assert_eq!(retry_breaker::check(text), Ok(()));
//! ```
//!
//! # Retries
//! | field | meaning |
//! |---|---|
//! | `attempts` | how often a request is sent at most, the first time included |
//! | `on` | what the proxy tries again: its own names for `x-envoy-retry-on`. With attempt-guard add `reset`: a stream whose server goes away while its headers are held is tried again only then |
//! | `classes` | which kinds of errors another attempt may heal: `next` tries again, `fail` gives the error to the client. Without attempt-guard a kind is known by its status alone; `context_length` and `content_policy`, which share 400 with all other mistakes, need it |
//! | `along` | `pool`: all attempts stay in the pool's cluster. `fallback`: the route leads to a composite cluster of the pool and its `fallback` pools in their order, and each attempt goes one further; there are no more attempts than pools |
//! | `token_budget_percent`, `budget_floor`, `budget_window` | prompts that are sent again may have so many of a hundred prompt tokens of the last while, or `budget_floor`, if that is more. A request beyond that is sent once. Counted when the answer comes, for all workers together: requests that are on their way when an outage begins are not stopped. A prompt longer than the floor is sent again only where there is enough other traffic |
//! | `body_limit` | the proxy's own limit for bodies that it can send again; it says nothing when a body is longer, so the filter has to know it. A longer body is sent once, and counted |
//! | `per_try_timeout` | for answers that are no streams: how long an attempt may take, by the tokens of its prompt and those that were asked for; where nothing was asked, `at_most` |
//! | `first_token_within` | for streams, and no longer than `per_try_timeout.at_most` either: how long the headers of an attempt may take; where attempt-guard holds them, how long its first token may take. The time of the whole stream is not limited: `x-envoy-upstream-rq-timeout-ms: 0` |
//! | `obey_client_headers` | leaves the `x-envoy-*` headers of clients about retries and timeouts alone. The proxy removes them from clients outside; from peers that its `internal_address_config` names only the filter does. The plugin obeys if one entry says so |
//!
//! # A route with retries of its own
//! Istio gives every route two retries that nobody asked for. Seen on Envoy 1.40
//! (`tests/scenarios/router/istio_retries_and_headers_add_up.yaml`):
//! - conditions add up: what either side names is tried again. The same is true of statuses, so no header takes
//!   the 503 of Istio's default away, and a class that is set to `fail` here is tried again if the route says so.
//! - the number of attempts is ours alone, up and down; one attempt ends the route's retries, too.
//! - the time for an attempt is ours alone, shorter and longer.
//!
//! So with this filter routes need no retry policy of their own, but for `retry_host_predicate`.
//!
//! # The breaker
//! `healthy -> ejected -> probing -> restoring -> healthy`. A member is ejected by so many failures in a row,
//! by a share of failures among enough requests, by a 429 (or an overload that says when to come back), and
//! by first tokens slower than `slow_first_token`, if that is set. Failures are statuses of 500 and more,
//! answers that do not come, errors inside a 200, streams that break off or fall silent. A client that goes
//! away, and a request that is itself at fault, say nothing. The first ejection lasts `eject_for`, the next
//! twice as long, at most `eject_at_most`; what a server says of when to come back counts up to `max_hint`. Where
//! clients bring keys of their own, one client's 429 keeps all from that pool for so long: keep it short there. Then
//! `probes` requests may go there at once; one that succeeds lets the share grow over `restore_over`.
//!
//! An ejected *endpoint* is left out by naming the others in `x-llm-endpoint`, for the proxy's load
//! balancing policy `override_host`; while all are well the header is not set. At most
//! `max_ejected_percent` of a pool's endpoints are ejected. An ejected *pool* sends its requests to the
//! first of its `fallback` pools that takes them, each at most once and three at most, in that pool's own
//! model. If none is left, `when_all_ejected` says: `least_bad` sends it where the ejection ends first,
//! `refuse` answers 503 with `Retry-After`, in the API's own error shape. An ejection is one proxy's opinion:
//! nothing crosses proxies.
//!
//! `mode: shadow` counts and logs what would be done, and does none of it.
//!
//! # What is lost without attempt-guard
//! It is a plugin of its own behind the router, where no `WasmPlugin` can be put without an `EnvoyFilter`. Without it:
//! - only the last attempt is seen. That earlier ones failed is known from their number, not why, nor which
//!   endpoint it was: an endpoint that always fails first and is healed by the next attempt is never ejected.
//! - an error inside a 200, an empty stream and a page of HTML are answers to the proxy: they reach the client and
//!   count in the breaker, and are not tried again.
//! - `first_token_within` ends with the response's headers, which servers may send before they generate.
//! - an attempt after a failed one may go to the same server again, which with `LEAST_REQUEST` is the one that has
//!   failed at once and therefore has the least to do: give the route
//!   `retry_host_predicate: previous_hosts` (Istio's own retries have it).
//! - every attempt of a chain has the same model, path and body in it.
//!
//! # Headers
//! | header | for |
//! |---|---|
//! | `x-llm-pool`, `x-llm-model`, `x-llm-reason: diverted_ejected` | routes and servers, after a diversion |
//! | `x-llm-endpoint` | the proxy's load balancing, while an endpoint is ejected |
//! | `x-envoy-retry-on`, `x-envoy-max-retries`, `x-envoy-retriable-status-codes`, `x-envoy-upstream-rq-per-try-timeout-ms`, `x-envoy-upstream-rq-timeout-ms` | the proxy, which removes them |
//!
//! # Metrics
//! | metric | counts |
//! |---|---|
//! | `llm_breaker_transitions_total{pool,to}` | steps of the pool and its members, to `ejected`, `probing`, `restoring`, `healthy` |
//! | `llm_breaker_ejected{pool}` | gauge: members that are ejected or probed |
//! | `llm_breaker_diverted_total{pool,to,reason}` | requests that went to another pool |
//! | `llm_breaker_refused_total{pool}` | requests that were refused because nobody was left |
//! | `llm_retry_attempts_total{pool,reason}` | attempts after the first, by how the one before ended; `unseen` without attempt-guard |
//! | `llm_retry_tokens_total{pool}` | prompt tokens that were sent again |
//! | `llm_retry_denied_total{pool,reason}` | requests that may be sent once only: `budget`, `body_limit` |
//!
//! # When something goes wrong
//! State that cannot be read counts as none, and everybody is well. If the proxy has no shared data, nothing
//! is ejected and no budget is kept. A trap of the filter is the plugin's: see the module's page.

mod ask;
mod config;
mod filter;
mod follow;
mod metrics;
mod target;
mod watched;

pub use filter::SECTION;

/// Whether a whole configuration would be accepted; the error is the line that the proxy logs.
///
/// # Errors
/// Says where, what was found, what is allowed, and the cure.
pub fn check(configuration: &str) -> Result<(), String> {
    filter_shell::check(configuration.as_bytes(), &[SECTION]).map_err(|e| e.to_string())
}
