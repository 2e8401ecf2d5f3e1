//! The models whose tokens can be counted, and the counters that do it.
//!
//! A counter holds some seventy kilobytes, most of them for words it remembers, which the next
//! prompt of this worker will have, too. So counters are lent, and come back when the request is
//! decided or gone. With the gate a request has one as long as its body comes; a limit keeps slow
//! clients from taking the worker's memory, and beyond it prompts are estimated.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use llm_wire::{Encoding, ExactCounter, Mark, Piece, TextSink, TokenCount};
use traffic_policy::catalog::{self, Catalog};
use traffic_policy::invalid::Invalid;

use crate::metrics::Counter;

/// How many counters one worker lends at a time: eighteen megabytes of them.
const MOST: usize = 256;

/// The models whose tokens can be counted.
#[derive(Debug)]
pub(crate) struct Vocabularies {
    /// Each name and alias, with the encoding behind it.
    models: Vec<(String, Encoding)>,
    spare: RefCell<Option<ExactCounter>>,
    lent: Cell<usize>,
}

impl Vocabularies {
    /// Those of a catalog. A table that this build has not is refused.
    pub(crate) fn of(catalog: &Catalog) -> Result<Self, Invalid> {
        let mut models = Vec::new();
        for (index, model) in catalog.models().iter().enumerate() {
            let Some(encoding) = model.encoding.map(encoding) else { continue };
            if !encoding.is_built() {
                let (name, feature) = (encoding.name(), encoding.feature());
                return Err(Invalid::new(
                    format!("models[{index}].encoding"),
                    format!(
                        "found `{name}`, of which this build has no table; use a module built with the feature {feature}, or remove it: tokens are then estimated"
                    ),
                ));
            }
            let names = std::iter::once(&model.name).chain(&model.aliases);
            models.extend(names.map(|name| (name.clone(), encoding)));
        }
        Ok(Self { models, spare: RefCell::new(None), lent: Cell::new(0) })
    }

    /// Whether any model's tokens can be counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Whether the tokens of a model can be counted.
    pub(crate) fn has(&self, model: &str) -> bool {
        self.models.iter().any(|(name, _)| name == model)
    }

    /// A counter for the tokens of a model, if its vocabulary is here and the limit not reached.
    pub(crate) fn lend(this: &Rc<Self>, model: &str, limit_hits: Counter) -> Option<Lease> {
        let (_, encoding) = this.models.iter().find(|(name, _)| name == model)?;
        if this.lent.get() >= MOST {
            limit_hits.increment();
            return None;
        }
        let spare = this.spare.try_borrow_mut().ok().and_then(|mut spare| spare.take());
        let spare = spare.filter(|spare| spare.encoding() == *encoding);
        let mut counter = spare.or_else(|| ExactCounter::new(*encoding))?;
        counter.clear();
        this.lent.set(this.lent.get() + 1);
        Some(Lease { counter: Some(counter), home: this.clone() })
    }
}

fn encoding(encoding: catalog::Encoding) -> Encoding {
    match encoding {
        catalog::Encoding::O200kBase => Encoding::O200kBase,
        catalog::Encoding::O200kHarmony => Encoding::O200kHarmony,
        catalog::Encoding::Cl100kBase => Encoding::Cl100kBase,
    }
}

/// A counter that goes back where it came from when it is no longer wanted.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Always there, but while it goes back.
    counter: Option<ExactCounter>,
    home: Rc<Vocabularies>,
}

impl Lease {
    /// What the model's servers may add to a prompt, which its body does not show.
    pub(crate) fn preamble_tokens(&self) -> u64 {
        self.counter.as_ref().map_or(0, |counter| counter.encoding().preamble_tokens())
    }

    /// The tokens that the prompt has already, whatever follows.
    pub(crate) fn certain(&self) -> u64 {
        self.counter.as_ref().map_or(0, ExactCounter::certain)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.home.lent.set(self.home.lent.get().saturating_sub(1));
        if let Ok(mut spare) = self.home.spare.try_borrow_mut() {
            *spare = self.counter.take();
        }
    }
}

impl TextSink for Lease {
    fn mark(&mut self, mark: Mark) {
        if let Some(counter) = &mut self.counter {
            counter.mark(mark);
        }
    }

    fn open(&mut self, piece: Piece) {
        if let Some(counter) = &mut self.counter {
            counter.open(piece);
        }
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        if let Some(counter) = &mut self.counter {
            counter.text(bytes);
        }
    }

    fn close(&mut self) {
        if let Some(counter) = &mut self.counter {
            counter.close();
        }
    }

    fn count(&self) -> TokenCount {
        self.counter.as_ref().map(ExactCounter::count).unwrap_or_default()
    }
}
