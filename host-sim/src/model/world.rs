//! Everything that a hostcall can reach.
//!
//! The world is lent to a VM for the time of one callback and holds no VM itself; so a hostcall cannot
//! call into a guest, exactly as in Envoy, where such actions wait until the guest has returned.
//! Each chapter of the ABI adds its methods in a file of its own.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::SocketAddr,
    sync::Arc,
};

use super::{
    callout::Callouts,
    config::{Config, Plugin},
    context::{Context, Root, StreamContext},
    effect::{Effect, StreamId},
    grpc,
    lint::Findings,
    log::LogLine,
    metric::Metrics,
    queue::Queues,
    router::Upstreams,
    shared_data::SharedData,
    stream::{Stream, Streams},
    thread::Thread,
    time::{Nanos, Schedule},
    trace::{Summary, Trace},
    version::EnvoyVersion,
    vm::{Vm, VmId},
};
use crate::abi::{ContextId, Export, Status};

/// The state of the simulated proxy, as far as plugins can see or change it.
#[derive(Debug)]
pub struct World {
    pub(crate) now: Nanos,
    pub(crate) start_wall: u64,
    pub(crate) envoy: EnvoyVersion,
    pub(crate) config: Arc<Config>,
    pub(crate) random: fastrand::Rng,
    pub(crate) vms: Vec<Vm>,
    pub(crate) streams: Streams,
    pub(crate) shared: SharedData,
    pub(crate) queues: Queues,
    pub(crate) metrics: Metrics,
    pub(crate) callouts: Callouts,
    pub(crate) grpc: grpc::Exchanges,
    pub(crate) upstreams: Upstreams,
    pub(crate) logs: Vec<LogLine>,
    /// Bytes in `logs`.
    pub(crate) logged: usize,
    pub(crate) traps: Vec<LogLine>,
    pub(crate) log_level: u32,
    pub(crate) schedule: Schedule,
    /// The listeners drain.
    pub(crate) draining: bool,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) trace: Trace,
    /// Streams whose held data a guest has changed since the filter manager looked.
    pub(crate) rewritten: Vec<StreamId>,
    pub(crate) lints: Findings,
    /// What plugins did that Envoy does not define, and to which stream.
    pub(crate) undefined: Vec<(StreamId, &'static str)>,
    refusals: Vec<String>,
    frame: Option<Frame>,
}

/// The callback in progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) vm: VmId,
    /// 0 while the VM starts.
    pub(crate) context: ContextId,
    /// What the guest set with `proxy_set_effective_context`.
    pub(crate) effective: Option<ContextId>,
    /// None while the VM starts.
    pub(crate) callback: Option<Export>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: 0,
            start_wall: 0,
            envoy: EnvoyVersion::default(),
            config: Arc::default(),
            random: fastrand::Rng::with_seed(0),
            vms: Vec::new(),
            streams: Streams::default(),
            shared: SharedData::default(),
            queues: Queues::default(),
            metrics: Metrics::default(),
            callouts: Callouts::default(),
            grpc: grpc::Exchanges::default(),
            upstreams: Upstreams::default(),
            logs: Vec::new(),
            logged: 0,
            traps: Vec::new(),
            log_level: 2,
            schedule: Schedule::default(),
            draining: false,
            effects: VecDeque::new(),
            trace: Trace::default(),
            rewritten: Vec::new(),
            lints: Findings::default(),
            undefined: Vec::new(),
            refusals: Vec::new(),
            frame: None,
        }
    }
}

// What hostcalls use that belong to no chapter.
impl World {
    /// The context that hostcalls act on: the one the guest set, as long as it exists.
    #[must_use]
    pub fn effective_context(&self) -> ContextId {
        self.frame.map_or(0, |frame| {
            let exists = |id: &ContextId| {
                self.vms.get(frame.vm.0).is_some_and(|vm| vm.contexts.contains_key(id))
            };
            frame.effective.filter(exists).unwrap_or(frame.context)
        })
    }

