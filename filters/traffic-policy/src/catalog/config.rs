//! `models` and `pools` as they are written, and the way to a [`Catalog`].

use std::net::SocketAddr;

use serde::Deserialize;

use super::{Catalog, Encoding, Model, Pool};
use crate::invalid::Invalid;

/// One entry of `models`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawModel {
    /// The name the model servers know.
    pub name: String,
    /// Other names under which clients ask for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// How many tokens prompt and answer may have together.
    pub context_window: Option<u64>,
    /// The published encoding of its tokens: `o200k_base`, `o200k_harmony` or `cl100k_base`.
    pub encoding: Option<Encoding>,
}

/// One entry of `pools`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPool {
    /// What `x-llm-pool` says.
    pub name: String,
    /// The model its servers run; one of `models`.
    pub model: Option<String>,
    /// The versions that a split may choose between.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Other pools that may take its requests, in order.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// The addresses of its servers, `10.0.0.1:8000`, if single ones are to be left out when they fail.
    #[serde(default)]
    pub endpoints: Vec<String>,
}

impl TryFrom<(Vec<RawModel>, Vec<RawPool>)> for Catalog {
    type Error = Invalid;

    fn try_from((models, pools): (Vec<RawModel>, Vec<RawPool>)) -> Result<Self, Invalid> {
        let models = models.into_iter().map(|m| Model {
            name: m.name,
            aliases: m.aliases,
            context_window: m.context_window,
            encoding: m.encoding,
        });
        let pools: Result<Vec<Pool>, Invalid> = pools
            .into_iter()
            .enumerate()
            .map(|(index, p)| {
                Ok(Pool {
                    endpoints: endpoints(&p.endpoints)
                        .map_err(|e| e.under(&format!("pools[{index}]")))?,
                    name: p.name,
                    model: p.model,
                    versions: p.versions,
                    fallback: p.fallback,
                })
            })
            .collect();
        let catalog = Self { models: models.collect(), pools: pools? };
        catalog.check_models()?;
        catalog.check_pools()?;
        Ok(catalog)
    }
}

impl Catalog {
    fn check_models(&self) -> Result<(), Invalid> {
        let mut taken: Vec<&str> = Vec::new();
        for (index, model) in self.models.iter().enumerate() {
            let names = std::iter::once(("name".to_owned(), &model.name))
                .chain(model.aliases.iter().enumerate().map(|(n, a)| (format!("aliases[{n}]"), a)));
            for (field, name) in names {
                let path = format!("models[{index}].{field}");
                check_name(&path, name)?;
                if taken.contains(&name.as_str()) {
                    return Err(Invalid::new(
                        path,
                        format!(
                            "found `{name}` again; a name or alias may belong to one model only; remove one of the two"
                        ),
                    ));
                }
                taken.push(name);
            }
            if model.context_window == Some(0) {
                return Err(Invalid::new(
                    format!("models[{index}].context_window"),
                    "found `0`; allowed 1 and more; leave it out if it is not known",
                ));
            }
        }
        Ok(())
    }

