//! Where a request goes when the pool that it was sent to is ejected.

use std::time::Duration;

use traffic_policy::breaker::{Admission, Admitted, WhenAllEjected};

use crate::watched::{Sent, Watched};

/// A request may be sent on so often; a longer chain is a mistake, and costs a look at each of its pools.
pub(crate) const MOST_HOPS: usize = 3;

/// Where a request goes.
pub(crate) enum Target<'a> {
    /// To a pool that is watched.
    Watched(&'a Watched, Admitted),
    /// To one that is not, of which nothing is known.
    Other(&'a str),
    /// Nowhere. It is worth while to come back after this.
    Nowhere(Duration),
}

/// The first pool of the chain that takes it: the one it was sent to, and its fallback pools in their order.
pub(crate) fn choose<'a>(
    watched: &'a [Watched],
    first: &'a Watched,
    can_divert: &dyn Fn(&str) -> bool,
    version: Option<&str>,
    sent: Sent,
) -> Target<'a> {
    let mut least_bad: Option<(&Watched, Admitted)> = None;
    let fallback = first.entry.pool.fallback.iter().take(MOST_HOPS).map(String::as_str);
    let fallback = fallback.filter(|name| can_divert(name));
    for name in std::iter::once(first.name()).chain(fallback) {
        let Some(pool) = watched.iter().find(|pool| pool.name() == name) else {
            return Target::Other(name);
        };
        // The version is one of the first pool's.
        let version = version.filter(|_| name == first.name());
        let admitted = pool.admit(sent, version);
        if !matches!(admitted.pool, Admission::No { .. }) {
            return Target::Watched(pool, admitted);
        }
        if least_bad.as_ref().is_none_or(|(_, best)| admitted.wait < best.wait) {
            least_bad = Some((pool, admitted));
        }
    }
    match (least_bad, first.entry.breaker.when_all_ejected()) {
        // One that is coming back takes what nobody else does.
        (Some((_, admitted)), WhenAllEjected::Refuse) if !admitted.wait.is_zero() => {
            Target::Nowhere(admitted.wait)
        }
        (Some((pool, admitted)), _) => Target::Watched(pool, admitted),
        // There was at least the first.
        (None, _) => Target::Other(first.name()),
    }
}
