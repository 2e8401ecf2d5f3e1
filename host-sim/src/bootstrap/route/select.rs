//! Which route a request takes.
//!
//! A pure function: the table, the request's head and one random number. Envoy asks again whenever
//! a filter has cleared the route, so it must not remember anything.
//!
//! # Order
//! The virtual host is the one whose domain fits best: exact, then the longest `*suffix`, then the
//! longest `prefix*`, then `*`. In it the first route that matches is taken; if none does there is
//! no route, other virtual hosts are not asked.

use std::borrow::Cow;

use super::{
    Action, ClusterSpecifier, Route, RouteConfiguration, VirtualHost, WeightedCluster,
    WeightedClusters, domain::Fit,
};
use crate::model::{EnvoyVersion, HeaderMap};

/// The headers of a request, pseudo headers included.
pub trait RequestHead {
    /// Every value of a header, in order; `name` is lower case.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;

    /// An object of the stream's filter state, as text.
    fn filter_state(&self, key: &str) -> Option<&[u8]> {
        let _ = key;
        None
    }
}

impl RequestHead for HeaderMap {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name.as_bytes()).map(AsRef::as_ref)
    }
}

impl RequestHead for [(&str, &str)] {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value.as_bytes())
    }
}

/// The route of a request.
#[derive(Debug, Clone)]
pub struct RouteMatch<'c> {
    /// Its virtual host.
    pub virtual_host: &'c VirtualHost,
    /// The route.
    pub route: &'c Route,
    /// Where a forwarded request goes; `None` for direct responses and redirects.
    pub target: Option<Target<'c>>,
}

/// Where a request is forwarded.
#[derive(Debug, Clone)]
pub struct Target<'c> {
    /// The cluster's name; it need not exist when a header named it, and is empty when that
    /// header is missing.
    pub cluster: Cow<'c, str>,
    /// The entry that was drawn, for its header edits.
    pub weighted: Option<&'c WeightedCluster>,
}

/// Chooses the route as this Envoy does; `draw` decides among weighted clusters.
#[must_use]
pub fn select<'c>(
    config: &'c RouteConfiguration,
    head: &(impl RequestHead + ?Sized),
    draw: u64,
    envoy: EnvoyVersion,
) -> Option<RouteMatch<'c>> {
    let virtual_host = virtual_host(config, &head)?;
    let route = virtual_host.routes.iter().find(|route| route.matcher.matches(&head, envoy))?;
    let target = match &route.action {
        Action::Forward(forward) => Some(target(&forward.cluster, &head, draw)),
        Action::Direct(_) | Action::Redirect(_) => None,
    };
    Some(RouteMatch { virtual_host, route, target })
}

impl<H: RequestHead + ?Sized> RequestHead for &H {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        (**self).values(name)
    }

    fn filter_state(&self, key: &str) -> Option<&[u8]> {
        (**self).filter_state(key)
    }
}

fn virtual_host<'c>(
    config: &'c RouteConfiguration,
    head: &impl RequestHead,
) -> Option<&'c VirtualHost> {
    let host = head.values(":authority").next().unwrap_or_default();
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let mut best: Option<(Fit, &VirtualHost)> = None;
    for virtual_host in &config.virtual_hosts {
        for domain in &virtual_host.domains {
            if let Some(fit) = domain.fit(&host)
                && best.is_none_or(|(least, _)| fit > least)
            {
                best = Some((fit, virtual_host));
            }
        }
    }
    best.map(|(_, virtual_host)| virtual_host)
}

fn target<'c>(cluster: &'c ClusterSpecifier, head: &impl RequestHead, draw: u64) -> Target<'c> {
    match cluster {
        ClusterSpecifier::Name(name) => Target { cluster: name.into(), weighted: None },
        ClusterSpecifier::Header(header) => {
            let first = head.values(header).next().unwrap_or_default();
            Target { cluster: String::from_utf8_lossy(first).into_owned().into(), weighted: None }
        }
        ClusterSpecifier::Weighted(weighted) => {
            let drawn = weighted.draw(header_number(weighted, head).unwrap_or(draw));
            let cluster = drawn.map_or("", |cluster| cluster.name.as_str());
            Target { cluster: cluster.into(), weighted: drawn }
        }
    }
}

impl WeightedClusters {
    /// The cluster on which a number falls.
    #[must_use]
    pub fn draw(&self, number: u64) -> Option<&WeightedCluster> {
        let mut left = number.checked_rem(self.total)?;
        self.clusters.iter().find(|cluster| {
            let weight = u64::from(cluster.weight);
            let falls_here = left < weight;
            left = left.saturating_sub(weight);
            falls_here
        })
    }
}

/// The number in the header that takes the place of the draw; several values are no number.
fn header_number(weighted: &WeightedClusters, head: &impl RequestHead) -> Option<u64> {
    let mut values = head.values(weighted.header_name.as_deref()?);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    std::str::from_utf8(value).ok()?.parse().ok()
}
