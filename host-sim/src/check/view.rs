//! A configuration as the rules look at it: values with the places where they stand.
//!
//! Values are the bootstrap reader's; places are looked up in the tree. Both have the same order.

use serde_json::Value as Json;

use crate::{
    bootstrap::{
        Bootstrap, Cluster, FilterKind, Listener, Plugin, UpstreamFilter,
        route::{Action, ClusterSpecifier, Forward, HeaderMatch, Pattern, Route, VirtualHost},
    },
    yaml::{Error, Node, Problem, Reader, parse_size},
};

/// A configuration.
pub(super) struct View<'a> {
    pub(super) bootstrap: &'a Bootstrap,
    root: Reader<'a>,
    /// Those of the listeners, then those of the clusters, in the order of the file.
    pub(super) plugins: Vec<PluginView<'a>>,
}

/// A plugin, and where it stands.
pub(super) struct PluginView<'a> {
    pub(super) plugin: &'a Plugin,
    pub(super) seat: Seat,
    /// Its `PluginConfig`.
    pub(super) reader: Reader<'a>,
    /// What it is configured with; null where that is no JSON.
    pub(super) json: Json,
}

/// Which chain a plugin stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// That of a listener; with its place among the filters.
    Listener(usize, usize),
    /// That of a cluster's attempts.
    Cluster(usize),
}

/// A route to a pool.
#[derive(Clone, Copy)]
pub(super) struct PoolRoute<'a> {
    pub(super) listener: &'a Listener,
    pub(super) host: &'a VirtualHost,
    pub(super) route: &'a Route,
    pub(super) forward: &'a Forward,
}

/// The request headers by which the filters route.
const POOL_HEADER: &str = "x-llm-pool";
const VERSION_HEADER: &str = "x-llm-version";
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

impl<'a> View<'a> {
    pub(super) fn new(tree: &'a Node, bootstrap: &'a Bootstrap) -> Self {
        let root = tree.reader();
        let mut view = Self { bootstrap, root, plugins: Vec::new() };
        for (number, listener) in bootstrap.listeners.iter().enumerate() {
            for (place, filter) in listener.manager.http_filters.iter().enumerate() {
                let FilterKind::Wasm(plugin) = &filter.kind else { continue };
                let manager = view.manager(number);
                let reader =
                    down(&item(&manager, "http_filters", place), &["typed_config", "config"]);
                view.add(plugin, Seat::Listener(number, place), reader);
            }
        }
        for (number, cluster) in bootstrap.clusters.iter().enumerate() {
            for (place, filter) in cluster.http_filters.iter().enumerate() {
                let UpstreamFilter::Wasm(plugin) = filter else { continue };
                let reader = view.upstream_filter(number, place);
                let reader = down(&reader, &["typed_config", "config"]);
                view.add(plugin, Seat::Cluster(number), reader);
            }
        }
        view
    }

    fn add(&mut self, plugin: &'a Plugin, seat: Seat, reader: Reader<'a>) {
        let json = serde_json::from_slice(&plugin.configuration).unwrap_or_default();
        self.plugins.push(PluginView { plugin, seat, reader, json });
    }

    /// The file itself.
    pub(super) fn root(&self) -> &Reader<'a> {
        &self.root
    }

    /// The connection manager of a listener, by its number.
    pub(super) fn manager(&self, listener: usize) -> Reader<'a> {
        let listener = item(&down(&self.root, &["static_resources"]), "listeners", listener);
        let filter = item(&item(&listener, "filter_chains", 0), "filters", 0);
        down(&filter, &["typed_config"])
    }

    /// A cluster, by its name.
    pub(super) fn cluster(&self, name: &str) -> Option<(&'a Cluster, Reader<'a>)> {
        let number = self.bootstrap.clusters.iter().position(|cluster| cluster.name == name)?;
        Some((self.bootstrap.clusters.get(number)?, self.cluster_at(number)))
    }

    /// A cluster, by its number.
    pub(super) fn cluster_at(&self, number: usize) -> Reader<'a> {
        item(&down(&self.root, &["static_resources"]), "clusters", number)
    }

    /// A filter before the servers of a cluster, both by number.
    pub(super) fn upstream_filter(&self, cluster: usize, place: usize) -> Reader<'a> {
        let options = ["typed_extension_protocol_options", HTTP_OPTIONS];
        item(&down(&self.cluster_at(cluster), &options), "http_filters", place)
    }

    /// The plugins with this root id.
    pub(super) fn of_root<'v>(
        &'v self,
        root_id: &'v str,
    ) -> impl Iterator<Item = &'v PluginView<'a>> {
        self.plugins.iter().filter(move |view| view.plugin.root_id == root_id)
    }

    /// The routes that match a pool's name, of all listeners. Where no route looks at pools, there is one pool, and
    /// every route is its own.
    pub(super) fn routes_of(&self, pool: &str) -> Vec<PoolRoute<'a>> {
        if self.forwards().all(|route| route.pool().is_none()) {
            return self.forwards().collect();
        }
        let all = self.forwards();
        all.filter(|found| found.pool() == Some(pool)).collect()
    }

    /// All routes that lead to clusters.
    pub(super) fn forwards(&self) -> impl Iterator<Item = PoolRoute<'a>> + use<'a> {
        self.bootstrap.listeners.iter().flat_map(|listener| {
            let hosts = listener.manager.route_config.virtual_hosts.iter();
            hosts.flat_map(move |host| {
                host.routes.iter().filter_map(move |route| match &route.action {
                    Action::Forward(forward) => Some(PoolRoute { listener, host, route, forward }),
                    Action::Direct(_) | Action::Redirect(_) => None,
                })
            })
        })
    }

    /// The cluster that a pool's attempts begin with: that of its route, or the first member of that.
    pub(super) fn cluster_of_pool(&self, pool: &str) -> Option<&'a str> {
        let route = self.routes_of(pool).into_iter().next()?;
        let (cluster, _) = self.cluster(route.cluster()?)?;
        Some(cluster.members.first().unwrap_or(&cluster.name))
    }
}

