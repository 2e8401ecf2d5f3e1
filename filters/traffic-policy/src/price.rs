//! What tokens cost.
//!
//! Prices are given as everybody publishes them: an amount of currency for a million tokens. An
//! amount for a million is as many millionths for one, so the cost in micro-units is tokens times
//! price, and no unit has to be converted.
//!
//! Prices have decimals and counters have not, so it is counted in millionths of a micro-unit, and
//! [`Price::charge`] hands back what is left over for the next time. Otherwise the cost of a million
//! cheap requests would be nothing.

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::stream::Counts;

/// Prices of one model for a million tokens, as they are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPrice {
    /// The model's real name.
    pub model: String,
    /// Prompt tokens.
    pub input: f64,
    /// Generated tokens.
    pub output: f64,
    /// Prompt tokens that came from a cache; as `input` if it is not given.
    pub cached_input: Option<f64>,
    /// Prompt tokens that were written to a cache; as `input` if it is not given.
    pub cache_creation_input: Option<f64>,
    /// Generated tokens that are reasoning; as `output` if it is not given.
    pub reasoning: Option<f64>,
    /// Prompt tokens that are audio; as `input` if it is not given.
    pub input_audio: Option<f64>,
    /// Generated tokens that are audio; as `output` if it is not given.
    pub output_audio: Option<f64>,
}

/// Prices of one model, in millionths of a micro-unit for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    input: u64,
    output: u64,
    cached_input: u64,
    cache_creation_input: u64,
    reasoning: u64,
    input_audio: u64,
    output_audio: u64,
}

/// The parts of a micro-unit in which is counted.
const PARTS: u64 = 1_000_000;

/// More than anybody asks for a million tokens.
const MOST: f64 = 1_000_000.0;

impl TryFrom<&RawPrice> for Price {
    type Error = Invalid;

    fn try_from(raw: &RawPrice) -> Result<Self, Invalid> {
        let input = parts("input", raw.input)?;
        let output = parts("output", raw.output)?;
        let or = |name, price: Option<f64>, other| price.map_or(Ok(other), |p| parts(name, p));
        Ok(Self {
            input,
            output,
            cached_input: or("cached_input", raw.cached_input, input)?,
            cache_creation_input: or("cache_creation_input", raw.cache_creation_input, input)?,
            reasoning: or("reasoning", raw.reasoning, output)?,
            input_audio: or("input_audio", raw.input_audio, input)?,
            output_audio: or("output_audio", raw.output_audio, output)?,
        })
    }
}

fn parts(name: &str, price: f64) -> Result<u64, Invalid> {
    if !(0.0..=MOST).contains(&price) {
        return Err(Invalid::new(
            name,
            format!("found `{price}`; allowed 0 to {MOST}, an amount for a million tokens"),
        ));
    }
    // At most 10^12 and not negative, so nothing is lost but what is below a part.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in its range")]
    let parts = (price * 1e6).round() as u64;
    Ok(parts)
}

impl Price {
    /// The cost in micro-units, and the parts of one that are left over; with those that were left over
    /// before.
    pub fn charge(&self, counts: &Counts, left_over: u64) -> (u64, u64) {
        let cost = self.of(counts).saturating_add(left_over);
        (cost / PARTS, cost % PARTS)
    }

    /// The cost in millionths of a micro-unit. Parts of a number cost their own price, the rest of it
    /// the number's.
    fn of(&self, counts: &Counts) -> u64 {
        let side = |all: u64, rest_price: u64, own: &[(u64, u64)]| {
            let (mut rest, mut cost) = (all, 0u64);
            for (count, price) in own {
                // A server that reports more parts than there are tokens is not paid for both.
                let count = rest.min(*count);
                rest -= count;
                cost = cost.saturating_add(count.saturating_mul(*price));
            }
            cost.saturating_add(rest.saturating_mul(rest_price))
        };
        let input = [
            (counts.cached_input, self.cached_input),
            (counts.cache_creation_input, self.cache_creation_input),
            (counts.input_audio, self.input_audio),
        ];
        let output = [(counts.reasoning, self.reasoning), (counts.output_audio, self.output_audio)];
        side(counts.input.unwrap_or(0), self.input, &input).saturating_add(side(
            counts.output.unwrap_or(0),
            self.output,
            &output,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawPrice {
        serde_json::from_value(serde_json::json!(
            {"model": "m", "input": 2.5, "output": 10, "cached_input": 1.25}
        ))
        .unwrap()
    }

    #[test]
    fn a_part_costs_its_own_price_and_the_rest_the_others() {
        let price = Price::try_from(&raw()).unwrap();
        let counts =
            Counts { input: Some(100), output: Some(10), cached_input: 60, ..Counts::default() };
        // 40 at 2.5, 60 at 1.25 and 10 at 10 millionths.
        assert_eq!(price.of(&counts), 275 * PARTS);
    }

    #[test]
    fn parts_beyond_the_whole_are_not_paid_for() {
        let price = Price::try_from(&raw()).unwrap();
        let counts = Counts { input: Some(10), cached_input: u64::MAX, ..Counts::default() };
        assert_eq!(price.of(&counts), 12_500_000);
    }

    #[test]
    fn a_price_below_a_micro_unit_is_not_nothing() {
        let price = Price::try_from(&RawPrice { input: 0.02, ..raw() }).unwrap();
        let one = Counts { input: Some(1), ..Counts::default() };
        let charged = (0..50).fold((0, 0), |(cost, rest), _| {
            let (more, rest) = price.charge(&one, rest);
            (cost + more, rest)
        });
        assert_eq!(charged, (1, 0));
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for wrong in [-1.0, f64::NAN, 1e7] {
            let error = Price::try_from(&RawPrice { output: wrong, ..raw() }).unwrap_err();
            assert_eq!(error.path, "output");
        }
    }
}
