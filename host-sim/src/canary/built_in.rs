//! A file for who has none: two versions behind one proxy, and a rollout.

use std::path::Path;

use serde_json::{Value, json};

use crate::bootstrap::Bootstrap;
use crate::yaml::{Error, Node, Place};

/// What the candidate is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gates {
    /// Failures alone.
    Failures,
    /// All that there are.
    All,
}

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// Which rollout it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Four steps, half a minute apart, with a Prometheus that is asked, and vetoes.
    Steps,
    /// One step with this share of a hundred, and the first verdict after a day: only evidence ends it.
    Weight(u32),
    /// Many small steps, each of which wants about as many requests as an interval has: little decides whether a
    /// step is passed now or later, so whoever knows less than the others comes to something else. The requests
    /// are those of all proxies, a second.
    Fleet(u32),
}

const INTERVAL: u32 = 30;

/// The file around the module of the filters.
///
/// # Errors
/// Never, as long as the model reads what is made here.
pub fn built_in(module: &Path, gates: Gates, course: Course) -> Result<Bootstrap, Error> {
    let mut rollout = json!({
        "candidate": "v2", "stable": "v1", "start_at": "2026-12-01T09:00:00Z",
        "interval": format!("{INTERVAL}s"),
    });
    let more = match course {
        Course::Steps => json!({
            "candidate_steps": [10, 25, 50, 100],
            "analysis": "both", "prometheus": {"cluster": "prometheus"},
        }),
        Course::Weight(weight) => json!({
            "interval": "24h", "candidate_steps": [weight],
            "alpha": 0.005, "analysis": "local", "fleet_size": 1,
        }),
        Course::Fleet(rate) => json!({
            "candidate_steps": [20, 28, 29, 30, 31, 32, 33, 34, 50, 100],
            "min_samples": rate.saturating_mul(INTERVAL).saturating_mul(30) / 100,
            "analysis": "prometheus", "prometheus": {"cluster": "prometheus"},
        }),
    };
    if let (Some(rollout), Value::Object(more)) = (rollout.as_object_mut(), more) {
        rollout.extend(more);
    }
    if gates == Gates::Failures
        && let Some(rollout) = rollout.as_object_mut()
    {
        rollout.insert("gates".to_owned(), json!([{"signal": "failures"}]));
    }
    let configuration = json!({
        "version": 1,
        "match": {"paths": ["/v1/*"]},
        // Users are known by a header, and there is only one pool: nothing has to wait for a body.
        "body": {"access": "headers_only"},
        "models": [{"name": "llama-70b"}],
        "pools": [{"name": "gpu", "model": "llama-70b", "versions": ["v1", "v2"]}],
        "canary_split": [{
            "pool": "gpu",
            "weights": [{"version": "v1", "weight": 100}, {"version": "v2", "weight": 0}],
            "sticky": [{"header": "x-user-id"}],
            "rollout": rollout,
        }],
    });
    let json = json!({"static_resources": {
        "listeners": [{
            "name": "llm",
            "address": address(10_000),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager(module, &configuration),
            }]}],
        }],
        "clusters": [cluster("v1", 8_001), cluster("v2", 8_002), cluster("prometheus", 9_090)],
    }});
    let place = Place { file: "the built-in configuration".into(), line: 0, column: 0 };
    Bootstrap::from_node(&Node::from_json(&json, &place))
}

fn manager(module: &Path, configuration: &Value) -> Value {
    let configuration = json!({
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        "value": configuration.to_string(),
    });
    let route = |version: &str| {
        let header = json!({"name": "x-llm-version", "string_match": {"exact": version}});
        json!({"match": {"prefix": "/", "headers": [header]}, "route": {"cluster": version, "timeout": "0s"}})
    };
    json!({
        "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "llm",
        "route_config": {"name": "llm", "virtual_hosts": [{
            "name": "llm",
            "domains": ["*"],
            "routes": [route("v2"), route("v1"), {"match": {"prefix": "/"}, "route": {"cluster": "v1", "timeout": "0s"}}],
        }]},
        "http_filters": [
            {"name": "llm-mesh", "typed_config": {
                "@type": format!("{TYPES}.http.wasm.v3.Wasm"),
                "config": {
                    "name": "llm-mesh",
                    "root_id": "llm-mesh",
                    "failure_policy": "FAIL_RELOAD",
                    "allow_on_headers_stop_iteration": true,
                    "vm_config": {
                        "vm_id": "llm-mesh",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": module.display().to_string()}},
                    },
                    "configuration": configuration,
                },
            }},
            {"name": "envoy.filters.http.router", "typed_config": {
                "@type": format!("{TYPES}.http.router.v3.Router"),
            }},
        ],
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn cluster(name: &str, port: u16) -> Value {
    let limits =
        json!({"max_connections": 65_536, "max_pending_requests": 65_536, "max_requests": 65_536});
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::Schedule;

    #[test]
    fn the_built_in_files_have_a_rollout() {
        let of = |course| {
            let file = built_in(Path::new("llm_mesh.wasm"), Gates::Failures, course).unwrap();
            Schedule::of(&file).unwrap()
        };
        let day = of(Course::Weight(10));
        assert_eq!((day.steps, day.prometheus, day.candidate.as_str()), (vec![10], None, "v2"));
        let whole = of(Course::Steps);
        assert_eq!(whole.steps, [10, 25, 50, 100]);
        assert_eq!(whole.prometheus.as_deref(), Some("prometheus"));
        assert_eq!(
            (whole.start.as_secs(), whole.users),
            (1_796_115_600, vec!["x-user-id".to_owned()])
        );
    }
}