    /// `proxy_set_effective_context`; holds until the callback returns.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a context that does not exist in this VM.
    pub fn set_effective_context(&mut self, context: ContextId) -> Result<(), Status> {
        let vm = self.vm().ok_or(Status::BadArgument)?;
        // Number 0 is the VM itself; as an effective context it means the real one.
        if context != 0 && !vm.contexts.contains_key(&context) {
            return Err(Status::BadArgument);
        }
        if let Some(frame) = &mut self.frame {
            frame.effective = Some(context).filter(|id| *id != 0);
        }
        Ok(())
    }

    /// The wall clock in nanoseconds since 1970.
    #[must_use]
    pub fn wall_nanos(&self) -> u64 {
        self.start_wall.saturating_add(self.now)
    }

    /// The monotonic clock in nanoseconds.
    #[must_use]
    pub fn mono_nanos(&self) -> u64 {
        self.now
    }

    /// Seeded random bytes.
    pub fn random_bytes(&mut self, out: &mut [u8]) {
        self.random.fill(out);
    }

    /// The environment variables of the VM that is being called.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.vm().map_or(&NONE, |vm| &vm.spec.environment)
    }

    /// `proxy_get_status`: code and message of the last callout of this root context.
    pub fn call_status(&mut self) -> (u32, Vec<u8>) {
        self.root().map_or((0, Vec::new()), |root| {
            let (code, message) = &root.status;
            (*code, message.clone().into_bytes())
        })
    }

    /// Records that the guest asked for something which Envoy has and this model has not.
    ///
    /// The driver turns it into a named error after the callback; nothing is stubbed silently.
    pub fn refuse(&mut self, what: &str) {
        let plugin = self.plugin().map_or_else(String::new, |plugin| format!("{}: ", plugin.name));
        self.refusals.push(format!("{plugin}{what}"));
    }

    /// Whether hostcalls are traced; their details are only formatted then.
    #[must_use]
    pub fn is_tracing(&self) -> bool {
        self.trace.is_on()
    }

    /// Writes the trace line of one hostcall; costs nothing while tracing is off.
    pub fn trace_hostcall(&mut self, name: &'static str, detail: fmt::Arguments<'_>, status: u32) {
        let status = Status::from_number(status).map_or("?", Status::name);
        self.trace.line(self.now, format_args!("    {name}({detail}) = {status}"));
    }
}

// What drivers and expectations read.
impl World {
    /// What plugins asked for and the model does not have, since the last call of this.
    pub fn take_refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refusals)
    }

    /// Log lines of plugins, in order.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }

    pub(crate) fn note_undefined(&mut self, stream: StreamId, what: &'static str) {
        self.trace.line(self.now, format_args!("    {stream} undefined in Envoy: {what}"));
        // What a filter of an attempt does happens to the client's stream.
        self.undefined.push((self.streams.owner_of(stream), what));
    }

    /// What plugins did that Envoy does not define: a build with assertions ends there, and what a
    /// released one does is chance.
    #[must_use]
    pub fn undefined(&self) -> &[(StreamId, &'static str)] {
        &self.undefined
    }

    /// The metrics that plugins defined.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the router counts for each cluster: cluster, Envoy's name of the counter, value.
    pub fn cluster_counters(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.upstreams.counters()
    }

    /// Whether a cluster's outlier detection leaves an endpoint out at present.
    #[must_use]
    pub fn is_left_out(&self, cluster: &str, endpoint: SocketAddr) -> bool {
        let cluster = self.config.clusters.get(cluster);
        cluster.is_some_and(|cluster| self.upstreams.is_left_out(cluster, endpoint, self.now))
    }

    /// The endpoints that a client's request named, whichever of them it has been to.
    #[must_use]
    pub fn named_endpoints(&self, stream: StreamId) -> &[SocketAddr] {
        self.streams.get(stream).map_or(&[], |stream| &stream.router.wanted)
    }

    /// The lines of the trace; empty unless tracing was asked for.
    #[must_use]
    pub fn trace(&self) -> &[String] {
        self.trace.lines()
    }

    /// How many streams have not ended.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }
}

// What the chapters build on.
impl World {
    /// Enters a callback; returns what was there before, for [`World::leave`].
    pub(crate) fn enter(
        &mut self,
        vm: VmId,
        context: ContextId,
        callback: Option<Export>,
    ) -> Option<Frame> {
        self.frame.replace(Frame { vm, context, effective: None, callback })
    }

