//! The plugin `llm-mesh` as one configuration makes it.

use std::cell::Cell;
use std::rc::Rc;

use crate::asking::Asking;
use crate::calibration::Calibrations;
use crate::config::{Access, Configured, Shared};
use crate::exchange;
use crate::filter::{Filter, Follows};
use crate::host::streams;
use crate::metrics::{Counter, Outcomes};
use crate::question::{Answered, Now, Questions};
use crate::tokens::Vocabularies;
use crate::waiting::Waiting;

/// What all requests of one configuration share.
pub(crate) struct Plugin {
    pub(crate) shared: Shared,
    pub(crate) filters: Vec<Box<dyn Filter>>,
    pub(crate) reads_headers: Vec<String>,
    pub(crate) takes_away: Vec<&'static str>,
    pub(crate) reads_conversation: bool,
    pub(crate) vocabularies: Rc<Vocabularies>,
    pub(crate) calibrations: Calibrations,
    pub(crate) asking: Asking,
    /// What the filters want to know of answers.
    pub(crate) follows: Follows,
    pub(crate) waiting: Waiting<exchange::Shared>,
    ticks: Ticks,
    questions: Questions,
    pub(crate) counters: Counters,
    /// What was found missing in the proxy's configuration, if anything.
    pub(crate) blind: Cell<Option<Blind>>,
}

/// Why bodies cannot be seen, or decisions not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blind {
    /// `body.access: knob`, and the proxy does not show the body of a paused request.
    Knob,
    /// `body.access: gate`, and no gate holds the request.
    Gate,
}

/// The shell's own counters.
pub(crate) struct Counters {
    pub(crate) inspect_limit: Counter,
    pub(crate) decide_within: Counter,
    pub(crate) waiting_requests: Counter,
    pub(crate) body_edits: Outcomes,
    pub(crate) parser_resyncs: Counter,
    pub(crate) exact_counters: Counter,
    pub(crate) exact_counted: Counter,
    pub(crate) exact_enough: Counter,
    pub(crate) exact_skipped: Counter,
    knob_missing: Counter,
    gate_missing: Counter,
}

impl Plugin {
    pub(crate) fn new(configured: Configured) -> Self {
        let Configured { shared, filters } = configured;
        filters.iter().for_each(|filter| filter.in_force());
        let waiting = Waiting::new(shared.waiting_requests, shared.body.decide_within);
        let waits = shared.body.access != Access::HeadersOnly;
        let ticks = Ticks::new(&filters, waits.then(|| waiting.tick_milliseconds()));
        if ticks.milliseconds > 0 {
            let _ = streams::tick_every(ticks.milliseconds);
        }
        let reads_headers = filters.iter().flat_map(|filter| filter.reads_headers()).collect();
        let takes_away = filters.iter().flat_map(|filter| filter.takes_away()).collect();
        let reads_conversation = filters.iter().any(|filter| filter.reads_conversation());
        let counters = Counters::declare();
        let vocabularies = shared.vocabularies.clone();
        let calibrations = Calibrations::of(&shared.catalog, shared.calibrate);
        let follows = filters.iter().fold(Follows::default(), |f, filter| f.or(filter.follows()));
        let blind = Cell::new(None);
        Self {
            shared,
            filters,
            reads_headers,
            takes_away,
            reads_conversation,
            vocabularies,
            calibrations,
            asking: Asking::declare(),
            follows,
            waiting,
            ticks,
            questions: Questions::default(),
            counters,
            blind,
        }
    }

    /// A tick has come. Filters have fewer of them than the proxy gives.
    pub(crate) fn tick_filters(&self) {
        if !self.ticks.is_due() {
            return;
        }
        let now = Now::read();
        for (place, filter) in self.filters.iter().enumerate() {
            for question in filter.tick(now) {
                if !self.questions.send(place, &question) {
                    filter.answered(question.number, &Answered::NotSent);
                }
            }
        }
    }

    /// An answer to a question has come.
    pub(crate) fn answered(&self, token: u32, length: usize) {
        let Some((place, number, answered)) = self.questions.answered(token, length) else {
            return;
        };
        if let Some(filter) = self.filters.get(place) {
            filter.answered(number, &answered);
        }
    }

    /// A newer configuration is in force.
    pub(crate) fn replaced(&self) {
        self.ticks.end();
        self.filters.iter().for_each(|filter| filter.replaced());
    }

    /// Notes that the proxy lacks something: counted every time, said once.
    pub(crate) fn is_blind(&self, why: Blind) {
        self.counters.blind(why).increment();
        if self.blind.replace(Some(why)) == Some(why) {
            return;
        }
        match why {
            Blind::Knob => log::error!(
                "llm-mesh: body.access: found `knob`, but the proxy does not show the body of a paused request, so requests are routed by their headers; set allow_on_headers_stop_iteration: true in this plugin's configuration (Envoy 1.35 and later), or use `gate`"
            ),
            Blind::Gate => log::error!(
                "llm-mesh: body.access: found `gate`, but no gate holds the request, so its route was chosen without a decision; put the plugin `body-gate` right behind this one, or use `knob`"
            ),
        }
    }
}

/// Which of the proxy's ticks are the filters'.
struct Ticks {
    /// How often the proxy is to tick; never, if 0.
    milliseconds: u32,
    /// Each so many-th is the filters'; none, if 0.
    each: Cell<u32>,
    since: Cell<u32>,
}

impl Ticks {
    /// All filters have the ticks of the one that wants most.
    fn new(filters: &[Box<dyn Filter>], waiting: Option<u32>) -> Self {
        let wanted = filters.iter().filter_map(|filter| filter.ticks_every()).min();
        let wanted = wanted.map(|wanted| u32::try_from(wanted.as_millis()).unwrap_or(u32::MAX));
        let milliseconds = waiting.or(wanted).unwrap_or(0);
        let each = wanted.map_or(0, |wanted| (wanted / milliseconds.max(1)).max(1));
        Self { milliseconds, each: Cell::new(each), since: Cell::new(0) }
    }

    fn is_due(&self) -> bool {
        let since = self.since.get().saturating_add(1);
        let is_due = self.each.get() > 0 && since >= self.each.get();
        self.since.set(if is_due { 0 } else { since });
        is_due
    }

    fn end(&self) {
        self.each.set(0);
    }
}

impl Counters {
    fn declare() -> Self {
        let limit = |name| Counter::declare("llm_limit_hits_total", &[("limit", name)]);
        let exact = |outcome| Counter::declare("llm_exact_counts_total", &[("outcome", outcome)]);
        let blind = |why| Counter::declare("llm_body_unseen_total", &[("reason", why)]);
        Self {
            inspect_limit: limit("inspect_limit"),
            decide_within: limit("decide_within"),
            waiting_requests: limit("waiting_requests"),
            body_edits: Outcomes::declare("llm_body_edits_total"),
            parser_resyncs: Counter::declare("llm_usage_parser_resyncs_total", &[]),
            exact_counters: limit("exact_counters"),
            exact_counted: exact("counted"),
            exact_enough: exact("enough"),
            exact_skipped: exact("skipped"),
            knob_missing: blind("knob_missing"),
            gate_missing: blind("gate_missing"),
        }
    }

    pub(crate) fn blind(&self, why: Blind) -> Counter {
        match why {
            Blind::Knob => self.knob_missing,
            Blind::Gate => self.gate_missing,
        }
    }
}
