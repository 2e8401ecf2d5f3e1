//! What is to be done with a request: what the filters say, together.

use std::time::Duration;

use traffic_policy::attempt::Plan;

use crate::facts::Facts;

/// Adds up what the filters of a plugin say. A refusal beats everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The pool it goes to.
    pub pool: Option<String>,
    /// The version of the pool.
    pub version: Option<String>,
    /// Versions that it must not be, as far as there are others.
    pub avoid_versions: Vec<String>,
    /// Why it is that version.
    pub version_reason: Option<&'static str>,
    /// A cookie for the client, by which it is known the next time.
    pub set_cookie: Option<String>,
    /// Why it goes where it goes: a rule's name, or one of the fixed reasons.
    pub reason: Option<String>,
    /// The model by its real name, whatever the client called it.
    pub model: Option<String>,
    /// The name that the body is to have in place of the client's, if that is another.
    pub model_in_body: Option<String>,
    /// The stream is to end with its usage, which the client did not ask for and will not see.
    pub ask_for_usage: bool,
    /// The answer is counted here, and is not to be counted again by a later plugin.
    pub is_counted: bool,
    /// What the attempts at an answer are to be.
    pub plan: Option<Plan>,
    /// Headers for the proxy itself, such as those that say how often it is to try. Clients never see them.
    pub for_proxy: Vec<(&'static str, String)>,
    refusal: Option<Reply>,
}

/// An answer given in the servers' place, in the API's own error shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The response's status.
    pub status: u16,
    /// For client libraries, such as `model_not_found`.
    pub code: Option<&'static str>,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Decision {
    /// Refuses the request. The first refusal stands.
    pub fn refuse(&mut self, reply: Reply) {
        self.refusal.get_or_insert(reply);
    }

    /// The refusal, if there is one.
    pub fn refusal(&self) -> Option<&Reply> {
        self.refusal.as_ref()
    }

    /// The pool that the request goes to, whoever has chosen it.
    pub fn pool_of<'a>(&'a self, facts: &'a Facts) -> Option<&'a str> {
        self.pool.as_deref().or(facts.pool.as_deref())
    }

    /// The version that it goes to, whoever has chosen it.
    pub fn version_of<'a>(&'a self, facts: &'a Facts) -> Option<&'a str> {
        self.version.as_deref().or(facts.version.as_deref())
    }

    /// Has this model serve the request: the body is to name it, unless it does so already.
    pub fn serve_as(&mut self, model: &str, facts: &Facts) {
        let is_named = facts.body.model.as_deref() == Some(model);
        self.model_in_body = (!is_named).then(|| model.to_owned());
        self.model = Some(model.to_owned());
    }

    /// The headers of the request: what was decided, and what the proxy is to do.
    pub(crate) fn request_headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let for_proxy = self.for_proxy.iter().map(|(name, value)| (*name, value.as_str()));
        self.headers().chain(for_proxy)
    }

    /// The headers that tell routes, servers and, where configured, clients what was decided.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let headers = [
            ("x-llm-model", self.model.as_deref()),
            ("x-llm-pool", self.pool.as_deref()),
            ("x-llm-version", self.version.as_deref()),
            ("x-llm-reason", self.reason.as_deref()),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_refusal_stands() {
        let reply = |status| Reply {
            status,
            code: None,
            message: String::new(),
            param: None,
            retry_after: None,
        };
        let mut decision = Decision::default();
        decision.refuse(reply(404));
        decision.refuse(reply(413));
        assert_eq!(decision.refusal().map(|r| r.status), Some(404));
    }

    #[test]
    fn only_what_was_decided_becomes_a_header() {
        let decision = Decision { pool: Some("gpu".into()), ..Decision::default() };
        assert_eq!(decision.headers().collect::<Vec<_>>(), [("x-llm-pool", "gpu")]);
    }
}
