//! A long history is asked for in pieces: Prometheus answers no question with more than 11,000 points, and
//! a proxy keeps an answer of another server in its memory as a whole. A point of a series takes some thirty
//! bytes, and each gate has a series.

use std::time::Duration;

use super::{MOST_INSTANTS, Rollout};

/// So many points one question asks for: with twelve gates an answer stays below half a megabyte.
pub const MOST_POINTS: u32 = 1_000;

/// One question: the verdicts of these instants, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The first instant.
    pub first: u32,
    /// The last instant.
    pub last: u32,
}

/// The questions that instants come to, the earliest first; none if the last is before the first. The
/// instant 0 has no verdict, and there is none after [`MOST_INSTANTS`].
pub fn pieces(first: u32, last: u32) -> impl Iterator<Item = Piece> {
    let last = last.min(MOST_INSTANTS);
    let piece = move |first: u32| Piece { first, last: last.min(first + (MOST_POINTS - 1)) };
    (first.max(1)..=last).step_by(MOST_POINTS as usize).map(piece)
}

impl Rollout {
    /// The next question of who knows the verdicts up to this instant; none if the next one has not come.
    pub fn questions(&self, known: u32, wall: Duration) -> Option<Piece> {
        pieces(known.saturating_add(1), self.due(wall)).next()
    }

    /// The moments that a question is about: from, to, and the step between them.
    pub fn range(&self, piece: Piece) -> [Duration; 3] {
        [self.evaluated_at(piece.first), self.evaluated_at(piece.last), self.interval]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rollout::tests::delayed;

    proptest! {
        #[test]
        fn whatever_the_clock_says_the_next_question_goes_on_where_the_last_has_ended(
            known in any::<u32>(), wall in any::<(u64, u32)>(), delay in 0_u64..3_600,
        ) {
            let rollout = delayed(delay);
            let wall = Duration::new(wall.0, wall.1 % 1_000_000_000);
            let due = rollout.due(wall);
            let Some(piece) = rollout.questions(known, wall) else {
                prop_assert!(known >= due);
                return Ok(());
            };
            prop_assert_eq!(piece.first, known + 1);
            prop_assert!(piece.first <= piece.last && piece.last <= due);
            prop_assert!(piece.last == due || piece.last - known == MOST_POINTS);
            let [from, to, step] = rollout.range(piece);
            prop_assert_eq!(from + step * (piece.last - piece.first), to);
            prop_assert!(to + Duration::from_secs(delay) <= wall, "nobody asks for what is to come");
        }

        #[test]
        fn every_instant_is_asked_for_once_and_in_order(first in 0_u32..60_000, count in 0_u32..60_000) {
            let last = first + count;
            let pieces: Vec<Piece> = pieces(first, last).collect();
            let asked: Vec<u32> = pieces.iter().flat_map(|piece| piece.first..=piece.last).collect();
            let all: Vec<u32> = (first.max(1)..=last.min(MOST_INSTANTS)).collect();
            prop_assert_eq!(asked, all);
            for piece in pieces {
                prop_assert!(piece.last - piece.first < MOST_POINTS);
            }
        }
    }

    #[test]
    fn the_ends_of_numbers_are_no_trap() {
        assert_eq!(pieces(0, u32::MAX).count(), 50);
        assert_eq!(pieces(u32::MAX, u32::MAX).count(), 0);
        assert_eq!(pieces(2, 1).count(), 0);
    }
}
