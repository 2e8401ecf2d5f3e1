//! The simulated proxy, without input and output.
//!
//! A driver feeds what clients and servers send, moves virtual time, and takes [`Effect`]s in return.
//! The same inputs, seed and options give the same effects and the same trace, byte for byte.

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;

pub use crate::model::time::Nanos;
use crate::{
    bootstrap::Bootstrap,
    model::{
        EnvoyVersion, GuestFactory, HeaderMap, World,
        config::{Config, ReadError},
        effect::{
            AttemptId, CalloutId, CalloutOutcome, ClientReset, Effect, StreamId, UpstreamReset,
        },
        engine::Engine,
        hcm::Malformed,
        log::LogLine,
        reload::{InForce, UnknownPlugin},
        trace::Trace,
        vm_registry::{Registry, SetUpError},
    },
};

/// How the proxy is run.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Worker threads; each plugin VM exists once on each, and once on the main thread.
    pub workers: usize,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// The wall clock at virtual time 0, in nanoseconds since 1970.
    pub start_wall_nanos: u64,
    /// Whether to write a trace.
    pub trace: bool,
    /// Log lines of plugins below this level are dropped: 0 trace, 1 debug, 2 info, ...
    pub log_level: u32,
    /// Which Envoy is played.
    pub envoy: EnvoyVersion,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            seed: 1,
            start_wall_nanos: 1_767_225_600_000_000_000,
            trace: false,
            log_level: 2,
            envoy: EnvoyVersion::default(),
        }
    }
}

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2
    Http2,
}

/// A new stream on a client's connection.
#[derive(Clone, Debug)]
pub struct OpenStream {
    /// The listener's place in the configuration.
    pub listener: usize,
    /// The worker that accepted the connection.
    pub worker: usize,
    /// What the client speaks.
    pub protocol: Protocol,
    /// The client's address.
    pub peer: SocketAddr,
}

/// Why a host could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A module or a secret could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A plugin could not be set up.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
}

/// The simulated proxy.
pub struct Host {
    engine: Engine,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Host {
    /// Makes the proxy: loads every plugin and configures it on every thread.
    ///
    /// # Errors
    /// A module does not load, or a plugin refuses its configuration.
    pub fn new(
        bootstrap: &Bootstrap,
        options: &HostOptions,
        factory: Arc<dyn GuestFactory>,
    ) -> Result<Self, StartError> {
        let config = Config::new(bootstrap, options.envoy)?;
        let mut world = World::default();
        world.config = Arc::new(config);
        world.start_wall = options.start_wall_nanos;
        world.envoy = options.envoy;
        world.log_level = options.log_level;
        for cluster in bootstrap.clusters.iter().filter(|cluster| !cluster.members.is_empty()) {
            if !options.envoy.has_composite_clusters() {
                world.refuse(&format!("cluster {}: a composite, before Envoy 1.37", cluster.name));
            }
        }
        world.random = fastrand::Rng::with_seed(options.seed);
        if options.trace {
            world.trace = Trace::on();
        }
        let mut engine =
            Engine { world, guests: Vec::new(), factory, registry: Registry::default() };
        engine.start(options.workers)?;
        Ok(Self { engine })
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.engine.world.now
    }

    /// When something happens next by itself, and what.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Nanos, &'static str)> {
        self.engine.world.schedule.next()
    }

    /// Moves time; everything that falls due on the way happens in order.
    ///
    /// What was posted to an event loop is due at once, and happens here too: also for the present
    /// instant.
    pub fn advance_to(&mut self, at: Nanos) {
        self.engine.advance_to(at);
    }

    /// A client opens a stream.
    pub fn open_stream(&mut self, open: OpenStream) -> StreamId {
        self.engine.open_stream(&open)
    }

