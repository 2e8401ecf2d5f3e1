//! Which of the ways to count a request's tokens is taken.
//!
//! Every prompt is estimated while it streams by, because that costs next to nothing. Where the
//! model's vocabulary is in this build, the tokens can be counted exactly as well, at a fiftieth of
//! the speed. A body that waits here (`knob`) is read a second time, and only if the decision
//! depends on the count: a prompt has no more tokens than bytes, which settles most requests. A
//! body that goes on to the gate cannot be read again, so there it is counted at once.

use std::cell::RefCell;
use std::rc::Rc;

use llm_wire::{Encoding, Estimator, ExactCounter, Mark, Piece, TextSink, TokenCount};
use traffic_policy::catalog::{self, Catalog};
use traffic_policy::invalid::Invalid;

/// The models whose tokens can be counted, and a counter that is not in use.
///
/// A counter remembers frequent words, and the next prompt of this worker has the same ones.
#[derive(Debug)]
pub(crate) struct Vocabularies {
    /// Each name and alias, with the encoding behind it.
    models: Vec<(String, Encoding)>,
    spare: RefCell<Option<ExactCounter>>,
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
        Ok(Self { models, spare: RefCell::new(None) })
    }

    /// Whether any model's tokens can be counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// A counter for the tokens of a model, if its vocabulary is here.
    pub(crate) fn counter(&self, model: &str) -> Option<ExactCounter> {
        let (_, encoding) = self.models.iter().find(|(name, _)| name == model)?;
        let spare = self.spare.try_borrow_mut().ok().and_then(|mut spare| spare.take());
        match spare.filter(|spare| spare.encoding() == *encoding) {
            Some(mut counter) => {
                counter.clear();
                Some(counter)
            }
            None => ExactCounter::new(*encoding),
        }
    }

    /// Keeps a counter for the next request.
    pub(crate) fn put_back(&self, counter: ExactCounter) {
        if let Ok(mut spare) = self.spare.try_borrow_mut() {
            *spare = Some(counter);
        }
    }
}

fn encoding(encoding: catalog::Encoding) -> Encoding {
    match encoding {
        catalog::Encoding::O200kBase => Encoding::O200kBase,
        catalog::Encoding::Cl100kBase => Encoding::Cl100kBase,
    }
}

/// Counts a prompt while it streams by.
#[derive(Debug)]
pub(crate) struct Tokens {
    estimator: Estimator,
    /// Only where the body cannot be read again.
    vocabularies: Option<Rc<Vocabularies>>,
    exact: Option<ExactCounter>,
    /// An upper bound of the tokens: a token has a byte at least, and stands for one of the body,
    /// even U+FFFD for a byte that is no UTF-8; and more than any frame costs.
    at_most: u64,
}

/// More than a message, a part or a call costs besides its text.
const FRAME_AT_MOST: u64 = 8;

impl Tokens {
    /// An estimator; and a counter as soon as a model is named that has a vocabulary here.
    pub(crate) fn new(vocabularies: Option<Rc<Vocabularies>>) -> Self {
        Self { estimator: Estimator::default(), vocabularies, exact: None, at_most: FRAME_AT_MOST }
    }

    /// A number that the exact count does not exceed.
    pub(crate) fn at_most(&self) -> u64 {
        self.at_most
    }

    /// The counter, if one ran.
    pub(crate) fn into_exact(self) -> Option<ExactCounter> {
        self.exact
    }
}

impl TextSink for Tokens {
    fn model(&mut self, name: &str) {
        let Some(vocabularies) = &self.vocabularies else { return };
        // Text that came before the name was not counted.
        let nothing_yet = self.at_most == FRAME_AT_MOST;
        self.exact = nothing_yet.then(|| vocabularies.counter(name)).flatten();
    }

    fn mark(&mut self, mark: Mark) {
        self.estimator.mark(mark);
        if let Some(exact) = &mut self.exact {
            exact.mark(mark);
        }
        let image = if mark == Mark::Image { llm_wire::IMAGE_TOKENS } else { 0 };
        self.at_most = self.at_most.saturating_add(FRAME_AT_MOST).saturating_add(image);
    }

    fn open(&mut self, piece: Piece) {
        self.estimator.open(piece);
        if let Some(exact) = &mut self.exact {
            exact.open(piece);
        }
        self.at_most = self.at_most.saturating_add(FRAME_AT_MOST);
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        self.estimator.text(bytes);
        if let Some(exact) = &mut self.exact {
            exact.text(bytes);
        }
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.at_most = self.at_most.saturating_add(bytes);
    }

    fn close(&mut self) {
        self.estimator.close();
        if let Some(exact) = &mut self.exact {
            exact.close();
        }
    }

    fn count(&self) -> TokenCount {
        match &self.exact {
            Some(exact) => exact.count(),
            None => self.estimator.count(),
        }
    }
}
