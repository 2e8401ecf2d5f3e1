//! The calibrations of a configuration's models: where they are kept, and who may change them.
//!
//! A record lies in the proxy's shared data, so all workers learn into the same one and a new
//! configuration finds it. It is changed by compare-and-swap: whoever lost learns again, from what
//! the winner wrote. Only models that the configuration names have one, so no client can fill the
//! slots.
//!
//! # What it costs
//! One read for each request that is counted, and a look at some answers ([`is_looked_at`]).

use std::cell::Cell;

use traffic_policy::calibration::{
    Corrected, Estimate, Learnt, Outcome, Place, Slot, Store, Written, is_looked_at,
};
use traffic_policy::catalog::Catalog;

use crate::host::{Status, shared_data};
use crate::metrics::Counter;

/// The calibrations of all models that a configuration names; none where it does not want them.
pub(crate) struct Calibrations {
    models: Vec<Model>,
    no_slot: Counter,
    unreadable: Counter,
}

/// One model's.
struct Model {
    name: String,
    place: Place,
    /// How many answers might have been looked at.
    answers: Cell<u32>,
    learnt: Counter,
    outlier: Counter,
    implausible: Counter,
    conflict: Counter,
}

impl Calibrations {
    pub(crate) fn of(catalog: &Catalog, wanted: bool) -> Self {
        let models = catalog.models().iter().filter(|_| wanted);
        Self {
            models: models.map(|model| Model::new(&model.name)).collect(),
            no_slot: Counter::declare("llm_limit_hits_total", &[("limit", "calibration_slots")]),
            unreadable: Counter::declare("llm_calibration_unreadable_total", &[]),
        }
    }

    /// Corrects an estimate by what is known of the model with this (real) name.
    pub(crate) fn correct(&self, model: &str, estimate: &Estimate) -> Option<Corrected> {
        self.model(model)?.place.read(self)?.apply(estimate)
    }

    /// Whether the next answer of a model is to be looked at. Says so of every answer at the
    /// beginning, and then of some.
    pub(crate) fn wants_answer(&self, model: &str) -> bool {
        let Some(model) = self.model(model) else { return false };
        let answers = model.answers.get();
        model.answers.set(answers.saturating_add(1));
        is_looked_at(answers)
    }

    /// Learns what a server reported.
    pub(crate) fn learn(&self, model: &str, estimate: &Estimate, reported: u64) {
        let Some(model) = self.model(model) else { return };
        match model.place.learn(self, estimate, reported) {
            Learnt::Seen(Outcome::Learnt) => model.learnt.increment(),
            Learnt::Seen(Outcome::Outlier) => model.outlier.increment(),
            Learnt::Seen(Outcome::Implausible) => model.implausible.increment(),
            Learnt::Conflict => model.conflict.increment(),
            Learnt::NoSlot => self.no_slot.increment(),
        }
    }

    fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

/// The proxy's shared data.
impl Store for Calibrations {
    fn get(&self, slot: Slot) -> Option<(Vec<u8>, u32)> {
        shared_data::get(&key(slot)).ok()
    }

    fn set(&self, slot: Slot, value: &[u8], number: Option<u32>) -> Written {
        match shared_data::set(&key(slot), value, number.unwrap_or(shared_data::ABSENT)) {
            Ok(()) => Written::Done,
            Err(Status::CasMismatch) => Written::Lost,
            Err(_) => Written::Failed,
        }
    }

    fn unreadable(&self) {
        self.unreadable.increment();
    }
}

fn key(slot: Slot) -> String {
    format!("llm/1/calibration/{slot}")
}

impl Model {
    fn new(name: &str) -> Self {
        let samples = |outcome| {
            let labels = [("model", name), ("outcome", outcome)];
            Counter::declare("llm_calibration_samples_total", &labels)
        };
        Self {
            name: name.to_owned(),
            place: Place::of(name),
            answers: Cell::new(0),
            learnt: samples("learnt"),
            outlier: samples("outlier"),
            implausible: samples("implausible"),
            conflict: samples("conflict"),
        }
    }
}
