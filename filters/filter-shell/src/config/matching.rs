//! `match`: which requests the plugin is for.

use serde::Deserialize;
use traffic_policy::pattern::Pattern;

use crate::facts::Head;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatch {
    /// Hosts without port; `*` stands for any run of characters.
    #[serde(default)]
    hosts: Vec<String>,
    /// Paths without query; `*` stands for any run of characters.
    #[serde(default)]
    paths: Vec<String>,
}

/// Which requests the plugin is for. An empty list does not restrict.
#[derive(Debug, Clone)]
pub(crate) struct Matching {
    hosts: Vec<Pattern>,
    paths: Vec<Pattern>,
}

impl From<RawMatch> for Matching {
    fn from(raw: RawMatch) -> Self {
        let hosts = raw.hosts.into_iter().map(|host| Pattern::new(host.to_ascii_lowercase()));
        Self { hosts: hosts.collect(), paths: raw.paths.into_iter().map(Pattern::new).collect() }
    }
}

impl Matching {
    /// Whether a request with these headers is covered.
    pub(crate) fn covers(&self, head: &Head) -> bool {
        let fits =
            |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        (self.paths.is_empty() || fits(&self.paths, &head.path()))
            && (self.hosts.is_empty() || fits(&self.hosts, &head.host()))
    }
}