    fn check_pools(&self) -> Result<(), Invalid> {
        for (index, pool) in self.pools.iter().enumerate() {
            let at = |field: &str| format!("pools[{index}].{field}");
            check_name(&at("name"), &pool.name)?;
            if self.pools.iter().take(index).any(|other| other.name == pool.name) {
                return Err(Invalid::new(
                    at("name"),
                    format!("found `{}` again; each pool needs a name of its own", pool.name),
                ));
            }
            if let Some(model) = &pool.model
                && !self.models.iter().any(|m| &m.name == model)
            {
                let names = self.models.iter().map(|m| m.name.as_str());
                return Err(Invalid::not_one_of(at("model"), model, names, "add it to models"));
            }
            for (n, version) in pool.versions.iter().enumerate() {
                check_name(&at(&format!("versions[{n}]")), version)?;
            }
            for (n, fallback) in pool.fallback.iter().enumerate() {
                if fallback == &pool.name || self.pool(fallback).is_none() {
                    let others = self.pool_names().filter(|name| *name != pool.name);
                    return Err(Invalid::not_one_of(
                        at(&format!("fallback[{n}]")),
                        fallback,
                        others,
                        "add it to pools",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// More servers than this are a pool whose members the proxy's own load balancing knows better.
const MAX_ENDPOINTS: usize = 48;

fn endpoints(texts: &[String]) -> Result<Vec<SocketAddr>, Invalid> {
    if texts.len() > MAX_ENDPOINTS {
        let found = texts.len();
        let allowed = format!(
            "found {found}; allowed at most {MAX_ENDPOINTS}; leave them out, and the pool is judged as a whole"
        );
        return Err(Invalid::new("endpoints", allowed));
    }
    let mut known = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let endpoint: Option<SocketAddr> = text.parse().ok();
        let Some(endpoint) = endpoint.filter(|e| !known.contains(e)) else {
            let allowed = "allowed an address and a port, such as `10.0.0.1:8000`, each once; write it as the proxy's cluster does";
            return Err(Invalid::new(
                format!("endpoints[{n}]"),
                format!("found `{text}`; {allowed}"),
            ));
        };
        known.push(endpoint);
    }
    Ok(known)
}

/// Names become header values and metric labels, so they stay within what both can carry.
///
/// A `;` would end a metric label early, and white space or control characters would be changed
/// or refused on the way through HTTP.
fn check_name(path: &str, name: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_graphic() && c != ';';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(fits) {
        return Err(Invalid::new(
            path,
            format!(
                "found `{name}`; allowed 1 to {MAX_NAME_BYTES} printable ASCII characters without space and `;`; choose another name"
            ),
        ));
    }
    Ok(())
}

/// Long enough for any published model name, short enough for a label.
const MAX_NAME_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, aliases: &[&str]) -> RawModel {
        RawModel {
            name: name.into(),
            aliases: aliases.iter().map(|a| (*a).into()).collect(),
            context_window: None,
            encoding: None,
        }
    }

    fn pool(name: &str, model: &str, fallback: &[&str]) -> RawPool {
        RawPool {
            name: name.into(),
            model: Some(model.into()),
            versions: vec![],
            fallback: fallback.iter().map(|f| (*f).into()).collect(),
            endpoints: vec![],
        }
    }

    #[track_caller]
    fn refused(models: Vec<RawModel>, pools: Vec<RawPool>, expected: &str) {
        assert_eq!(Catalog::try_from((models, pools)).unwrap_err().to_string(), expected);
    }

    #[test]
    fn an_alias_resolves_to_the_model_it_stands_for() {
        let catalog = Catalog::try_from((vec![model("llama-70b", &["gpt-4o"])], vec![])).unwrap();
        assert_eq!(catalog.resolve("gpt-4o").map(|m| m.name.as_str()), Some("llama-70b"));
        assert_eq!(catalog.resolve("gpt-4"), None);
    }

    #[test]
    fn two_models_cannot_share_an_alias() {
        refused(
            vec![model("a", &["x"]), model("b", &["x"])],
            vec![],
            "models[1].aliases[0]: found `x` again; a name or alias may belong to one model only; remove one of the two",
        );
    }

    #[test]
    fn a_pool_of_an_unknown_model_is_refused_with_the_known_ones() {
        refused(
            vec![model("a", &[])],
            vec![pool("p", "b", &[])],
            "pools[0].model: found `b`; allowed a; add it to models",
        );
    }

    #[test]
    fn a_pool_cannot_fall_back_to_itself() {
        refused(
            vec![model("a", &[])],
            vec![pool("p", "a", &["p"]), pool("q", "a", &[])],
            "pools[0].fallback[0]: found `p`; allowed q; add it to pools",
        );
    }

    #[test]
    fn an_endpoint_is_an_address_and_a_port_and_stands_there_once() {
        let with = |endpoints: &[&str]| {
            let endpoints = endpoints.iter().map(|e| (*e).into()).collect();
            let pool = RawPool { endpoints, ..pool("p", "a", &[]) };
            Catalog::try_from((vec![model("a", &[])], vec![pool]))
        };
        assert!(with(&["10.0.0.1:8000", "[::1]:8000"]).is_ok());
        for (n, wrong) in [(0, "gpu-1:8000"), (0, "10.0.0.1"), (1, "10.0.0.1:8000")] {
            let list = if n == 1 { vec![wrong, wrong] } else { vec![wrong] };
            let error = with(&list).unwrap_err().to_string();
            let wanted = format!("pools[0].endpoints[{n}]: found `{wrong}`; allowed an address");
            assert!(error.starts_with(&wanted), "{error}");
        }
    }

    #[test]
    fn a_name_that_would_break_a_metric_label_is_refused() {
        let error = Catalog::try_from((vec![model("a;b", &[])], vec![])).unwrap_err();
        assert!(error.to_string().starts_with("models[0].name: found `a;b`; allowed"), "{error}");
    }
}
