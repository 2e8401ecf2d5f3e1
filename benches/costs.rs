//! What each chain takes, round by round, and what that adds to a proxy without a filter.
//!
//! A round loads one chain after the other, each round beginning with another, because whoever follows an
//! idle moment pays for it. What is compared are differences within a round: a machine that slows down
//! slows all chains of it.

use std::time::Duration;

use crate::chains::Chain;

/// Rounds that only warm up.
pub const WARM_UP: usize = 3;

/// The costs of some chains.
pub struct Costs {
    chains: Vec<Chain>,
    taken: Vec<Vec<Duration>>,
}

impl Costs {
    /// Of these chains, one of which is [`Chain::Nothing`].
    pub fn of(chains: &[Chain]) -> Self {
        Self { chains: chains.to_vec(), taken: vec![Vec::new(); chains.len()] }
    }

    /// One round, given what the chain at a place takes.
    ///
    /// # Errors
    /// When a chain cannot be loaded.
    pub fn round<E>(
        &mut self,
        round: usize,
        mut cost: impl FnMut(usize) -> Result<Duration, E>,
    ) -> Result<(), E> {
        let mut turn: Vec<_> = self.taken.iter_mut().enumerate().collect();
        let length = turn.len().max(1);
        turn.rotate_left(round % length);
        for (place, taken) in turn {
            let cost = cost(place)?;
            if round >= WARM_UP {
                taken.push(cost);
            }
        }
        Ok(())
    }

    /// What a chain takes, in microseconds.
    pub fn median(&self, chain: Chain) -> f64 {
        median(self.microseconds(chain))
    }

    /// What it adds to no filter.
    pub fn added(&self, chain: Chain) -> f64 {
        self.added_to(Chain::Nothing, chain)
    }

    /// What it adds to another.
    pub fn added_to(&self, other: Chain, chain: Chain) -> f64 {
        let without = self.microseconds(other);
        median(self.microseconds(chain).zip(without).map(|(cost, without)| cost - without))
    }

    fn microseconds(&self, chain: Chain) -> impl Iterator<Item = f64> {
        let place = self.chains.iter().position(|c| *c == chain);
        let taken = place.and_then(|place| self.taken.get(place)).into_iter().flatten();
        taken.map(|cost| cost.as_secs_f64() * 1e6)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
