//! Which Envoy is played.
//!
//! Envoy 1.40 is the reference; the older ones stand for what released Istios carry.

/// An Envoy release whose behaviour can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvoyVersion {
    /// 1.36
    V1_36,
    /// 1.37
    V1_37,
    /// 1.39
    V1_39,
    /// 1.40, the reference.
    #[default]
    V1_40,
}

impl EnvoyVersion {
    /// Data that a filter adds just before it answers Continue goes on, and is not left behind.
    ///
    /// The fix was carried to the patch releases that the older versions here stand for, except the
    /// oldest two.
    pub(crate) fn forwards_added_data(self) -> bool {
        self >= Self::V1_39
    }

    /// Plugins that are allowed different things have different VMs; before, what the first plugin was
    /// allowed held for everyone.
    pub(crate) fn tells_vms_apart_by_capabilities(self) -> bool {
        self >= Self::V1_40
    }

    /// Plugins share a root context only if their whole configuration is the same; before, name, root id
    /// and configuration text decided.
    pub(crate) fn compares_whole_plugins(self) -> bool {
        self >= Self::V1_40
    }

    /// A stream of HTTP/2 that Envoy cuts ends with an error; before, with `NO_ERROR`, which a peer takes
    /// for its end.
    pub(crate) fn resets_with_an_error(self) -> bool {
        self >= Self::V1_37
    }

    /// A response's `keep-alive` passes over HTTP/1.
    pub(crate) fn passes_keep_alive(self) -> bool {
        self >= Self::V1_39
    }

    /// `envoy.clusters.composite` is known.
    pub(crate) fn has_composite_clusters(self) -> bool {
        self >= Self::V1_37
    }

    /// Plugins with different environment variables have different VMs; before, the first plugin's
    /// variables were everyone's.
    pub(crate) fn tells_vms_apart_by_environment(self) -> bool {
        self >= Self::V1_39
    }
}
