//! A plugin in a test in Rust: one simulated Envoy, some requests, a record of what came of them.
//!
//! ```
//! use host_sim::scenario::step::Request;
//! use host_sim::simulation::{Simulation, SimulationError};
//!
//! # fn main() -> Result<(), SimulationError> {
//! // Or the bytes of a `.wasm` that was built: `std::fs::read("my_plugin.wasm")?`.
//! let plugin = include_bytes!("../../tests/scenarios/plugins/greeter.wat");
//!
//! let seen = Simulation::of_plugin(plugin)?
//!     .configuration("good day")
//!     .upstream("upstream", serde_json::json!([{"status": 503}, {"text": "at your service"}]))?
//!     .request(Request::get("/busy"))
//!     .request(Request::post("/v1/chat/completions", r#"{"model": "m"}"#).header("x-user", "me"))
//!     .run()?;
//!
//! let [busy, chat] = seen.exchanges.as_slice() else { panic!("two exchanges") };
//! assert_eq!(busy.response.status, Some(503));
//! assert_eq!(chat.response.headers.joined("x-hello").as_deref(), Some("good day"));
//! assert!(chat.upstream[0].complete);
//! assert!(seen.lints.is_empty(), "{:?}", seen.lints);
//! # Ok(())
//! # }
//! ```
//!
//! # Why not scenario files only
//! A test beside the plugin's own code can make its bodies, loop over cases, and fail in the test
//! runner that its author has. What is told of a run is the same [`Observation`] in both.
//!
//! # Limits
//! Requests follow one another, each when the one before has ended. For more at once, times, faults
//! and a real Envoy to compare with: a scenario file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bootstrap::{Bootstrap, Code, FilterKind};
use crate::model::EnvoyVersion;
use crate::scenario::observation::Observation;
use crate::scenario::plugin::Plugin;
use crate::scenario::step::{Request, Step};
use crate::scenario::{
    self, Control, Endpoints, Hosts, Scenario, SimulateError, Target, expect::Finally,
};
use crate::upstream::{Script, ScriptError};
use crate::vm::{Engine, EngineOptions, LoadError};
use crate::yaml::{Error, Node, Place};

/// Why a simulation gave no record.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The module is given as text, and the text is wrong.
    #[error("the module's text does not assemble")]
    Text(#[from] wat::Error),
    /// There is no engine for this machine.
    #[error(transparent)]
    Engine(#[from] LoadError),
    /// A server's script is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The configuration around the plugin is not one that the model reads.
    #[error(transparent)]
    Configuration(#[from] Error),
    /// It did not run.
    #[error(transparent)]
    Run(#[from] SimulateError),
}

/// What a simulation is made of.
#[derive(Debug, Clone)]
enum Proxy {
    /// One plugin; the file around it is made.
    Plugin { plugin: Plugin, code: Arc<[u8]> },
    /// A file of the user's.
    File(Box<Bootstrap>),
}

/// A simulated Envoy, what its servers answer, and what its client sends.
#[derive(Clone)]
pub struct Simulation {
    proxy: Proxy,
    version: EnvoyVersion,
    engine: Option<Arc<Engine>>,
    scenario: Scenario,
}

impl Simulation {
    /// One plugin in front of one server, the cluster `upstream`. The module is given in binary, or
    /// as WebAssembly text.
    ///
    /// # Errors
    /// When it is a text that is none of a module.
    pub fn of_plugin(module: &[u8]) -> Result<Self, SimulationError> {
        let code = wat::parse_bytes(module)?.into();
        Ok(Self::of(Proxy::Plugin { plugin: Plugin::default(), code }))
    }

    /// A whole configuration; its modules are read from the files that it names.
    #[must_use]
    pub fn of_bootstrap(bootstrap: Bootstrap) -> Self {
        Self::of(Proxy::File(Box::new(bootstrap)))
    }

    fn of(proxy: Proxy) -> Self {
        let scenario = Scenario {
            path: PathBuf::new(),
            name: "simulation".to_owned(),
            sentence: String::new(),
            target: Target::Plugin(Plugin::default()),
            hosts: Hosts::Sim { because: "it is a test in Rust".to_owned() },
            workers: 1,
            seed: 1,
            ties: scenario::Ties::default(),
            control: Control::default(),
            envoys: Vec::new(),
            since: EnvoyVersion::V1_36,
            features: Vec::new(),
            patches: Vec::new(),
            upstreams: Vec::new(),
            events: Vec::new(),
            guest_faults: Vec::new(),
            silenced: Vec::new(),
            steps: Vec::new(),
            finally: Finally::default(),
        };
        Self { proxy, version: EnvoyVersion::default(), engine: None, scenario }
    }

    /// What the plugin's `on_configure` reads. A configuration of the user's has its own.
    #[must_use]
    pub fn configuration(mut self, text: &str) -> Self {
        if let Proxy::Plugin { plugin, .. } = &mut self.proxy {
            plugin.configuration = Some(text.to_owned());
        }
        self
    }

    /// Which of the module's plugins, for SDKs that register them by name.
    #[must_use]
    pub fn root_id(mut self, root_id: &str) -> Self {
        if let Proxy::Plugin { plugin, .. } = &mut self.proxy {
            plugin.root_id = root_id.to_owned();
        }
        self
    }

    /// What the servers of a cluster answer: a list of replies, as in scenario files. For a plugin, a
    /// further name makes a further cluster, which it can call.
    ///
    /// # Errors
    /// When it is no list of replies.
    pub fn upstream(
        mut self,
        cluster: &str,
        replies: serde_json::Value,
    ) -> Result<Self, SimulationError> {
        let script = Endpoints::Scripted(Script::from_json(replies)?);
        self.scenario.upstreams.push((cluster.to_owned(), script));
        Ok(self)
    }

    /// How many worker threads; each has VMs of its own. 1 by default.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.scenario.workers = workers;
        self
    }

    /// What everything random is drawn from. 1 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.scenario.seed = seed;
        self
    }

    /// Which Envoy is played.
    #[must_use]
    pub fn envoy(mut self, version: EnvoyVersion) -> Self {
        self.version = version;
        self
    }

    /// An engine that is shared with other simulations, so that a module is compiled once.
    #[must_use]
    pub fn engine(mut self, engine: &Arc<Engine>) -> Self {
        self.engine = Some(Arc::clone(engine));
        self
    }

    /// One more request.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.scenario.steps.push(Step::from(request));
        self
    }

    /// Sends the requests, and tells what came of them.
    ///
    /// # Errors
    /// When the plugin does not load, refuses its configuration, or asks for what is not modelled.
    pub fn run(self) -> Result<Observation, SimulationError> {
        let engine = match self.engine {
            Some(engine) => engine,
            None => Arc::new(Engine::new(EngineOptions::default())?),
        };
        let bootstrap = match self.proxy {
            Proxy::File(bootstrap) => *bootstrap,
            Proxy::Plugin { plugin, code } => {
                let clusters = self.scenario.upstreams.iter().map(|(name, _)| name.as_str());
                around(&plugin, code, clusters)?
            }
        };
        Ok(scenario::simulate(&self.scenario, &bootstrap, self.version, engine)?)
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("requests", &self.scenario.steps.len()).finish()
    }
}

