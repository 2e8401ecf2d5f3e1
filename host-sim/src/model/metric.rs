//! Counters, gauges and histograms that plugins define.
//!
//! A metric belongs to the process; what a VM holds is a number for it, and every definition makes a
//! new number, also of a name that was defined before.

use std::collections::BTreeMap;

use super::world::World;
use crate::abi::{MetricType, Status};

/// What Envoy puts before every name that a plugin gives.
pub const PREFIX: &str = "wasmcustom.";

/// The value of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricValue {
    /// Only goes up.
    Counter(u64),
    /// Goes up and down.
    Gauge(u64),
    /// Every value that was recorded, in order.
    Histogram(Vec<u64>),
}

/// All metrics of the process.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    // A name may be in use for each kind: Envoy keeps them apart.
    values: BTreeMap<(String, u32), MetricValue>,
}

impl Metrics {
    /// Every metric with its full name, `wasmcustom.` included, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MetricValue)> {
        self.values.iter().map(|((name, _), value)| (name.as_str(), value))
    }

    /// The counter or gauge with this name as the plugin gave it; 0 if there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> u64 {
        [MetricType::Counter, MetricType::Gauge]
            .iter()
            .filter_map(|kind| self.values.get(&(format!("{PREFIX}{name}"), *kind as u32)))
            .map(|value| match value {
                MetricValue::Counter(value) | MetricValue::Gauge(value) => *value,
                MetricValue::Histogram(_) => 0,
            })
            .next()
            .unwrap_or(0)
    }
}

/// The numbers that one VM gave to metrics.
#[derive(Debug, Default)]
pub(crate) struct MetricIds {
    names: BTreeMap<u32, (String, u32)>,
    made: [u32; 3],
}

impl MetricIds {
    /// The low bits of a number are the kind, the rest counts.
    fn add(&mut self, kind: MetricType, name: String) -> u32 {
        let kind = kind as u32;
        let mut id = kind;
        if let Some(count) = self.made.get_mut(kind as usize) {
            *count += 1;
            id |= *count << 2;
        }
        self.names.insert(id, (name, kind));
        id
    }
}

impl World {
    /// `proxy_define_metric`.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a kind that does not exist.
    pub fn define_metric(&mut self, kind: u32, name: &[u8]) -> Result<u32, Status> {
        let kind = MetricType::from_number(kind).ok_or(Status::BadArgument)?;
        let name = String::from_utf8_lossy(name);
        self.lint_definition(kind, &name);
        let name = format!("{PREFIX}{name}");
        let start = match kind {
            MetricType::Counter => MetricValue::Counter(0),
            MetricType::Gauge => MetricValue::Gauge(0),
            MetricType::Histogram => MetricValue::Histogram(Vec::new()),
        };
        self.metrics.values.entry((name.clone(), kind as u32)).or_insert(start);
        Ok(self.vm_mut().ok_or(Status::InternalFailure)?.metrics.add(kind, name))
    }

    /// `proxy_increment_metric`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for an unknown number, [`Status::BadArgument`] for a histogram and for a
    /// counter that would not go up.
    pub fn increment_metric(&mut self, id: u32, delta: i64) -> Result<(), Status> {
        match self.metric_at(id)? {
            MetricValue::Counter(value) if delta > 0 => {
                *value = value.wrapping_add(delta.unsigned_abs());
                Ok(())
            }
            MetricValue::Gauge(value) => {
                *value = value.wrapping_add_signed(delta);
                Ok(())
            }
            MetricValue::Counter(_) | MetricValue::Histogram(_) => Err(Status::BadArgument),
        }
    }

    /// `proxy_record_metric`: adds to a counter, sets a gauge, records in a histogram.
    ///
    /// # Errors
    /// [`Status::NotFound`] for an unknown number.
    pub fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Status> {
        match self.metric_at(id) {
            Ok(MetricValue::Counter(old)) => *old = old.wrapping_add(value),
            Ok(MetricValue::Gauge(old)) => *old = value,
            Ok(MetricValue::Histogram(values)) => values.push(value),
            Err(_) => return Err(Status::NotFound),
        }
        Ok(())
    }

    /// `proxy_get_metric`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for an unknown number, [`Status::BadArgument`] for a histogram.
    pub fn metric(&mut self, id: u32) -> Result<u64, Status> {
        match self.metric_at(id)? {
            MetricValue::Counter(value) | MetricValue::Gauge(value) => Ok(*value),
            MetricValue::Histogram(_) => Err(Status::BadArgument),
        }
    }

    /// A number is first read for its kind: one that no kind has is a bad argument, not a missing one.
    fn metric_at(&mut self, id: u32) -> Result<&mut MetricValue, Status> {
        MetricType::from_number(id & 3).ok_or(Status::BadArgument)?;
        let vm = self.vm().ok_or(Status::NotFound)?;
        let unknown = if id & 3 == MetricType::Histogram as u32 {
            Status::BadArgument
        } else {
            Status::NotFound
        };
        let key = vm.metrics.names.get(&id).ok_or(unknown)?.clone();
        self.metrics.values.get_mut(&key).ok_or(unknown)
    }
}