    /// The callback in progress.
    pub(crate) fn callback(&self) -> Option<Export> {
        self.frame.and_then(|frame| frame.callback)
    }

    pub(crate) fn leave(&mut self, before: Option<Frame>) {
        self.frame = before;
    }

    /// Asks something of the driver.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.trace.line(self.now, format_args!("{}", Summary(&effect)));
        self.lint_length(&effect);
        self.effects.push_back(effect);
    }

    /// The VM whose guest is being called.
    pub(crate) fn vm(&self) -> Option<&Vm> {
        self.frame.and_then(|frame| self.vms.get(frame.vm.0))
    }

    pub(crate) fn vm_mut(&mut self) -> Option<&mut Vm> {
        self.frame.and_then(|frame| self.vms.get_mut(frame.vm.0))
    }

    pub(crate) fn vm_place(&self) -> Option<VmId> {
        self.frame.map(|frame| frame.vm)
    }

    /// `vm_config.vm_id` of the VM that is being called: the namespace of shared data and queues.
    pub(crate) fn vm_id(&self) -> &str {
        self.vm().map_or("", |vm| &vm.spec.vm_id)
    }

    pub(crate) fn thread(&self) -> Thread {
        self.vm().map_or(Thread::Main, |vm| vm.thread)
    }

    /// The effective context, if it is a stream's.
    pub(crate) fn stream_context(&self) -> Option<&StreamContext> {
        match self.vm()?.contexts.get(&self.effective_context())? {
            Context::Stream(context) => Some(context),
            Context::Root(_) => None,
        }
    }

    pub(crate) fn stream_context_mut(&mut self) -> Option<&mut StreamContext> {
        let id = self.effective_context();
        match self.vm_mut()?.contexts.get_mut(&id)? {
            Context::Stream(context) => Some(context),
            Context::Root(_) => None,
        }
    }

    /// The context that was called, whichever is effective, if it is a stream's.
    pub(crate) fn called_context(&self) -> Option<&StreamContext> {
        match self.vm()?.contexts.get(&self.frame?.context)? {
            Context::Stream(context) => Some(context),
            Context::Root(_) => None,
        }
    }

    /// The properties that the context that was called has declared.
    pub(crate) fn called_declarations(&mut self) -> Option<&mut BTreeMap<Vec<u8>, bool>> {
        let id = self.frame?.context;
        Some(match self.vm_mut()?.contexts.get_mut(&id)? {
            Context::Stream(context) => &mut context.declared,
            Context::Root(root) => &mut root.declared,
        })
    }

    /// The client's stream of the effective context; filters of an attempt share much with it.
    pub(crate) fn owner(&self) -> Option<&Stream> {
        self.streams.get(self.streams.owner_of(self.stream_context()?.stream))
    }

    /// The root context of the effective context.
    pub(crate) fn root(&self) -> Option<&Root> {
        let vm = self.vm()?;
        match vm.contexts.get(&vm.root_of(self.effective_context()))? {
            Context::Root(root) => Some(root),
            Context::Stream(_) => None,
        }
    }

    pub(crate) fn root_mut(&mut self) -> Option<&mut Root> {
        let id = self.effective_context();
        let vm = self.vm_mut()?;
        let root = vm.root_of(id);
        match vm.contexts.get_mut(&root)? {
            Context::Root(root) => Some(root),
            Context::Stream(_) => None,
        }
    }

    /// The plugin that the effective context belongs to.
    pub(crate) fn plugin(&self) -> Option<&Plugin> {
        self.root().and_then(|root| self.config.plugins.get(root.plugin))
    }

    /// A stream context of any VM.
    pub(crate) fn context_at(&mut self, vm: VmId, id: ContextId) -> Option<&mut StreamContext> {
        match self.vms.get_mut(vm.0)?.contexts.get_mut(&id)? {
            Context::Stream(context) => Some(context),
            Context::Root(_) => None,
        }
    }

    /// A root context of any VM.
    pub(crate) fn root_at(&mut self, vm: VmId, id: ContextId) -> Option<&mut Root> {
        match self.vms.get_mut(vm.0)?.contexts.get_mut(&id)? {
            Context::Root(root) => Some(root),
            Context::Stream(_) => None,
        }
    }
}
