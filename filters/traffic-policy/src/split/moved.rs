//! How many users a change of weights moves, and how many it has to.
//!
//! A version keeps a user who had it if it wins the race before and after. Let the time that it needs be
//! `t`; another one loses both races if its own drawn time is above `t` times the larger of the two ratios
//! of weights, which has the probability `exp(-t * ratio)`. Times are independent, so over all `t` the
//! version keeps the share `1 / (1 + sum of the larger ratios)`: exact, and nothing is sampled.
//!
//! At least the share by which the versions grow together has to move, whatever the assignment. A single
//! raise or lowering moves no more than that.

/// What a change of weights does to users, as shares of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moves {
    /// Who gets another version.
    pub moved: f64,
    /// Who would, by an assignment that moves as few as can be.
    pub least: f64,
}

impl Moves {
    /// Who moves without need.
    pub fn excess(&self) -> f64 {
        (self.moved - self.least).max(0.0)
    }
}

/// What becomes of users when the weights change; both lists are in the order of the arms, and an arm that
/// only the longer one has is new or gone. None if either has no weight at all: then there is nobody to
/// move, or nowhere to go.
pub fn moved(before: &[u32], after: &[u32]) -> Option<Moves> {
    let sum = |weights: &[u32]| weights.iter().copied().map(f64::from).sum::<f64>();
    let (all_before, all_after) = (sum(before), sum(after));
    if all_before == 0.0 || all_after == 0.0 {
        return None;
    }
    let weight = |weights: &[u32], arm| weights.get(arm).copied().map_or(0.0, f64::from);
    let arms = 0..before.len().max(after.len());
    let pairs: Vec<_> = arms.map(|arm| (weight(before, arm), weight(after, arm))).collect();
    let kept: f64 = (0..pairs.len()).map(|arm| kept(&pairs, arm)).sum();
    let least = pairs.iter().map(|(was, is)| (is / all_after - was / all_before).max(0.0)).sum();
    // What rounding leaves is no move.
    Some(Moves { moved: (1.0 - kept).max(least), least })
}

/// The share of all users that have this version before and after.
fn kept(pairs: &[(f64, f64)], arm: usize) -> f64 {
    let Some((was, is)) = pairs.get(arm).filter(|(was, is)| *was > 0.0 && *is > 0.0) else {
        return 0.0;
    };
    let others = pairs.iter().enumerate().filter(|(other, _)| *other != arm);
    let ratios = others.map(|(_, (other_was, other_is))| (other_was / was).max(other_is / is));
    1.0 / (1.0 + ratios.sum::<f64>())
}
