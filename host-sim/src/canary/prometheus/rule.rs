//! What the recording rules make of the evidence of all proxies.
//!
//! Each proxy adds what its counters grew by from scrape to scrape: the first one adds nothing, nor does one
//! that shows less than the one before, since the proxy began anew. The evidence of a side is the mean over the
//! grid of `exp(events * ln(ratio) - against)`, that of a gate the mean over its sides. The verdict is -1 where
//! that reaches the bound and at least half of the proxies find that the difference matters; else it is how
//! many of the candidate's requests were judged.

use std::collections::BTreeMap;

use super::scrape::{GRID, GateKey, Reading, Readings, Side};

/// A sample is the value of a series for so long, in milliseconds.
const LOOKBACK: u64 = 300_000;

/// What was read of one proxy at one moment. Times are milliseconds since 1970.
#[derive(Debug)]
struct Scrape {
    at: u64,
    /// When whoever asks can know of it.
    arrives: u64,
    readings: Readings,
}

/// All that was read.
#[derive(Debug)]
pub(super) struct Store {
    proxies: Vec<Proxy>,
}

#[derive(Debug, Default)]
struct Proxy {
    scrapes: Vec<Scrape>,
    /// One of its counters has fallen: what it grew by has to be added up scrape by scrape.
    began_anew: bool,
}

/// What is known of one gate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Gate {
    pub(super) samples: u64,
    pub(super) log: f64,
    pub(super) bound: Option<f64>,
    pub(super) matters: bool,
}

/// One value of the recorded series.
pub(super) type Verdict = f64;

impl Gate {
    pub(super) fn verdict(&self) -> Verdict {
        let is_over = self.bound.is_some_and(|bound| self.log >= bound);
        #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
        let samples = self.samples as f64;
        if is_over && self.matters { -1.0 } else { samples }
    }
}

/// What all proxies come to.
#[derive(Debug, Default)]
struct Sum {
    grown: Reading,
    bound: Option<u64>,
    mattering: usize,
    saying: usize,
}

impl Store {
    pub(super) fn new(proxies: usize) -> Self {
        Self { proxies: (0..proxies).map(|_| Proxy::default()).collect() }
    }

    pub(super) fn add(&mut self, proxy: usize, at: u64, arrives: u64, readings: Readings) {
        let Some(proxy) = self.proxies.get_mut(proxy) else { return };
        let before = proxy.scrapes.last().map(|scrape| &scrape.readings);
        let falls = |(key, before): (&GateKey, &Reading)| {
            readings.get(key).is_some_and(|now| has_fallen(now, before))
        };
        proxy.began_anew |= before.into_iter().flatten().any(falls);
        proxy.scrapes.push(Scrape { at, arrives, readings });
    }

    /// What is known at `now` of all gates at the moment `at`.
    pub(super) fn gates(&self, at: u64, now: u64) -> BTreeMap<GateKey, Gate> {
        let mut sums: BTreeMap<&GateKey, Sum> = BTreeMap::new();
        for proxy in &self.proxies {
            let known = proxy.scrapes.iter().filter(|one| one.at <= at && one.arrives <= now);
            let known: Vec<&Scrape> = if proxy.began_anew {
                known.collect()
            } else {
                // What they grew by in all is the last one less the first one.
                let mut known = known;
                let first = known.next();
                first.into_iter().chain(known.next_back()).collect()
            };
            for two in known.windows(2) {
                let [before, after] = two else { continue };
                for (key, after) in &after.readings {
                    if let Some(before) = before.readings.get(key) {
                        grow(&mut sums.entry(key).or_default().grown, before, after);
                    }
                }
            }
            let Some(last) = known.last().filter(|last| at - last.at < LOOKBACK) else { continue };
            for (key, reading) in &last.readings {
                let sum = sums.entry(key).or_default();
                sum.bound = sum.bound.max(reading.bound);
                sum.saying += 1;
                sum.mattering += usize::from(reading.matters == Some(true));
            }
        }
        let said = sums.into_iter().filter(|(_, sum)| sum.saying > 0);
        said.map(|(key, sum)| (key.clone(), sum.gate())).collect()
    }
}

impl Sum {
    fn gate(&self) -> Gate {
        Gate {
            samples: self.grown.samples,
            log: log(&self.grown),
            #[expect(clippy::cast_precision_loss, reason = "a bound in millionths")]
            bound: self.bound.map(|bound| bound as f64 / 1e6),
            matters: self.mattering * 2 >= self.saying,
        }
    }
}

fn has_fallen(now: &Reading, before: &Reading) -> bool {
    let side_fell = |(name, before): (&String, &Side)| {
        now.sides.get(name).is_some_and(|now| {
            now.events < before.events
                || now.against.iter().zip(before.against).any(|(now, before)| *now < before)
        })
    };
    now.samples < before.samples || before.sides.iter().any(side_fell)
}

/// Adds what each counter grew by; one that fell adds nothing.
fn grow(grown: &mut Reading, before: &Reading, after: &Reading) {
    grown.samples += after.samples.saturating_sub(before.samples);
    for (name, after) in &after.sides {
        let Some(before) = before.sides.get(name) else { continue };
        let side = grown.sides.entry(name.clone()).or_default();
        side.events += after.events.saturating_sub(before.events);
        let counters = side.against.iter_mut().zip(after.against.iter().zip(before.against));
        for (grown, (after, before)) in counters {
            *grown += after.saturating_sub(before);
        }
    }
}

/// The logarithm of the evidence of what counters come to; 0 where nothing is known.
pub(super) fn log(of: &Reading) -> f64 {
    let sides: Vec<f64> = of.sides.values().map(side).collect();
    let Some(largest) = sides.iter().copied().reduce(f64::max) else { return 0.0 };
    let sum: f64 = sides.iter().map(|side| (side - largest).exp()).sum();
    #[expect(clippy::cast_precision_loss, reason = "one side, or two")]
    let count = sides.len() as f64;
    largest + (sum / count).ln()
}

