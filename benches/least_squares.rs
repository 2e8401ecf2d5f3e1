//! Finds the weights whose weighted sums of features come nearest to wanted numbers.
//!
//! What is wanted is a small error for 95 of 100 texts. Least squares of relative errors alone would
//! not give that: a few odd texts (tables of numbers, hashes) would draw all weights to them. So the
//! fit starts from the least sum of absolute errors, which odd texts draw less, and goes on with
//! least squares of all texts but those that are farthest off.

/// Features of a text, and what their weighted sum is to be.
#[derive(Clone, Debug)]
pub struct Row {
    /// The features.
    pub features: Vec<f64>,
    /// What the sum is to be; above 0.
    pub wanted: f64,
}

impl Row {
    /// How far a sum is off, as a share of what is wanted.
    #[must_use]
    pub fn error(&self, weights: &[f64]) -> f64 {
        let sum: f64 = self.features.iter().zip(weights).map(|(a, b)| a * b).sum();
        sum / self.wanted - 1.0
    }
}

const ROUNDS: usize = 40;
/// So many of 1,000 texts may be farther off, and then hardly count.
const KEPT: usize = 980;

/// What is known of a weight without the texts.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The weight.
    pub weight: f64,
    /// How much that counts, as a share of what the texts tell of it.
    pub trust: f64,
}

/// The weights, as many as each row has features.
#[must_use]
pub fn fit(rows: &[Row], known: &[Known]) -> Vec<f64> {
    let mut weights: Vec<f64> = known.iter().map(|known| known.weight).collect();
    for round in 0..2 * ROUNDS {
        let errors: Vec<f64> = rows.iter().map(|row| row.error(&weights).abs()).collect();
        let counts: Vec<f64> = if round < ROUNDS {
            // Squares divided by the errors of the round before are absolute errors.
            errors.iter().map(|error| 1.0 / error.max(0.02)).collect()
        } else {
            let far = far(&errors);
            errors.iter().map(|error| if *error <= far { 1.0 } else { 0.02 }).collect()
        };
        // Half of the way, or it swings from one side to the other.
        let next = squares(rows, &counts, known);
        weights = weights.iter().zip(next).map(|(old, new)| (old + new) / 2.0).collect();
    }
    weights
}

/// The error that the kept texts do not exceed.
fn far(errors: &[f64]) -> f64 {
    let mut sorted = errors.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * KEPT / 1000).copied().unwrap_or(f64::MAX)
}

/// Solves the normal equations of the relative errors.
fn squares(rows: &[Row], counts: &[f64], known: &[Known]) -> Vec<f64> {
    let size = rows.first().map_or(0, |row| row.features.len());
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for (row, count) in rows.iter().zip(counts) {
        let share: Vec<f64> = row.features.iter().map(|x| x / row.wanted).collect();
        for (line, a) in matrix.iter_mut().zip(&share).filter(|(_, a)| **a != 0.0) {
            for (cell, b) in line.iter_mut().zip(share.iter().chain([&1.0])) {
                *cell += count * a * b;
            }
        }
    }
    for (index, (line, known)) in matrix.iter_mut().zip(known).enumerate() {
        let told = line.get(index).copied().unwrap_or_default();
        // Something, for a feature that no text has.
        let trust = told * known.trust + f64::MIN_POSITIVE;
        if let Some(cell) = line.get_mut(index) {
            *cell += trust;
        }
        if let Some(cell) = line.last_mut() {
            *cell += trust * known.weight;
        }
    }
    solve(matrix)
}

/// Solves by elimination; the matrix has positive pivots, because of the ridge.
fn solve(mut matrix: Vec<Vec<f64>>) -> Vec<f64> {
    let mut done: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut left: Vec<usize> = (0..matrix.len()).collect();
    while !matrix.is_empty() {
        // The largest pivot first loses the fewest digits.
        let pivot = |line: &Vec<f64>, column: usize| line.get(column).map_or(0.0, |x| x.abs());
        let best = (0..matrix.len()).max_by(|a, b| {
            let at = |i: &usize| {
                let column = left.get(*i).copied().unwrap_or_default();
                matrix.get(*i).map_or(0.0, |line| pivot(line, column))
            };
            at(a).total_cmp(&at(b))
        });
        let Some(best) = best else { break };
        let (line, column) = (matrix.remove(best), left.remove(best));
        let divisor = line.get(column).copied().unwrap_or(1.0);
        let line: Vec<f64> = line.iter().map(|x| x / divisor).collect();
        let others = matrix.iter_mut().chain(done.iter_mut().map(|(_, line)| line));
        for other in others {
            let factor = other.get(column).copied().unwrap_or_default();
            for (cell, x) in other.iter_mut().zip(&line) {
                *cell -= factor * x;
            }
        }
        done.push((column, line));
    }
    done.sort_by_key(|(column, _)| *column);
    done.iter().filter_map(|(_, line)| line.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Known = Known { weight: 0.0, trust: 1e-6 };

    #[test]
    fn weights_that_made_the_numbers_are_found_again() {
        let mut rng = fastrand::Rng::with_seed(1);
        let truth = [0.25, -0.5, 3.0, 0.0];
        let rows: Vec<Row> = (0..200)
            .map(|_| {
                let features: Vec<f64> = (0..4).map(|_| f64::from(rng.u32(10..100))).collect();
                let wanted = features.iter().zip(truth).map(|(a, b)| a * b).sum();
                Row { features, wanted }
            })
            .collect();
        for (found, truth) in fit(&rows, &[NOTHING; 4]).iter().zip(truth) {
            assert!((found - truth).abs() < 0.01, "{found} for {truth}");
        }
    }

    #[test]
    fn a_feature_that_no_text_has_weighs_nothing() {
        let row = |x: f64| Row { features: vec![x, 0.0], wanted: 2.0 * x };
        let weights = fit(&[row(1.0), row(5.0)], &[NOTHING; 2]);
        assert!((weights[0] - 2.0).abs() < 0.01 && weights[1].abs() < 0.01, "{weights:?}");
    }

    #[test]
    fn an_odd_text_does_not_draw_the_weights() {
        let row = |wanted| Row { features: vec![1.0], wanted };
        let rows: Vec<Row> = [1.0; 60].map(row).into_iter().chain([row(0.2)]).collect();
        let (weight, by_squares) =
            (fit(&rows, &[NOTHING])[0], squares(&rows, &[1.0; 61], &[NOTHING])[0]);
        assert!((weight - 1.0).abs() < 0.02 && by_squares < 0.8, "{weight} and {by_squares}");
    }

    #[test]
    fn what_is_known_counts_by_its_trust() {
        let rows = [Row { features: vec![1.0], wanted: 1.0 }];
        let weight = |trust| fit(&rows, &[Known { weight: 3.0, trust }])[0];
        assert!((weight(1e-6) - 1.0).abs() < 0.01 && (weight(1.0) - 2.0).abs() < 0.01);
    }
}
