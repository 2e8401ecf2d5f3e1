//! The mesh's own settings, as `istioctl install -f` takes them.
//!
//! Of `components` one annotation of the gateway's pods is read; what else stands there is about pods, and
//! there is none here.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{
    resource::{CURE, Resource},
    tracing::{self, Provider},
};
use crate::yaml::{Error, Reader};

/// What of the mesh's settings concerns a gateway here.
#[derive(Default)]
pub(super) struct Mesh {
    /// Labels that are lifted out of metric names.
    extra_stat_tags: Vec<String>,
    /// `histogram_bucket_settings`, as Istio makes them of the annotation.
    histogram_buckets: Vec<Json>,
    /// Where access-log lines go, and the line.
    access_log: Option<(String, String)>,
    /// Who may get traces.
    pub(super) tracing: Vec<Provider>,
}

pub(super) fn read(resource: &Resource<'_>) -> Result<Mesh, Error> {
    let mut spec = resource.spec.object()?;
    spec.not_modelled(&["values", "profile"], "`meshConfig` and `components`", CURE)?;
    let config = spec.required("meshConfig")?;
    let histogram_buckets =
        spec.optional("components").map_or(Ok(Vec::new()), |parts| gateway_buckets(&parts))?;
    spec.finish()?;
    let mut config = config.object()?;
    let file = config.optional("accessLogFile").map(|file| file.string()).transpose()?;
    let format = config.optional("accessLogFormat");
    let format = match (file, format) {
        (Some(file), Some(format)) => Some((file.to_owned(), format.string()?.to_owned())),
        (Some(_), None) => {
            let has = "a log with `accessLogFormat`";
            return Err(config.reader().not_modelled("Istio's own format", has, "add the format"));
        }
        (None, _) => None,
    };
    let extra_stat_tags =
        config.optional("defaultConfig").map_or(Ok(Vec::new()), |proxy| stat_tags(&proxy))?;
    let providers = config.items("extensionProviders")?;
    let tracing = providers.iter().map(tracing::read_provider).collect::<Result<_, _>>()?;
    // The way before `Telemetry`; where there is one, it decides.
    config.optional("enableTracing");
    config.finish()?;
    Ok(Mesh { extra_stat_tags, histogram_buckets, access_log: format, tracing })
}

/// The annotation for buckets, of all ingress gateways.
fn gateway_buckets(components: &Reader<'_>) -> Result<Vec<Json>, Error> {
    let mut components = components.object()?;
    let gateways = components.items("ingressGateways")?;
    components.finish()?;
    let mut buckets = Vec::new();
    for gateway in gateways {
        let mut gateway = gateway.object()?;
        gateway.required("name")?;
        gateway.optional("enabled");
        let pods = gateway.optional("k8s");
        gateway.finish()?;
        let Some(mut pods) = pods.map(|pods| pods.object()).transpose()? else { continue };
        let annotations = pods.optional("podAnnotations");
        pods.finish()?;
        let annotations = annotations.map_or(Ok(Vec::new()), |all| all.entries())?;
        for (_, value) in annotations.iter().filter(|(name, _)| *name == HISTOGRAM_BUCKETS) {
            buckets.extend(bucket_rules(value)?);
        }
    }
    Ok(buckets)
}

const HISTOGRAM_BUCKETS: &str = "sidecar.istio.io/statsHistogramBuckets";

/// Prefixes of names to lists of bounds; Istio sorts by prefix, so a longer one comes behind its beginning.
fn bucket_rules(annotation: &Reader<'_>) -> Result<Vec<Json>, Error> {
    let rules: BTreeMap<String, Vec<f64>> = serde_json::from_str(annotation.string()?)
        .map_err(|_| annotation.expected("a JSON object: prefixes of names to lists of bounds"))?;
    let rule = |(prefix, buckets)| json!({"match": {"prefix": prefix}, "buckets": buckets});
    Ok(rules.into_iter().map(rule).collect())
}

fn stat_tags(reader: &Reader<'_>) -> Result<Vec<String>, Error> {
    let mut proxy = reader.object()?;
    let tags = proxy.items("extraStatTags")?;
    // Which statistics are shown at all; here all are.
    proxy.optional("proxyStatsMatcher");
    if let Some(tracing) = proxy.optional("tracing") {
        tracing.object()?.finish()?;
    }
    proxy.finish()?;
    tags.iter().map(|tag| Ok(tag.string()?.to_owned())).collect()
}

impl Mesh {
    /// Istio's tag rules for the extra labels, in the notation of its own metrics.
    pub(super) fn stats_config(&self) -> Json {
        let rule =
            |tag: &String| json!({"tag_name": tag, "regex": format!(r"({tag}=\.=(.*?);\.;)")});
        let rules: Vec<Json> = self.extra_stat_tags.iter().map(rule).collect();
        json!({
            "use_all_default_tags": false,
            "stats_tags": rules,
            "histogram_bucket_settings": self.histogram_buckets,
        })
    }

    /// The access logs of the connection manager.
    pub(super) fn access_log(&self) -> Json {
        let Some((file, format)) = &self.access_log else { return json!([]) };
        json!([{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": file,
                "log_format": {"text_format_source": {"inline_string": format}},
            },
        }])
    }
}