fn side(side: &Side) -> f64 {
    let terms = GRID.iter().zip(side.against).map(|((_, ratio, weight), against)| {
        #[expect(clippy::cast_precision_loss, reason = "numbers of events, and millionths")]
        let log = side.events as f64 * ratio.ln() - against as f64 / 1e6;
        (log, weight)
    });
    let largest = terms.clone().map(|(log, _)| log).fold(f64::NEG_INFINITY, f64::max);
    largest + terms.map(|(log, weight)| weight * (log - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> GateKey {
        ["gpu", "v2", "v1", "1764579600", "failures"].map(str::to_owned)
    }

    /// A proxy that says this of one gate.
    fn says(samples: u64, events: u64, against: [u64; 6], matters: bool) -> Readings {
        let side = Side { events, against };
        let sides = [("more".to_owned(), side)].into();
        let reading = Reading { samples, bound: Some(5_298_317), matters: Some(matters), sides };
        [(key(), reading)].into()
    }

    fn nothing() -> Readings {
        says(0, 0, [0; 6], true)
    }

    fn gate(store: &Store, at: u64, now: u64) -> Option<Gate> {
        store.gates(at, now).remove(&key())
    }

    #[test]
    fn the_evidence_is_the_mean_over_the_grid() {
        // Three events of the candidate's, each with a share of a tenth: 3 * ln r - 3 * ln(1 + (r - 1) / 10).
        let against = [146_370, 353_349, 669_431, 1_216_395, 2_079_442, 3_194_132];
        let one = Reading {
            sides: [("more".to_owned(), Side { events: 3, against })].into(),
            ..Reading::default()
        };
        // 0.04 * 2.9155 + 0.08 * 8.0000 + 0.16 * 21.9517 + 0.52 * 64 + 0.15 * 166.375 + 0.05 * 328.0
        let by_hand: f64 = 0.04 * (1.5_f64 / 1.05).powi(3)
            + 0.08 * (2.25_f64 / 1.125).powi(3)
            + 0.16 * (3.5_f64 / 1.25).powi(3)
            + 0.52 * (6.0_f64 / 1.5).powi(3)
            + 0.15 * (11.0_f64 / 2.0).powi(3)
            + 0.05 * (20.0_f64 / 2.9).powi(3);
        assert!((log(&one) - by_hand.ln()).abs() < 1e-5, "{} {}", log(&one), by_hand.ln());
        let none = Side { events: 0, against: [0; 6] };
        let both = Reading {
            sides: [("more".to_owned(), Side { events: 3, against }), ("less".to_owned(), none)]
                .into(),
            ..Reading::default()
        };
        let by_hand = f64::midpoint(by_hand, 1.0);
        assert!((log(&both) - by_hand.ln()).abs() < 1e-5);
        assert_eq!(log(&Reading::default()), 0.0);
    }

    #[test]
    fn proxies_add_up_from_their_first_scrape_on_and_what_begins_anew_takes_nothing_away() {
        let mut store = Store::new(2);
        let by = |count: u64| says(count * 100, count * 2, [count * 1_000; 6], true);
        store.add(0, 10_000, 10_000, by(1));
        store.add(0, 25_000, 25_000, by(4));
        store.add(1, 12_000, 12_000, nothing());
        store.add(1, 27_000, 27_000, by(1));
        // The first one's own 100 are not known to be new.
        assert_eq!(gate(&store, 30_000, 30_000).map(|gate| gate.samples), Some(400));
        store.add(0, 40_000, 40_000, nothing());
        store.add(0, 55_000, 55_000, by(1));
        assert_eq!(gate(&store, 60_000, 60_000).map(|gate| gate.samples), Some(500));
        assert_eq!(gate(&store, 30_000, 60_000).map(|gate| gate.samples), Some(400));
    }

    #[test]
    fn what_has_not_arrived_counts_only_for_who_asks_later() {
        let mut store = Store::new(1);
        store.add(0, 10_000, 10_000, nothing());
        store.add(0, 25_000, 40_000, says(70, 0, [0; 6], true));
        let samples = |now| gate(&store, 30_000, now).map(|gate| gate.samples);
        assert_eq!(
            [samples(30_000), samples(39_999), samples(40_000)],
            [Some(0), Some(0), Some(70)]
        );
        assert_eq!(gate(&store, 24_999, 90_000).map(|gate| gate.samples), Some(0));
        assert_eq!(gate(&store, 9_999, 90_000), None);
    }

    #[test]
    fn a_verdict_is_minus_one_where_the_bound_is_reached_and_half_of_the_proxies_say_it_matters() {
        // ln(1/0.005): 25 events without anything against them are more than enough.
        let verdict = |matters: [bool; 3]| {
            let mut store = Store::new(3);
            for (proxy, matters) in matters.into_iter().enumerate() {
                store.add(proxy, 10_000, 10_000, nothing());
                store.add(proxy, 25_000, 25_000, says(50, 25, [0; 6], matters));
            }
            gate(&store, 30_000, 30_000).map(|gate| gate.verdict())
        };
        assert_eq!(verdict([true, true, true]), Some(-1.0));
        assert_eq!(verdict([true, true, false]), Some(-1.0));
        assert_eq!(verdict([true, false, false]), Some(150.0));
    }

    #[test]
    fn a_series_ends_five_minutes_behind_its_last_sample() {
        let mut store = Store::new(1);
        store.add(0, 10_000, 10_000, nothing());
        assert!(gate(&store, 309_999, 400_000).is_some());
        assert_eq!(gate(&store, 310_000, 400_000), None);
    }
}
