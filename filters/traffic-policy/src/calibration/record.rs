//! A calibration as bytes: a version, little-endian numbers in fixed point, a checksum.
//!
//! Fixed point, because what is written then does not depend on how a processor prints small
//! numbers, and every value has a bound; floating point stays inside one calculation.

use super::{Calibration, N};
use crate::record::{open, seal};

const VERSION: u8 = 1;

/// Weights lie between -4 and 4, variances between 0 and 1.
const WEIGHT: f64 = (1 << 24) as f64;
const VARIANCE: f64 = (1 << 30) as f64;

/// Version, whose, samples, error, weights, variances, checksum.
const LENGTH: usize = 1 + 8 + 4 + 4 + 4 * N + 4 * N * N + 4;

/// A record that is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is another model's, whose slot this then is.
    Foreign,
    /// It is none that this version writes; it counts as absent.
    Broken,
}

impl Calibration {
    /// The record of this model.
    pub fn encode(&self, model: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(LENGTH);
        out.push(VERSION);
        out.extend(model.to_le_bytes());
        out.extend(self.samples.to_le_bytes());
        out.extend(fixed(self.error, VARIANCE));
        out.extend(self.weights.iter().flat_map(|weight| fixed(*weight, WEIGHT)));
        out.extend(self.covariance.iter().flatten().flat_map(|value| fixed(*value, VARIANCE)));
        seal(out)
    }

    /// Reads the record of this model.
    ///
    /// # Errors
    /// When it is another's, or not readable.
    pub fn decode(bytes: &[u8], model: u64) -> Result<Self, Unreadable> {
        let broken = Unreadable::Broken;
        if bytes.len() != LENGTH {
            return Err(broken);
        }
        let body = open(bytes).and_then(|body| body.strip_prefix(&[VERSION])).ok_or(broken)?;
        let (whose, body) = body.split_first_chunk::<8>().ok_or(broken)?;
        if u64::from_le_bytes(*whose) != model {
            return Err(Unreadable::Foreign);
        }
        let (samples, body) = body.split_first_chunk::<4>().ok_or(broken)?;
        let (numbers, _) = body.as_chunks::<4>();
        let mut numbers = numbers.iter().map(|bytes| f64::from(i32::from_le_bytes(*bytes)));
        let mut next = |unit: f64| numbers.next().map_or(0.0, |number| number / unit);
        Ok(Self {
            samples: u32::from_le_bytes(*samples),
            error: next(VARIANCE),
            weights: std::array::from_fn(|_| next(WEIGHT)),
            covariance: std::array::from_fn(|_| std::array::from_fn(|_| next(VARIANCE))),
        })
    }
}

/// The nearest number that fits.
fn fixed(value: f64, unit: f64) -> [u8; 4] {
    ((value * unit).round() as i32).to_le_bytes()
}
