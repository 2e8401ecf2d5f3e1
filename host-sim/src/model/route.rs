//! The route that one request takes, with everything that was chosen for it.
//!
//! The route table lends what it finds; a stream outlives the look-up, so what it needs is copied out
//! once, when the route is chosen.

use std::{sync::Arc, time::Duration};

use super::headers::HeaderMap;
use crate::bootstrap::{
    HeaderEdits,
    route::{
        self, Action, DirectResponse, HashPolicy, MirrorPolicy, PathMatcher, Redirect, RetryPolicy,
        RouteMatch,
    },
};

/// A chosen route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) virtual_host: String,
    pub(crate) action: RouteAction,
    /// How much of a body may be held, in place of the listener's limit.
    pub(crate) request_body_buffer_limit: Option<usize>,
    /// From the most specific level outwards, unless the table says the opposite.
    pub(crate) response_edits: Vec<HeaderEdits>,
}

/// What a route does with a request.
#[derive(Clone, Debug)]
pub(crate) enum RouteAction {
    Forward(Forward),
    Direct(DirectResponse),
    Redirect(Redirect, PathMatcher),
}

/// Sends a request to a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    pub(crate) cluster: String,
    pub(crate) cluster_not_found: u16,
    pub(crate) timeout: Option<Duration>,
    /// The outer none: the connection manager's holds.
    pub(crate) idle_timeout: Option<Option<Duration>>,
    pub(crate) upgrades: Vec<route::RouteUpgrade>,
    pub(crate) request_edits: Vec<HeaderEdits>,
    pub(crate) attempt_count_in_request: bool,
    pub(crate) attempt_count_in_response: bool,
    pub(crate) retry_policy: Option<Arc<RetryPolicy>>,
    pub(crate) hash_policy: Vec<HashPolicy>,
    pub(crate) mirrors: Vec<MirrorPolicy>,
}

impl Route {
    pub(crate) fn new(table: &route::RouteConfiguration, found: &RouteMatch<'_>) -> Self {
        let (host, chosen) = (found.virtual_host, found.route);
        let weighted = found.target.as_ref().and_then(|target| target.weighted);
        let levels = |table_level: &HeaderEdits,
                      host_level: &HeaderEdits,
                      route_level: &HeaderEdits,
                      cluster_level: Option<&HeaderEdits>| {
            let mut levels: Vec<HeaderEdits> = cluster_level.into_iter().cloned().collect();
            levels.extend([route_level, host_level, table_level].map(Clone::clone));
            levels
        };
        let mut response_edits = levels(
            &table.response_headers,
            &host.response_headers,
            &chosen.response_headers,
            weighted.map(|weighted| &weighted.response_headers),
        );
        let mut request_edits = levels(
            &table.request_headers,
            &host.request_headers,
            &chosen.request_headers,
            weighted.map(|weighted| &weighted.request_headers),
        );
        if table.most_specific_header_mutations_wins {
            response_edits.reverse();
            request_edits.reverse();
        }
        let action = match &chosen.action {
            Action::Direct(direct) => RouteAction::Direct(direct.clone()),
            Action::Redirect(redirect) => {
                RouteAction::Redirect(redirect.clone(), chosen.matcher.path.clone())
            }
            Action::Forward(forward) => RouteAction::Forward(Forward {
                cluster: found
                    .target
                    .as_ref()
                    .map_or_else(String::new, |target| target.cluster.clone().into_owned()),
                cluster_not_found: forward.cluster_not_found_status,
                timeout: forward.timeout,
                idle_timeout: forward.idle_timeout,
                upgrades: forward.upgrades.clone(),
                request_edits,
                attempt_count_in_request: host.include_request_attempt_count,
                attempt_count_in_response: host.include_attempt_count_in_response,
                hash_policy: forward.hash_policy.clone(),
                mirrors: forward.mirrors.clone(),
                retry_policy: forward.retry_policy.clone().or_else(|| host.retry_policy.clone()),
            }),
        };
        let limit = chosen.request_body_buffer_limit.or(host.request_body_buffer_limit);
        Self {
            name: chosen.name.clone(),
            virtual_host: host.name.clone(),
            action,
            request_body_buffer_limit: limit.and_then(|limit| usize::try_from(limit).ok()),
            response_edits,
        }
    }
}

impl Route {
    /// The client is told the number of attempts.
    pub(crate) fn counts_attempts(&self) -> bool {
        matches!(&self.action, RouteAction::Forward(forward) if forward.attempt_count_in_response)
    }
}

/// The `location` of an answer that leads nowhere else.
pub(crate) fn own_location(request: &HeaderMap) -> String {
    let text = |name: &str| request.text(name).unwrap_or_default();
    format!("{}://{}{}", text(":scheme"), text(":authority"), text(":path"))
}

/// The `location` of a redirect.
pub(crate) fn location(redirect: &Redirect, matched: &PathMatcher, request: &HeaderMap) -> String {
    let text = |name: &str| request.text(name).unwrap_or_default().to_owned();
    let scheme = redirect.scheme.clone().unwrap_or_else(|| text(":scheme"));
    let authority = text(":authority");
    let (own_host, own_port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host.to_owned(), Some(port.to_owned()))
        }
        _ => (authority.clone(), None),
    };
    let host = redirect.host.clone().unwrap_or(own_host);
    let port = match (redirect.port, own_port) {
        (Some(port), _) => Some(port.to_string()),
        // A new scheme makes the old scheme's own port wrong.
        (None, Some(port)) if redirect.scheme.is_some() && matches!(&*port, "80" | "443") => None,
        (None, port) if redirect.host.is_none() => port,
        (None, _) => None,
    };
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let own = text(":path");
    let (own_path, query) = match own.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (own.as_str(), String::new()),
    };
    let path = match (&redirect.path, &redirect.prefix, matched) {
        (Some(path), _, _) => path.clone(),
        (
            None,
            Some(prefix),
            PathMatcher::Prefix(old) | PathMatcher::SeparatedPrefix(old) | PathMatcher::Path(old),
        ) => {
            let rest = own_path.get(old.len()..).unwrap_or_default();
            format!("{prefix}{rest}")
        }
        _ => own_path.to_owned(),
    };
    let query = if redirect.strip_query || path.contains('?') { String::new() } else { query };
    format!("{scheme}://{host}{port}{path}{query}")
}
