//! Starting and stopping the gateway.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinError},
};

use super::{
    downstream,
    engine::{Engine, Listener, Notice},
};
use crate::{
    bootstrap::Bootstrap,
    host::{Host, HostOptions, StartError},
    model::GuestFactory,
};

/// How the gateway is run.
#[derive(Debug, Clone, Copy)]
pub struct GatewayOptions {
    /// Simulated worker threads; connections are spread over them.
    pub workers: usize,
    /// Log lines of plugins below this level are dropped: 0 trace, 1 debug, 2 info, ...
    pub log_level: u32,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self { workers: 1, log_level: 2 }
    }
}

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A plugin did not start.
    #[error(transparent)]
    Host(#[from] StartError),
    /// The host's start panicked.
    #[error("the simulator failed while it started")]
    Panic(#[from] JoinError),
    /// A listener's address cannot be bound.
    #[error("listener `{name}`: {address} cannot be bound")]
    Bind {
        /// The listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A running gateway. Dropping it closes its ports and connections.
pub struct Gateway {
    listeners: Vec<(String, SocketAddr)>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Gateway {
    /// Starts the proxy that a bootstrap describes. `listener` gets what an operator may want to see.
    ///
    /// # Errors
    /// When a plugin does not start or a port is taken.
    pub async fn start(
        bootstrap: Bootstrap,
        options: GatewayOptions,
        factory: Arc<dyn GuestFactory>,
        listener: impl Fn(Notice) + Send + Sync + 'static,
    ) -> Result<Self, GatewayError> {
        let mut sockets = Vec::new();
        for configured in &bootstrap.listeners {
            let (name, address) = (configured.name.clone(), configured.address);
            let socket = tokio::net::TcpListener::bind(address)
                .await
                .map_err(|source| GatewayError::Bind { name: name.clone(), address, source })?;
            sockets.push((name, socket));
        }
        // Compiling a module takes seconds the first time, and must not hold up the runtime.
        let host = tokio::task::spawn_blocking(move || {
            Host::new(&bootstrap, &host_options(options), factory)
        });
        let host = host.await??;
        let (inputs, receiver) = mpsc::unbounded_channel();
        let listener: Listener = Arc::new(listener);
        let engine = Engine::new(host, inputs.clone(), listener);
        let mut tasks = vec![tokio::spawn(engine.run(receiver)).abort_handle()];
        let mut listeners = Vec::new();
        for (number, (name, socket)) in sockets.into_iter().enumerate() {
            if let Ok(address) = socket.local_addr() {
                listeners.push((name, address));
            }
            let accepting = downstream::accept(socket, number, options.workers, inputs.clone());
            tasks.push(tokio::spawn(accepting).abort_handle());
        }
        Ok(Self { listeners, tasks })
    }

    /// Where each listener listens, in the order of the file.
    #[must_use]
    pub fn listeners(&self) -> &[(String, SocketAddr)] {
        &self.listeners
    }
}

fn host_options(options: GatewayOptions) -> HostOptions {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    HostOptions {
        workers: options.workers.max(1),
        seed: fastrand::u64(..),
        start_wall_nanos: u64::try_from(wall).unwrap_or(u64::MAX),
        log_level: options.log_level,
        ..HostOptions::default()
    }
}
