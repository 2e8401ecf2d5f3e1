//! `token_router` as it is written, and the way to a [`Router`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::condition::{Condition, Range};
use super::{Fallback, Overflow, Router, Rule, reason};
use crate::catalog::Catalog;
use crate::invalid::Invalid;
use crate::pattern::Pattern;

/// The section `token_router`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRouter {
    /// The first that matches wins.
    #[serde(default)]
    pub rules: Vec<RawRule>,
    /// Where a request goes that no rule matches.
    pub default: RawDefault,
    /// What to do with a model that is not in `models`.
    #[serde(default = "route_default")]
    pub on_unknown_model: Fallback,
    /// What to do with what does not fit into the context window of the chosen pool's model.
    #[serde(default)]
    pub on_context_overflow: Overflow,
    /// Whether servers get the name of the model they run, whatever the client called it.
    #[serde(default)]
    pub rewrite_model: bool,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// The reason given for requests that match.
    pub name: String,
    /// All of these must hold.
    pub when: RawCondition,
    /// Where they go; one of `pools`.
    pub pool: String,
}

/// Where a request goes that no rule matches.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDefault {
    /// One of `pools`.
    pub pool: String,
}

/// The conditions of a rule; what is left out does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawCondition {
    /// A model's name or alias; `*` stands for any run of characters.
    pub model: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<RawRange>,
    /// Tokens of the prompt and of the longest answer the client allows.
    pub total_tokens: Option<RawRange>,
    /// Whether the answer is to be streamed.
    pub stream: Option<bool>,
    /// Whether tools are offered.
    pub tools: Option<bool>,
    /// Whether there are images.
    pub images: Option<bool>,
    /// Headers by name, each with the pattern its value must fit.
    pub headers: BTreeMap<String, String>,
    /// The path, without query; `*` stands for any run of characters.
    pub path: Option<String>,
}

/// A range of whole numbers; an end that is left out is open.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRange {
    /// The least that fits.
    pub at_least: Option<u64>,
    /// The most that fits.
    pub at_most: Option<u64>,
}

fn route_default() -> Fallback {
    Fallback::RouteDefault
}

impl Router {
    /// Builds the policy from its section, the shared nouns, and what `body` says of requests that
    /// were not seen whole.
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub fn build(
        raw: RawRouter,
        catalog: Catalog,
        on_incomplete: Fallback,
        on_malformed: Fallback,
    ) -> Result<Self, Invalid> {
        check_pool(&catalog, "default.pool", &raw.default.pool)?;
        let mut rules: Vec<Rule> = Vec::with_capacity(raw.rules.len());
        for (index, rule) in raw.rules.into_iter().enumerate() {
            let at = format!("rules[{index}]");
            check_name(&rules, &rule.name).map_err(|e| e.under(&at))?;
            check_pool(&catalog, "pool", &rule.pool).map_err(|e| e.under(&at))?;
            let when = conditions(rule.when, &catalog).map_err(|e| e.under("when").under(&at))?;
            rules.push(Rule { name: rule.name, when, pool: rule.pool });
        }
        check_windows(&catalog, raw.on_context_overflow)?;
        Ok(Self {
            rules,
            default_pool: raw.default.pool,
            catalog,
            on_unknown_model: raw.on_unknown_model,
            on_context_overflow: raw.on_context_overflow,
            rewrite_model: raw.rewrite_model,
            on_incomplete,
            on_malformed,
        })
    }
}

fn check_pool(catalog: &Catalog, path: &str, pool: &str) -> Result<(), Invalid> {
    match catalog.pool(pool) {
        Some(_) => Ok(()),
        None => Err(Invalid::not_one_of(path, pool, catalog.pool_names(), "add it to pools")),
    }
}

