//! What stands for the exact counter in a build without tables, so that whoever uses it need not
//! be written twice: there is none.

use crate::count::TokenCount;
use crate::encoding::Encoding;
use crate::text::{Mark, Piece, TextSink};

/// The sink that counts exactly; no such thing exists in this build.
#[derive(Clone, Debug)]
pub struct ExactCounter(Never);

#[derive(Clone, Debug)]
enum Never {}

impl ExactCounter {
    /// A counter for one encoding, if its table is in this build: it is not.
    #[must_use]
    pub fn new(_: Encoding) -> Option<Self> {
        None
    }

    /// The encoding whose tokens are counted.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.0 {}
    }

    /// The tokens that the prompt has already, whatever follows.
    #[must_use]
    pub fn certain(&self) -> u64 {
        match self.0 {}
    }

    /// Begins anew, for another prompt.
    pub fn clear(&mut self) {
        match self.0 {}
    }
}

impl TextSink for ExactCounter {
    fn mark(&mut self, _: Mark) {
        match self.0 {}
    }

    fn open(&mut self, _: Piece) {
        match self.0 {}
    }

    fn text(&mut self, _: &[u8]) {
        match self.0 {}
    }

    fn close(&mut self) {
        match self.0 {}
    }

    fn count(&self) -> TokenCount {
        match self.0 {}
    }
}
