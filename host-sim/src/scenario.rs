//! Scenarios: one behaviour per file, run on the simulator and on a real Envoy.
//!
//! A file says what is configured, what upstreams answer, what the client does and when, and what
//! must be true afterwards. [`mod@format`] reads it, [`sim`] and [`envoy`] drive the two hosts and
//! write down an [`observation::Observation`], [`mod@check`] compares that with the file and
//! [`diff`] the hosts with each other.
//!
//! # Why not tests in Rust
//! A scenario runs unchanged on two hosts, at virtual and at real time, can be read by someone who
//! knows Envoy and no Rust, and is short enough to send with a bug report.
//!
//! # Limits
//! What takes real time lasts at most ten seconds on Envoy; times compare by window. A scenario
//! that needs faults or clocks which Envoy cannot be given says `hosts: sim` and why.

pub mod catalog;
pub mod check;
pub mod control;
pub mod diff;
pub(crate) mod drive;
pub mod envoy;
pub mod expect;
pub mod fault;
pub mod format;
pub mod observation;
pub mod plugin;
pub mod quantity;
pub mod run;
pub mod sim;
pub mod step;
pub mod verdict;
pub mod workbench;

pub use drive::{SimulateError, simulate};

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::EnvoyVersion;
use crate::model::lint::Lint;
use crate::upstream::Script;

use expect::Finally;
use fault::{GuestFault, TimedEvent};
use plugin::Plugin;
use step::Step;

/// One scenario file.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where it was read.
    pub path: PathBuf,
    /// The folder's and the file's name: `token-router/get_without_body_passes`.
    pub name: String,
    /// The first line: the behaviour in a sentence.
    pub sentence: String,
    /// What the host is configured with.
    pub target: Target,
    /// Where it may run.
    pub hosts: Hosts,
    /// Worker threads of the host.
    pub workers: u32,
    /// Seed of everything that is random in the simulator.
    pub seed: u64,
    /// What happens first in the simulator when an input and the host's own work fall on one instant.
    pub ties: Ties,
    /// What a run without the filter must give.
    pub control: Control,
    /// Versions of Envoy it runs on; the simulator plays the first.
    pub envoys: Vec<EnvoyVersion>,
    /// The oldest version of which it is true.
    pub since: EnvoyVersion,
    /// Features of cargo that the filters' module is built with, besides the default ones; in order.
    pub features: Vec<String>,
    /// JSON merge patches on plugin configurations, by root id.
    pub patches: Vec<(String, Value)>,
    /// What the endpoints of a cluster do; a cluster that is not named answers friendly.
    pub upstreams: Vec<(String, Endpoints)>,
    /// What happens to the proxy itself, and when.
    pub events: Vec<TimedEvent>,
    /// What goes wrong inside guests.
    pub guest_faults: Vec<GuestFault>,
    /// Lints that the scenario does not want to hear of, each with its reason.
    pub silenced: Vec<(Lint, String)>,
    /// What the client does, in the order of the file.
    pub steps: Vec<Step>,
    /// What must be true at the end.
    pub finally: Finally,
}

/// Which of two independent things at one instant is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// The seed decides, each time anew.
    #[default]
    Drawn,
    /// What arrives on sockets.
    Input,
    /// What the host has to do by itself: timers, queues.
    Host,
}

/// What stands behind a cluster.
#[derive(Debug, Clone)]
pub enum Endpoints {
    /// Each endpoint is a server that follows its own copy of the script.
    Scripted(Script),
    /// Connections are refused.
    Down,
}

impl Scenario {
    /// The number that tells one request of the scenario from all others, the same on every host.
    #[must_use]
    pub fn exchange_number(&self, step: usize, round: usize) -> usize {
        let before = self.steps.iter().take(step);
        before.filter_map(Step::request).map(|request| request.times()).sum::<usize>() + round
    }

    /// Keys of filter state that some step expects something of.
    #[must_use]
    pub fn filter_state_keys(&self) -> BTreeSet<&str> {
        let requests = self.steps.iter().filter_map(Step::request);
        let states = requests.map(|request| &request.expect.filter_state);
        states
            .flat_map(|state| state.present.iter().map(|(key, _)| key).chain(&state.absent))
            .map(String::as_str)
            .collect()
    }

    /// What stands at this place of `cluster`: what is said of the place, `gpu(1)`, or of all of them, `gpu`.
    #[must_use]
    pub fn endpoint(&self, cluster: &str, place: usize) -> Endpoints {
        let of = |wanted: &str| self.upstreams.iter().find(|(name, _)| name == wanted);
        of(&format!("{cluster}({place})"))
            .or_else(|| of(cluster))
            .map_or_else(|| Endpoints::Scripted(Script::default()), |(_, found)| found.clone())
    }
}

/// The configuration under test: always files that a user can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A bootstrap file of Envoy.
    Envoy(PathBuf),
    /// Istio resources; the host gets what Istio would deliver for them.
    Istio(Vec<PathBuf>),
    /// One plugin; the file around it is made.
    Plugin(Plugin),
}

/// The root id of the plugin that `config` means in a file of the user's.
const MAIN_PLUGIN: &str = "llm-mesh";

impl Target {
    /// The root id of the plugin that is meant where none is named.
    #[must_use]
    pub fn main_plugin(&self) -> &str {
        match self {
            Self::Envoy(_) | Self::Istio(_) => MAIN_PLUGIN,
            Self::Plugin(plugin) => &plugin.root_id,
        }
    }
}

/// On which hosts a scenario means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// In the simulator and on Envoy, with equal results.
    Both,
    /// In the simulator and on Envoy, where what is expected holds on each; the records are not
    /// compared, because some of it is chance.
    Each {
        /// What is chance.
        because: String,
    },
    /// In the simulator only.
    Sim {
        /// Why Envoy cannot be made to do it.
        because: String,
    },
}

/// What must happen when a guest that leaves everything alone stands in for the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Control {
    /// The scenario must fail, or it would prove nothing.
    #[default]
    Fails,
    /// Being left alone is the point of the scenario.
    Passes,
}