/// The file that is made around a plugin, with the module in it.
fn around<'a>(
    plugin: &Plugin,
    code: Arc<[u8]>,
    clusters: impl IntoIterator<Item = &'a str>,
) -> Result<Bootstrap, Error> {
    let place = Place { file: "the file made for the plugin".into(), line: 0, column: 0 };
    let plugin = Plugin { file: Some(PathBuf::from("the module")), ..plugin.clone() };
    let tree = Node::from_json(&plugin.bootstrap(clusters), &place);
    let mut bootstrap = Bootstrap::from_node(&tree)?;
    let managers = bootstrap.listeners.iter_mut().map(|listener| &mut listener.manager);
    for filter in managers.flat_map(|manager| &mut manager.http_filters) {
        if let FilterKind::Wasm(plugin) = &mut filter.kind {
            plugin.vm.code = Code::Inline(Arc::clone(&code));
        }
    }
    Ok(bootstrap)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GREETER: &[u8] = include_bytes!("../../tests/scenarios/plugins/greeter.wat");

    #[test]
    fn simulations_share_an_engine_and_run_in_parallel_with_equal_results() {
        let engine = Arc::new(Engine::new(EngineOptions::default()).unwrap());
        let run = || {
            Simulation::of_plugin(GREETER)
                .unwrap()
                .engine(&engine)
                .configuration("good day")
                .workers(2)
                .seed(7)
                .request(Request::get("/"))
                .request(Request::get("/again"))
                .run()
                .unwrap()
                .trace
        };
        let traces: Vec<Vec<String>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(traces[0].len() > 20);
        assert!(traces.iter().all(|trace| *trace == traces[0]));
    }

    #[test]
    fn what_goes_wrong_is_a_type_with_words() {
        let text = Simulation::of_plugin(b"(module (func").unwrap_err();
        assert!(matches!(text, SimulationError::Text(_)), "{text}");
        let marker = Simulation::of_plugin(b"(module)").unwrap().run().unwrap_err();
        let SimulationError::Run(SimulateError::Start(start)) = marker else { panic!("{marker}") };
        assert!(start.to_string().contains("no ABI version"), "{start}");
        let script = Simulation::of_plugin(GREETER).unwrap().upstream("a", json!([{"statsu": 1}]));
        assert!(matches!(script, Err(SimulationError::Script(_))));
    }

    #[test]
    fn a_file_of_the_users_can_stand_in_the_place_of_the_made_one() {
        let code = wat::parse_bytes(GREETER).unwrap().into_owned().into();
        let file = around(&Plugin::default(), code, ["auth"]).unwrap();
        let seen = Simulation::of_bootstrap(file).request(Request::get("/")).run().unwrap();
        assert_eq!(seen.exchanges[0].response.status, Some(200));
    }
}
