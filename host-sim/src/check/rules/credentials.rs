//! Credentials that Envoy puts on before a server.
//!
//! All attempts of a request have one map of headers: what was put on for one is there in the next.

use crate::{
    bootstrap::{Cluster, CredentialInjector, UpstreamFilter},
    check::view::View,
    model::HeaderMap,
    yaml::{Error, Reader},
};

const ATTEMPT_COUNT: &str = "x-envoy-attempt-count";

/// In front of several members a key is put on for the last of them, or others get it too.
pub(super) fn last_member_alone(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for (cluster, injector, reader) in injectors(view) {
        let last = cluster.members.len();
        let first = (1..=last).find(|attempt| puts_on(injector, *attempt));
        let Some(first) = first.filter(|first| *first < last) else { continue };
        let owner = cluster.members.get(first - 1).map_or("", String::as_str);
        let found = format!(
            "a credential that is put on for attempt {first} (`{owner}`) of {last} at `{}`",
            cluster.name
        );
        let cure = "make the member that it is for the last one, and match x-envoy-attempt-count: all \
                    attempts have the same headers, so the members behind it get the credential too";
        errors.push(reader.invalid(&found, "it for the last attempt alone", cure));
    }
    errors
}

/// The header that matchers look at is there only where the virtual host says so.
pub(super) fn attempts_are_counted(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for (cluster, injector, reader) in injectors(view) {
        let last = cluster.members.len().max(1);
        if (1..=last).all(|attempt| puts_on(injector, attempt) == puts_on(injector, 0)) {
            continue;
        }
        let mut routes = view
            .forwards()
            .filter(|route| route.forward.cluster_names().contains(&cluster.name.as_str()));
        if routes.any(|route| !route.host.include_request_attempt_count) {
            let found = "a matcher of x-envoy-attempt-count where attempts are not counted";
            let cure = "set it; without the header the credential is never put on";
            let allowed = "`include_request_attempt_count: true` in the virtual host";
            errors.push(reader.invalid(found, allowed, cure));
        }
    }
    errors
}

/// Whether it is put on for this attempt; 0 has no number.
fn puts_on(injector: &CredentialInjector, attempt: usize) -> bool {
    let mut headers = HeaderMap::new();
    if attempt > 0 {
        headers.append(ATTEMPT_COUNT, attempt.to_string());
    }
    !injector.left_out.iter().any(|predicate| predicate.holds(&headers))
}

fn injectors<'a>(
    view: &View<'a>,
) -> impl Iterator<Item = (&'a Cluster, &'a CredentialInjector, Reader<'a>)> {
    let clusters = view.bootstrap.clusters.iter().enumerate();
    clusters.flat_map(move |(number, cluster)| {
        cluster.http_filters.iter().enumerate().filter_map(move |(place, filter)| match filter {
            UpstreamFilter::Credential(injector) => {
                Some((cluster, &**injector, view.upstream_filter(number, place)))
            }
            UpstreamFilter::Wasm(_) => None,
        })
    })
}
