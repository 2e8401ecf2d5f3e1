//! Traces: who gets them, of the mesh's settings, and what is on a span, of a `Telemetry`.
//!
//! Istio's own tags (`istio.mesh_id` and the like) are left out.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    put,
    resource::{CURE, Resource},
};
use crate::yaml::{Error, Object, Reader};

/// A collector that takes OTLP over HTTP.
pub(super) struct Provider {
    name: String,
    service: String,
    port: u16,
    path: String,
    timeout: Duration,
}

/// What a `Telemetry` says of traces.
#[derive(Default)]
pub(super) struct Telemetry {
    provider: Option<String>,
    /// Envoy's custom tags.
    tags: Vec<Json>,
    /// In percent.
    sampling: f64,
}

/// Istio's, where a `Telemetry` does not say it.
const SAMPLING: f64 = 1.0;
/// The same of a provider.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An item of `meshConfig.extensionProviders`.
pub(super) fn read_provider(reader: &Reader<'_>) -> Result<Provider, Error> {
    let mut provider = reader.object()?;
    let name = provider.required("name")?.string()?.to_owned();
    let Some(otlp) = provider.optional("opentelemetry") else {
        return Err(reader.not_modelled(&format!("provider `{name}`"), "`opentelemetry`", CURE));
    };
    provider.finish()?;
    let mut otlp = otlp.object()?;
    let service = otlp.required("service")?.string()?.to_owned();
    let port = otlp.required("port")?.integer()?;
    let Some(http) = otlp.optional("http") else {
        return Err(otlp.reader().not_modelled("OTLP over gRPC", "OTLP with `http`", CURE));
    };
    otlp.finish()?;
    let mut http = http.object()?;
    let path = http.required("path")?.string()?.to_owned();
    let timeout = http.optional("timeout").map_or(Ok(TIMEOUT), |timeout| timeout.seconds())?;
    http.finish()?;
    Ok(Provider { name, service, port, path, timeout })
}

/// A `Telemetry`, which may have nothing but `tracing`.
pub(super) fn read(resource: &Resource<'_>) -> Result<Telemetry, Error> {
    let mut spec = resource.spec.object()?;
    spec.not_modelled(&["metrics", "accessLogging"], "`tracing`", CURE)?;
    for ignored in ["selector", "targetRefs"] {
        spec.optional(ignored);
    }
    let tracing = spec.items("tracing")?;
    spec.finish()?;
    let mut telemetry = Telemetry { sampling: SAMPLING, ..Telemetry::default() };
    for tracing in tracing {
        let mut tracing = tracing.object()?;
        for provider in tracing.items("providers")? {
            let mut provider = provider.object()?;
            telemetry.provider = Some(provider.required("name")?.string()?.to_owned());
            provider.finish()?;
        }
        if let Some(percent) = tracing.optional("randomSamplingPercentage") {
            telemetry.sampling = percent.float()?;
        }
        if let Some(tags) = tracing.optional("customTags") {
            for (name, tag) in tags.entries()? {
                telemetry.tags.push(custom_tag(name, &tag)?);
            }
        }
        tracing.finish()?;
    }
    Ok(telemetry)
}

/// In Envoy's form.
fn custom_tag(name: &str, reader: &Reader<'_>) -> Result<Json, Error> {
    let mut tag = reader.object()?;
    let mut made = json!({"tag": name});
    let text = |from: &mut Object<'_>, field| Ok(from.required(field)?.string()?.to_owned());
    if let Some(formatter) = tag.optional("formatter") {
        let mut formatter = formatter.object()?;
        put(&mut made, "value", Json::String(text(&mut formatter, "value")?));
        formatter.finish()?;
    }
    if let Some(literal) = tag.optional("literal") {
        let mut literal = literal.object()?;
        put(&mut made, "literal", json!({"value": text(&mut literal, "value")?}));
        literal.finish()?;
    }
    for (ours, theirs) in [("environment", "environment"), ("header", "request_header")] {
        let Some(named) = tag.optional(ours) else { continue };
        let mut named = named.object()?;
        let default = named.optional("defaultValue");
        let default = default.map_or(Ok(""), |default| default.string())?.to_owned();
        put(
            &mut made,
            theirs,
            json!({"name": text(&mut named, "name")?, "default_value": default}),
        );
        named.finish()?;
    }
    tag.finish()?;
    Ok(made)
}

impl Provider {
    fn cluster(&self) -> String {
        format!("outbound|{}||{}", self.port, self.service)
    }
}

impl Telemetry {
    /// The collector's cluster with its port, and `tracing` of the connection manager; nothing where no
    /// provider of that name is known, which Istio, too, only notes in its log.
    pub(super) fn delivered(&self, providers: &[Provider]) -> Option<(String, u16, Json)> {
        let provider = providers.iter().find(|p| Some(&p.name) == self.provider.as_ref())?;
        let cluster = provider.cluster();
        let timeout = format!("{}s", provider.timeout.as_secs_f64());
        let tracing = json!({
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                    "http_service": {
                        "http_uri": {"uri": provider.path, "cluster": cluster, "timeout": timeout},
                    },
                    "service_name": "istio-ingressgateway.istio-system",
                },
            },
            "random_sampling": {"value": self.sampling},
            "custom_tags": self.tags,
        });
        Some((cluster, provider.port, tracing))
    }
}