    /// The client sent request headers.
    ///
    /// Pseudo headers are `:method`, `:path`, `:authority` and, in HTTP/2, `:scheme`; a `host` header
    /// stands for a missing `:authority`.
    pub fn request_headers(&mut self, stream: StreamId, headers: HeaderMap, end_stream: bool) {
        self.input(format_args!("{stream} from client: headers {headers:?}{}", mark(end_stream)));
        self.engine.receive_headers(stream, headers, end_stream);
        self.engine.world.streams.bury();
    }

    /// The client sent what is no message, or no longer one.
    pub(crate) fn request_malformed(&mut self, stream: StreamId, malformed: Malformed) {
        self.input(format_args!("{stream} from client: {malformed:?}, malformed"));
        self.engine.refuse_message(stream, malformed);
        self.engine.world.streams.bury();
    }

    /// The client sent a piece of the request's body.
    pub fn request_data(&mut self, stream: StreamId, data: Bytes, end_stream: bool) {
        let length = data.len();
        self.input(format_args!("{stream} from client: {length} bytes{}", mark(end_stream)));
        self.engine.receive_data(stream, data, end_stream);
        self.engine.world.streams.bury();
    }

    /// The client sent trailers, which end the request.
    pub fn request_trailers(&mut self, stream: StreamId, trailers: HeaderMap) {
        self.input(format_args!("{stream} from client: trailers {trailers:?}"));
        self.engine.receive_trailers(stream, trailers);
        self.engine.world.streams.bury();
    }

    /// The client is gone, or gave the stream up.
    pub fn reset_downstream(&mut self, stream: StreamId) {
        self.input(format_args!("{stream} from client: gone"));
        self.engine.downstream_gone(stream);
        self.engine.world.streams.bury();
    }

    /// The client ends the stream, and says how.
    pub fn client_resets(&mut self, stream: StreamId, how: ClientReset) {
        self.input(format_args!("{stream} from client: {how:?}"));
        self.engine.client_ended(stream, how);
        self.engine.world.streams.bury();
    }

    /// A connection for the attempt stands.
    pub fn upstream_connected(&mut self, attempt: AttemptId) {
        self.input(format_args!("{attempt} connected"));
        if self.engine.world.grpc.contains_key(&attempt) {
            return self.engine.grpc_connected(attempt);
        }
        self.engine.attempt_connected(attempt);
    }

    /// The server sent response headers.
    pub fn response_headers(&mut self, attempt: AttemptId, headers: HeaderMap, end_stream: bool) {
        self.input(format_args!("{attempt} from server: headers {headers:?}{}", mark(end_stream)));
        if self.engine.world.grpc.contains_key(&attempt) {
            self.engine.grpc_headers(attempt, headers, end_stream);
        } else {
            self.engine.attempt_headers(attempt, headers, end_stream);
        }
        self.engine.world.streams.bury();
    }

    /// The server sent a piece of the response's body.
    pub fn response_data(&mut self, attempt: AttemptId, data: Bytes, end_stream: bool) {
        let length = data.len();
        self.input(format_args!("{attempt} from server: {length} bytes{}", mark(end_stream)));
        if self.engine.world.grpc.contains_key(&attempt) {
            self.engine.grpc_data(attempt, &data, end_stream);
        } else {
            self.engine.attempt_data(attempt, data, end_stream);
        }
        self.engine.world.streams.bury();
    }

    /// The server sent trailers, which end the response.
    pub fn response_trailers(&mut self, attempt: AttemptId, trailers: HeaderMap) {
        self.input(format_args!("{attempt} from server: trailers {trailers:?}"));
        if self.engine.world.grpc.contains_key(&attempt) {
            self.engine.grpc_trailers(attempt, trailers);
        } else {
            self.engine.attempt_trailers(attempt, trailers);
        }
        self.engine.world.streams.bury();
    }

    /// The attempt broke.
    pub fn reset_upstream(&mut self, attempt: AttemptId, reset: UpstreamReset) {
        self.input(format_args!("{attempt} from server: {reset:?}"));
        if self.engine.world.grpc.contains_key(&attempt) {
            self.engine.grpc_reset(attempt, reset);
        } else {
            self.engine.attempt_reset(attempt, reset);
        }
        self.engine.world.streams.bury();
    }

