//! The calibrations of a configuration's models: where they are kept, and who may change them.
//!
//! A record lies in the proxy's shared data, so all workers learn into the same one and a new
//! configuration finds it. It is changed by compare-and-swap: whoever lost learns again, from what
//! the winner wrote. Only models that the configuration names have one, so no client can fill the
//! slots.
//!
//! # What it costs
//! One read for each request that is counted. Answers are looked at until a model has had
//! [`LOOK_ALWAYS`] of them in this worker, and then only one in [`LOOK_SELDOM`].

use std::cell::Cell;

use traffic_policy::calibration::{
    Calibration, Corrected, Estimate, Outcome, Slot, Unreadable, fingerprint, slots,
};
use traffic_policy::catalog::Catalog;

use crate::host::{Status, shared_data};
use crate::metrics::Counter;

/// So many answers of a model are looked at, one after the other.
const LOOK_ALWAYS: u32 = 128;

/// And then one in so many.
const LOOK_SELDOM: u32 = 16;

/// How often one report is tried to be learnt; each try has lost against another worker, or has
/// found a slot taken.
const TRIES: usize = 8;

/// The calibrations of all models that a configuration names; none where it does not want them.
pub(crate) struct Calibrations {
    models: Vec<Model>,
    no_slot: Counter,
    unreadable: Counter,
}

/// One model's.
struct Model {
    name: String,
    fingerprint: u64,
    slots: [Slot; 4],
    /// How many of its slots were found taken by other models.
    taken: Cell<usize>,
    /// How many answers might have been looked at.
    answers: Cell<u32>,
    learnt: Counter,
    outlier: Counter,
    implausible: Counter,
    conflict: Counter,
}

/// What is in a model's slot.
#[expect(clippy::large_enum_variant, reason = "lives as long as one call, on the stack")]
enum Found {
    /// Its calibration, or a new one, and the number with which to change it.
    Own(Calibration, u32),
    /// Another model's: the next slot is to be tried.
    Taken,
    /// There is none left for it.
    NoSlot,
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
        match self.find(self.model(model)?) {
            Found::Own(calibration, _) => calibration.apply(estimate),
            Found::Taken | Found::NoSlot => None,
        }
    }

    /// Whether the next answer of a model is to be looked at. Says so of every answer at the
    /// beginning, and then of some.
    pub(crate) fn wants_answer(&self, model: &str) -> bool {
        let Some(model) = self.model(model) else { return false };
        let answers = model.answers.get();
        model.answers.set(answers.saturating_add(1));
        answers < LOOK_ALWAYS || answers % LOOK_SELDOM == 0
    }

    /// Learns what a server reported.
    pub(crate) fn learn(&self, model: &str, estimate: &Estimate, reported: u64) {
        let Some(model) = self.model(model) else { return };
        for _ in 0..TRIES {
            let (mut calibration, number) = match self.find(model) {
                Found::Own(calibration, number) => (calibration, number),
                Found::Taken => continue,
                Found::NoSlot => return self.no_slot.increment(),
            };
            let outcome = calibration.learn(estimate, reported);
            if outcome == Outcome::Implausible {
                return model.implausible.increment();
            }
            let record = calibration.encode(model.fingerprint);
            match model.key().map(|key| shared_data::set(&key, &record, number)) {
                Some(Err(Status::CasMismatch)) => {}
                Some(Ok(())) => return model.count(outcome),
                Some(Err(_)) | None => break,
            }
        }
        model.conflict.increment();
    }

    fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    fn find(&self, model: &Model) -> Found {
        let Some(key) = model.key() else { return Found::NoSlot };
        let Ok((bytes, number)) = shared_data::get(&key) else {
            return Found::Own(Calibration::default(), shared_data::ABSENT);
        };
        match Calibration::decode(&bytes, model.fingerprint) {
            Ok(calibration) => Found::Own(calibration, number),
            Err(Unreadable::Foreign) => {
                model.taken.set(model.taken.get() + 1);
                Found::Taken
            }
            Err(Unreadable::Broken) => {
                self.unreadable.increment();
                Found::Own(Calibration::default(), number)
            }
        }
    }
}

impl Model {
    fn new(name: &str) -> Self {
        let fingerprint = fingerprint(name);
        let samples = |outcome| {
            let labels = [("model", name), ("outcome", outcome)];
            Counter::declare("llm_calibration_samples_total", &labels)
        };
        Self {
            name: name.to_owned(),
            fingerprint,
            slots: slots(fingerprint),
            taken: Cell::new(0),
            answers: Cell::new(0),
            learnt: samples("learnt"),
            outlier: samples("outlier"),
            implausible: samples("implausible"),
            conflict: samples("conflict"),
        }
    }

    /// Slots are never given back, so the first that is not another's is this model's.
    fn key(&self) -> Option<String> {
        self.slots.get(self.taken.get()).map(|slot| format!("llm/1/calibration/{slot}"))
    }

    fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Learnt => self.learnt.increment(),
            Outcome::Outlier => self.outlier.increment(),
            Outcome::Implausible => self.implausible.increment(),
        }
    }
}
