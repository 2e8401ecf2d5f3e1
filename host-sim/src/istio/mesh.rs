//! The mesh's own settings, as `istioctl install -f` takes them.

use serde_json::{Value as Json, json};

use super::resource::{CURE, Resource};
use crate::yaml::{Error, Reader};

/// What of the mesh's settings concerns a gateway here.
#[derive(Default)]
pub(super) struct Mesh {
    /// Labels that are lifted out of metric names.
    extra_stat_tags: Vec<String>,
    /// Where access-log lines go, and the line.
    access_log: Option<(String, String)>,
}

pub(super) fn read(resource: &Resource<'_>) -> Result<Mesh, Error> {
    let mut spec = resource.spec.object()?;
    spec.not_modelled(&["components", "values", "profile"], "`meshConfig`", CURE)?;
    let config = spec.required("meshConfig")?;
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
    config.finish()?;
    Ok(Mesh { extra_stat_tags, access_log: format })
}

fn stat_tags(reader: &Reader<'_>) -> Result<Vec<String>, Error> {
    let mut proxy = reader.object()?;
    let tags = proxy.items("extraStatTags")?;
    // Which statistics are shown at all; here all are.
    proxy.optional("proxyStatsMatcher");
    proxy.finish()?;
    tags.iter().map(|tag| Ok(tag.string()?.to_owned())).collect()
}

impl Mesh {
    /// Istio's tag rules for the extra labels, in the notation of its own metrics.
    pub(super) fn stats_config(&self) -> Json {
        let rule =
            |tag: &String| json!({"tag_name": tag, "regex": format!(r"({tag}=\.=(.*?);\.;)")});
        let rules: Vec<Json> = self.extra_stat_tags.iter().map(rule).collect();
        json!({"use_all_default_tags": false, "stats_tags": rules})
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