    /// The headers of the answer to a plugin's own request are here.
    pub fn callout_headers(&mut self, call: CalloutId) {
        self.input(format_args!("{call} begins to answer"));
        self.engine.world.note_callout_headers(call);
    }

    /// A plugin's own request is answered.
    pub fn callout_response(&mut self, call: CalloutId, outcome: CalloutOutcome) {
        self.input(format_args!("{call} answered"));
        self.engine.callout_ended(call, outcome);
        self.engine.world.streams.bury();
    }

    /// The configurations in force of all plugins with this root id, in the order of the file.
    ///
    /// # Errors
    /// There is no such plugin.
    pub fn plugin_configurations(&self, root_id: &str) -> Result<Vec<InForce>, UnknownPlugin> {
        self.engine.configurations(root_id)
    }

    /// Gives the plugin at this place of the file a new configuration; running streams keep the old.
    ///
    /// # Errors
    /// The plugin refuses it, and the old one stays in force.
    pub fn reload_plugin(
        &mut self,
        place: usize,
        configuration: Arc<[u8]>,
    ) -> Result<(), SetUpError> {
        self.input(format_args!("plugin {place}: a new configuration"));
        let reloaded = self.engine.reload(place, configuration);
        self.engine.world.streams.bury();
        reloaded
    }

    /// The listeners drain, gracefully and with the strategy `immediate`, as in Istio's proxies: streams
    /// go on and connections are still accepted, but every HTTP/1 response closes its connection.
    ///
    /// The strategy `gradual` closes a share of them by chance, which grows over ten minutes. That the
    /// listeners close when the drain time is over is not modelled.
    pub fn drain(&mut self) {
        self.input(format_args!("listeners drain"));
        self.engine.world.draining = true;
    }

    /// The wall clock is set: forward, or back. Timers, which run on the monotonic clock, do not move.
    pub fn jump_wall_clock(&mut self, nanos: i64) {
        self.input(format_args!("wall clock jumps by {nanos} ns"));
        let world = &mut self.engine.world;
        world.start_wall = world.start_wall.saturating_add_signed(nanos);
    }

    /// A worker thread ends with everything on it: its streams are cut, its VMs are gone.
    ///
    /// The driver must open no more streams there. No Envoy does this: a thread that dies takes the
    /// process with it. It is here for what plugins agree on among workers, such as who ticks for all.
    pub fn lose_worker(&mut self, worker: usize) {
        self.input(format_args!("worker {worker} is lost"));
        self.engine.lose_worker(worker);
        self.engine.world.streams.bury();
    }

    /// A client is about to give up on a stream: notes it, if a plugin holds it.
    pub fn lint_abandoned(&mut self, stream: StreamId) {
        self.engine.world.lint_abandoned(stream);
    }

    /// Looks, at the end of a run, for what plugins have left behind.
    pub fn lint_what_is_left(&mut self) {
        self.engine.world.lint_what_is_left();
    }

    /// The next effect, if there is one; drained after every input.
    pub fn poll(&mut self) -> Option<Effect> {
        self.engine.world.effects.pop_front()
    }

    /// What plugins asked for and the model does not have, since the last call; a driver that gets any
    /// must fail its run.
    pub fn take_refusals(&mut self) -> Vec<String> {
        self.engine.world.take_refusals()
    }

    /// What plugins logged since the last call; a driver that runs for days has to take it.
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        self.engine.world.take_logs()
    }

    /// The state that expectations read.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.engine.world
    }

    fn input(&mut self, line: fmt::Arguments<'_>) {
        let world = &mut self.engine.world;
        world.trace.line(world.now, line);
    }
}

fn mark(end_stream: bool) -> &'static str {
    if end_stream { ", end" } else { "" }
}
