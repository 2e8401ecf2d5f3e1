//! The route table: virtual hosts, routes, what they match and what they do.
//!
//! Reading is in [`matcher`](RouteMatcher) and [`action`](Action); choosing a route is
//! [`select()`], a pure function of the table, the request's head and a random draw.

mod action;
mod domain;
mod hash_policy;
mod matcher;
mod mirror;
mod retry;
mod select;
pub(in crate::bootstrap) mod string_match;

#[cfg(test)]
mod tests;

pub use action::{
    Action, ClusterSpecifier, DirectResponse, Forward, Redirect, RouteUpgrade, WeightedCluster,
    WeightedClusters,
};
pub use domain::Domain;
pub use hash_policy::{HashPolicy, HashSource};
pub use matcher::{
    FilterStateMatcher, HeaderMatch, HeaderMatcher, PathMatcher, QueryMatcher, RouteMatcher,
};
pub use mirror::MirrorPolicy;
pub use retry::{ResetFormat, ResetHeader, RetryOn, RetryPolicy};
pub use select::{RequestHead, RouteMatch, Target, select};
pub(super) use string_match::read as string_matcher;
pub use string_match::{Pattern, StringMatcher};

use std::{collections::BTreeMap, sync::Arc};

use super::{
    header_edit::{self, HeaderEdits},
    message::Message,
};
use crate::yaml::{Error, Place, Reader};

/// A route table.
#[derive(Debug, Clone, Default)]
pub struct RouteConfiguration {
    /// `name`
    pub name: String,
    /// In the order of the file.
    pub virtual_hosts: Vec<VirtualHost>,
    /// Edits of every request.
    pub request_headers: HeaderEdits,
    /// Edits of every response.
    pub response_headers: HeaderEdits,
    /// Headers that only internal clients may send; lower case.
    pub internal_only_headers: Vec<String>,
    /// Edits are applied from the table down to the route, not from the route up.
    pub most_specific_header_mutations_wins: bool,
}

/// A virtual host.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    /// `name`
    pub name: String,
    /// For which hosts it is.
    pub domains: Vec<Domain>,
    /// In order; the first that matches is taken.
    pub routes: Vec<Route>,
    /// Edits of its requests.
    pub request_headers: HeaderEdits,
    /// Edits of its responses.
    pub response_headers: HeaderEdits,
    /// `x-envoy-attempt-count` goes to the server.
    pub include_request_attempt_count: bool,
    /// `x-envoy-attempt-count` goes to the client.
    pub include_attempt_count_in_response: bool,
    /// How much of a body may be held, in place of the listener's limit.
    pub request_body_buffer_limit: Option<u64>,
    /// For routes without a policy of their own.
    pub retry_policy: Option<Arc<RetryPolicy>>,
}

/// A route.
#[derive(Debug, Clone)]
pub struct Route {
    /// `name`
    pub name: String,
    /// Which requests it takes.
    pub matcher: RouteMatcher,
    /// What becomes of them.
    pub action: Action,
    /// Edits of its requests.
    pub request_headers: HeaderEdits,
    /// Edits of its responses.
    pub response_headers: HeaderEdits,
    /// How much of a body may be held, in place of the virtual host's limit.
    pub request_body_buffer_limit: Option<u64>,
    /// Where it stands in the file.
    pub place: Place,
    /// Its path in the file.
    pub path: String,
}

impl RouteConfiguration {
    /// Every route of every virtual host.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.virtual_hosts.iter().flat_map(|host| &host.routes)
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Result<RouteConfiguration, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RouteConfiguration")?;
    let m = &mut message;
    let hosts = m.items("virtual_hosts")?;
    let config = RouteConfiguration {
        name: text(m, "name")?,
        virtual_hosts: hosts.iter().map(virtual_host).collect::<Result<_, _>>()?,
        request_headers: request_edits(m)?,
        response_headers: response_edits(m)?,
        internal_only_headers: m
            .each("internal_only_headers", |name| Ok(name.string()?.to_ascii_lowercase()))?,
        most_specific_header_mutations_wins: m.or(
            "most_specific_header_mutations_wins",
            false,
            Reader::boolean,
        )?,
    };
    message.finish()?;
    unique_domains(&hosts, &config.virtual_hosts)?;
    Ok(config)
}

fn virtual_host(reader: &Reader<'_>) -> Result<VirtualHost, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.VirtualHost")?;
    let m = &mut message;
    let host = VirtualHost {
        name: m.required("name")?.name()?.to_owned(),
        domains: domains(&m.required("domains")?)?,
        routes: m.each("routes", route)?,
        request_headers: request_edits(m)?,
        response_headers: response_edits(m)?,
        include_request_attempt_count: m.or(
            "include_request_attempt_count",
            false,
            Reader::boolean,
        )?,
        include_attempt_count_in_response: m.or(
            "include_attempt_count_in_response",
            false,
            Reader::boolean,
        )?,
        request_body_buffer_limit: buffer_limit(m)?,
        retry_policy: m.maybe("retry_policy", retry::read)?,
    };
    message.finish()?;
    Ok(host)
}

fn domains(reader: &Reader<'_>) -> Result<Vec<Domain>, Error> {
    let items = reader.list()?;
    if items.is_empty() {
        return Err(reader.invalid("no domain", "one or more", "add `*` for all hosts"));
    }
    items.iter().map(domain::read).collect()
}

fn route(reader: &Reader<'_>) -> Result<Route, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.Route")?;
    let m = &mut message;
    let route = Route {
        name: text(m, "name")?,
        matcher: matcher::read(&m.required("match")?)?,
        action: action::read(m)?,
        request_headers: request_edits(m)?,
        response_headers: response_edits(m)?,
        request_body_buffer_limit: buffer_limit(m)?,
        place: reader.node().place.clone(),
        path: reader.path().to_owned(),
    };
    message.finish()?;
    Ok(route)
}

fn text(message: &mut Message<'_>, field: &'static str) -> Result<String, Error> {
    message.or(field, String::new(), |reader| Ok(reader.string()?.to_owned()))
}

fn buffer_limit(message: &mut Message<'_>) -> Result<Option<u64>, Error> {
    message.maybe("request_body_buffer_limit", Reader::integer)
}

fn request_edits(message: &mut Message<'_>) -> Result<HeaderEdits, Error> {
    header_edit::read(message, "request_headers_to_add", "request_headers_to_remove")
}

fn response_edits(message: &mut Message<'_>) -> Result<HeaderEdits, Error> {
    header_edit::read(message, "response_headers_to_add", "response_headers_to_remove")
}

/// A domain may be given once in a table, as Envoy demands.
fn unique_domains(readers: &[Reader<'_>], hosts: &[VirtualHost]) -> Result<(), Error> {
    let mut owners: BTreeMap<&Domain, &str> = BTreeMap::new();
    for (reader, host) in readers.iter().zip(hosts) {
        for domain in &host.domains {
            if let Some(owner) = owners.insert(domain, &host.name) {
                let found = format!("domain `{domain}`, which virtual host `{owner}` has too");
                return Err(reader.invalid(&found, "each domain once", "remove one"));
            }
        }
    }
    Ok(())
}