impl<'a> PoolRoute<'a> {
    /// The pool that the route is for.
    fn pool(&self) -> Option<&'a str> {
        self.exactly(POOL_HEADER)
    }

    /// The version that it is for.
    pub(super) fn version(&self) -> Option<&'a str> {
        self.exactly(VERSION_HEADER)
    }

    /// Whether it looks at versions in another way than for one of them.
    pub(super) fn matches_versions_loosely(&self) -> bool {
        let mut headers = self.route.matcher.headers.iter();
        headers.any(|header| header.name == VERSION_HEADER) && self.version().is_none()
    }

    /// What a header has to be.
    fn exactly(&self, name: &str) -> Option<&'a str> {
        self.route.matcher.headers.iter().find_map(|header| match &header.matches {
            HeaderMatch::String(matcher) if header.name == name && !header.invert => {
                match &matcher.pattern {
                    Pattern::Exact(value) => Some(value.as_str()),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// The one cluster that it leads to.
    pub(super) fn cluster(&self) -> Option<&'a str> {
        match &self.forward.cluster {
            ClusterSpecifier::Name(name) => Some(name),
            ClusterSpecifier::Header(_) | ClusterSpecifier::Weighted(_) => None,
        }
    }

    /// How much of a body is kept for another attempt.
    pub(super) fn buffer_limit(&self) -> u64 {
        let own = self.route.request_body_buffer_limit.or(self.host.request_body_buffer_limit);
        own.unwrap_or(u64::from(self.listener.buffer_limit))
    }

    /// Something wrong with it.
    pub(super) fn error(&self, found: &str, allowed: &str, cure: &str) -> Error {
        let (found, allowed, cure) = (found.to_owned(), allowed.to_owned(), cure.to_owned());
        let problem = Problem::Invalid { found, allowed, cure };
        Error::new(self.route.place.clone(), self.route.path.clone(), problem)
    }
}

impl PluginView<'_> {
    /// Something wrong in its configuration, at a path of it.
    pub(super) fn error(&self, path: &str, found: &str, allowed: &str, cure: &str) -> Error {
        let at = down(&self.reader, &["configuration", "value"]);
        let (found, allowed, cure) = (found.to_owned(), allowed.to_owned(), cure.to_owned());
        let problem = Problem::Invalid { found, allowed, cure };
        Error::new(at.node().place.clone(), format!("{}: {path}", at.path()), problem)
    }

    /// A text in its configuration.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer)?.as_str()
    }
}

/// A size as configurations write it: a number of bytes, or a text with a unit.
pub(super) fn size(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| parse_size(json.as_str()?))
}

/// The value below, or the deepest on the way that is there.
pub(super) fn down<'a>(reader: &Reader<'a>, keys: &[&str]) -> Reader<'a> {
    let mut reader = reader.clone();
    for key in keys {
        let entries = reader.entries().unwrap_or_default();
        match entries.into_iter().find(|(own, _)| own == key) {
            Some((_, inner)) => reader = inner,
            None => break,
        }
    }
    reader
}

fn item<'a>(reader: &Reader<'a>, list: &str, place: usize) -> Reader<'a> {
    let inner = down(reader, &[list]);
    let items = inner.list().unwrap_or_default();
    items.into_iter().nth(place).unwrap_or(inner)
}
