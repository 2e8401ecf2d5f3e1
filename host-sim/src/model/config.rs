//! What the model has to know of a proxy's configuration.

/// Listeners, clusters and plugins.
#[derive(Clone, Debug, Default)]
pub struct Config {}
