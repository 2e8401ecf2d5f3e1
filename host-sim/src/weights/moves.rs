//! How many users a change of weights moves, and how many it has to.
//!
//! `canary_split` assigns users by weighted rendezvous hashing: for a user every version draws a time,
//! exponentially distributed with its weight as the rate, and the first one gets the user. The drawn number
//! stays the same, so a version that is `w` heavy has the time `t / w`.
//!
//! Who is kept can be told without trying users. Version `i` keeps a user of its own if it wins before and
//! after. Given its number `t`, another version `j` loses both races if its own number is above
//! `t * max(w_j / w_i, w'_j / w'_i)`, which has the probability `exp(-t * max)`. Numbers are independent, so
//! over all `t` the version keeps `1 / (1 + sum of these maxima)` of all users.
//!
//! At least the shares by which versions grow have to move, whatever the assignment. A single raise or a single
//! lowering moves no more than that, and so does any change between two versions; a transfer among several does.

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
    #[must_use]
    pub fn excess(&self) -> f64 {
        (self.moved - self.least).max(0.0)
    }
}

/// What becomes of users; both lists have the same order. None if either has no weight at all.
#[must_use]
pub fn moves(before: &[u32], after: &[u32]) -> Option<Moves> {
    let sum = |weights: &[u32]| weights.iter().copied().map(f64::from).sum::<f64>();
    let (all_before, all_after) = (sum(before), sum(after));
    if all_before == 0.0 || all_after == 0.0 {
        return None;
    }
    let pairs: Vec<(f64, f64)> =
        before.iter().zip(after).map(|(was, is)| (f64::from(*was), f64::from(*is))).collect();
    let kept: f64 = (0..pairs.len()).map(|version| kept(&pairs, version)).sum();
    let grown = pairs.iter().map(|(was, is)| (is / all_after - was / all_before).max(0.0));
    let least = grown.sum();
    // What rounding leaves is no move.
    Some(Moves { moved: (1.0 - kept).max(least), least })
}

fn kept(pairs: &[(f64, f64)], version: usize) -> f64 {
    let Some((was, is)) = pairs.get(version).filter(|(was, is)| *was > 0.0 && *is > 0.0) else {
        return 0.0;
    };
    let others = pairs.iter().enumerate().filter(|(other, _)| *other != version);
    let maxima = others.map(|(_, (other_was, other_is))| (other_was / was).max(other_is / is));
    1.0 / (1.0 + maxima.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_is_who_the_race_gives_to_another() {
        let cases: [([u32; 3], [u32; 3]); 5] = [
            ([90, 10, 0], [70, 30, 0]),
            ([60, 30, 10], [60, 30, 40]),
            ([50, 30, 20], [50, 20, 30]),
            ([1, 0, 0], [0, 1, 1]),
            ([9, 1, 5], [2, 8, 5]),
        ];
        let mut random = fastrand::Rng::with_seed(1);
        for (before, after) in cases {
            let users = 200_000;
            let mut changed = 0;
            for _ in 0..users {
                let drawn = [(); 3].map(|()| -random.f64().max(f64::MIN_POSITIVE).ln());
                let first = |weights: [u32; 3]| {
                    let times = drawn.iter().zip(weights).map(|(t, w)| t / f64::from(w));
                    times.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
                };
                changed += u32::from(first(before) != first(after));
            }
            let measured = f64::from(changed) / f64::from(users);
            let told = moves(&before, &after).unwrap();
            assert!((told.moved - measured).abs() < 0.005, "{told:?}: {measured}");
        }
    }

    #[test]
    fn only_a_transfer_among_several_moves_more_than_it_has_to() {
        for (before, after) in
            [([50, 30, 20], [50, 60, 20]), ([50, 30, 20], [50, 0, 20]), ([90, 10, 0], [1, 5, 0])]
        {
            assert!(moves(&before, &after).unwrap().excess() < 1e-9, "{before:?} {after:?}");
        }
        let transfer = moves(&[50, 30, 20], &[50, 20, 30]).unwrap();
        assert!(
            (transfer.least - 0.1).abs() < 1e-12 && (transfer.excess() - 0.0454).abs() < 1e-4,
            "{transfer:?}"
        );
        assert_eq!(moves(&[0, 0], &[1, 0]), None);
    }
}