/// A setting that can never do anything is a misunderstanding.
fn check_windows(catalog: &Catalog, overflow: Overflow) -> Result<(), Invalid> {
    let at = "on_context_overflow";
    if overflow != Overflow::Ignore && catalog.models().iter().all(|m| m.context_window.is_none()) {
        let name = if overflow == Overflow::Refuse { "refuse" } else { "route_larger" };
        return Err(Invalid::new(
            at,
            format!("found `{name}`, and no model with a context_window; add one to models"),
        ));
    }
    if overflow == Overflow::RouteLarger && catalog.pools().iter().all(|p| p.fallback.is_empty()) {
        return Err(Invalid::new(
            at,
            "found `route_larger`, and no pool with a fallback; name larger pools in pools[].fallback, or use `refuse`",
        ));
    }
    Ok(())
}

/// A rule's name is a header value and a metric label, and must tell it from all others.
fn check_name(before: &[Rule], name: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(Invalid::new(
            "name",
            format!(
                "found `{name}`; allowed 1 to 64 letters, digits, `-`, `_` and `.`; choose another name"
            ),
        ));
    }
    if reason::ALL.contains(&name) {
        return Err(Invalid::new(
            "name",
            format!(
                "found `{name}`, which is the reason for requests that no rule decides; choose another name"
            ),
        ));
    }
    if before.iter().any(|rule| rule.name == name) {
        return Err(Invalid::new(
            "name",
            format!("found `{name}` again; each rule needs a name of its own"),
        ));
    }
    Ok(())
}

fn conditions(raw: RawCondition, catalog: &Catalog) -> Result<Vec<Condition>, Invalid> {
    let mut when = Vec::new();
    if let Some(text) = raw.model {
        when.push(Condition::Model(model_pattern(text, catalog)?));
    }
    if let Some(range) = raw.prompt_tokens {
        when.push(Condition::PromptTokens(range_of("prompt_tokens", range)?));
    }
    if let Some(range) = raw.total_tokens {
        when.push(Condition::TotalTokens(range_of("total_tokens", range)?));
    }
    when.extend(raw.stream.map(Condition::Stream));
    when.extend(raw.tools.map(Condition::Tools));
    when.extend(raw.images.map(Condition::Images));
    for (name, value) in raw.headers {
        when.push(Condition::Header(name.to_ascii_lowercase(), Pattern::new(value)));
    }
    when.extend(raw.path.map(|path| Condition::Path(Pattern::new(path))));
    if when.is_empty() {
        return Err(Invalid::new(
            "",
            "found no condition; allowed model, prompt_tokens, total_tokens, stream, tools, images, headers, path; give at least one, or make this the default",
        ));
    }
    Ok(when)
}

/// A pattern that fits none of the configured models can never hold: a typing error.
fn model_pattern(text: String, catalog: &Catalog) -> Result<Pattern, Invalid> {
    let pattern = Pattern::new(text);
    let mut names =
        catalog.models().iter().flat_map(|m| std::iter::once(&m.name).chain(&m.aliases));
    if catalog.models().is_empty() || names.any(|name| pattern.matches(name)) {
        return Ok(pattern);
    }
    let known = catalog.models().iter().map(|model| model.name.as_str());
    Err(Invalid::not_one_of(
        "model",
        pattern.as_str(),
        known,
        "name one of these, an alias, or a pattern that fits one",
    ))
}

fn range_of(path: &str, raw: RawRange) -> Result<Range, Invalid> {
    if raw.at_least.is_none() && raw.at_most.is_none() {
        return Err(Invalid::new(
            path,
            "found no end; allowed at_least, at_most; give at least one",
        ));
    }
    let range =
        Range { at_least: raw.at_least.unwrap_or(0), at_most: raw.at_most.unwrap_or(u64::MAX) };
    if range.at_least > range.at_most {
        return Err(Invalid::new(
            path,
            format!(
                "found at_least `{}` above at_most `{}`; swap them",
                range.at_least, range.at_most
            ),
        ));
    }
    Ok(range)
}
