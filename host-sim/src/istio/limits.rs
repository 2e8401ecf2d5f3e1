//! `trafficPolicy` of a `DestinationRule`: how much a cluster is given at once, and who is left out for a while.
//!
//! Istio's defaults are not Envoy's. Nothing is limited where the policy says nothing, retries either; and with
//! `outlierDetection` there is no panic: a host whose servers are all left out has none.

use serde_json::{Value as Json, json};

use super::{put, resource::CURE};
use crate::yaml::{Error, Object, Reader};

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// What Istio sets where nothing is said.
const UNLIMITED: u32 = u32::MAX;

/// The fields of the cluster that a policy sets; without a policy, Istio's defaults.
pub(super) fn read(policy: Option<&Reader<'_>>) -> Result<Json, Error> {
    let mut fields = json!({});
    let mut limits = json!({
        "max_connections": UNLIMITED,
        "max_pending_requests": UNLIMITED,
        "max_requests": UNLIMITED,
        "max_retries": UNLIMITED,
    });
    if let Some(policy) = policy {
        let mut policy = policy.object()?;
        if let Some(pool) = policy.optional("connectionPool") {
            connection_pool(&pool, &mut limits, &mut fields)?;
        }
        if let Some(detection) = policy.optional("outlierDetection") {
            outlier_detection(&detection, &mut fields)?;
        }
        policy.finish_with(|field, _| Some(not_modelled(field)))?;
    }
    put(&mut fields, "circuit_breakers", json!({"thresholds": [limits]}));
    Ok(fields)
}

fn connection_pool(reader: &Reader<'_>, limits: &mut Json, fields: &mut Json) -> Result<(), Error> {
    let mut pool = reader.object()?;
    if let Some(tcp) = pool.optional("tcp") {
        let mut tcp = tcp.object()?;
        copy(&mut tcp, "maxConnections", limits, "max_connections")?;
        if let Some(timeout) = tcp.optional("connectTimeout") {
            put(fields, "connect_timeout", json!(seconds(&timeout)?));
        }
        tcp.finish_with(|field, _| Some(not_modelled(field)))?;
    }
    if let Some(http) = pool.optional("http") {
        let mut http = http.object()?;
        copy(&mut http, "http1MaxPendingRequests", limits, "max_pending_requests")?;
        copy(&mut http, "http2MaxRequests", limits, "max_requests")?;
        copy(&mut http, "maxRetries", limits, "max_retries")?;
        let mut common = json!({});
        let most = "maxRequestsPerConnection";
        if copy(&mut http, most, &mut common, "max_requests_per_connection")? {
            let options = json!({
                "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": common,
            });
            put(fields, "typed_extension_protocol_options", json!({HTTP_OPTIONS: options}));
        }
        http.finish_with(|field, _| Some(not_modelled(field)))?;
    }
    pool.finish()
}

fn outlier_detection(reader: &Reader<'_>, fields: &mut Json) -> Result<(), Error> {
    let mut detection = reader.object()?;
    if let Some(old) = detection.optional("consecutiveErrors") {
        let cure = "write `consecutive5xxErrors` or `consecutiveGatewayErrors`";
        return Err(old.invalid(
            "`consecutiveErrors`, which Istio no longer reads",
            "another",
            cure,
        ));
    }
    let mut envoy =
        json!({"enforcing_consecutive_gateway_failure": 0, "enforcing_success_rate": 0});
    if copy(&mut detection, "consecutiveGatewayErrors", &mut envoy, "consecutive_gateway_failure")?
    {
        put(&mut envoy, "enforcing_consecutive_gateway_failure", json!(100));
    }
    copy(&mut detection, "consecutive5xxErrors", &mut envoy, "consecutive_5xx")?;
    copy(&mut detection, "maxEjectionPercent", &mut envoy, "max_ejection_percent")?;
    for (theirs, ours) in [("interval", "interval"), ("baseEjectionTime", "base_ejection_time")] {
        if let Some(time) = detection.optional(theirs) {
            put(&mut envoy, ours, json!(seconds(&time)?));
        }
    }
    detection.finish_with(|field, _| Some(not_modelled(field)))?;
    put(fields, "outlier_detection", envoy);
    put(fields, "common_lb_config", json!({"healthy_panic_threshold": {"value": 0}}));
    Ok(())
}

/// Copies a number under another name; false: there is none.
fn copy(
    from: &mut Object<'_>,
    theirs: &'static str,
    to: &mut Json,
    ours: &str,
) -> Result<bool, Error> {
    let Some(number) = from.optional(theirs) else { return Ok(false) };
    put(to, ours, json!(number.integer::<u32>()?));
    Ok(true)
}

fn seconds(reader: &Reader<'_>) -> Result<String, Error> {
    Ok(format!("{}s", reader.duration()?.as_secs_f64()))
}

fn not_modelled(field: &str) -> crate::yaml::Problem {
    crate::yaml::Problem::NotModelled {
        found: format!("`{field}`"),
        has: "limits of the connection pool, and outlier detection".to_owned(),
        cure: CURE.to_owned(),
    }
}
