use proptest::prelude::*;

use super::*;
use crate::evidence::tests::{ALPHA, all, evidence, failures, first_tokens, strata};
use crate::evidence::{Signal, Stratum};

fn process(tally: &Tally) -> Process {
    Process { events: tally.events, against: tally.against }
}

/// Unlike counts of shared data, what requests can come to.
fn seen() -> impl Strategy<Value = Vec<Stratum>> {
    let times = || prop::collection::vec(1_u64..4_000, 0..30);
    let counts = (0_u64..30, 0_u64..30, 0_u64..90, 0_u64..90);
    let stratum = (counts, times(), times()).prop_map(|((n, x, m, y), candidate, stable)| {
        let mut stratum = first_tokens(&candidate, &stable, 3);
        stratum.candidate.output_tokens = stratum.candidate.first_token;
        stratum.stable.output_tokens = stratum.stable.first_token;
        stratum.add(&failures([n, x.min(n)], [m, y.min(m)]));
        stratum
    });
    prop::collection::vec(stratum, 0..20)
}

proptest! {
    #[test]
    fn tallies_of_one_proxy_are_its_evidence(strata in seen()) {
        let mut evidence = all();
        strata.iter().for_each(|stratum| evidence.observe(stratum));
        let tallies = evidence.tallies();
        for standing in evidence.standings(ALPHA) {
            let of_gate = tallies.iter().filter(|tally| tally.signal == standing.signal.as_str());
            let sides: Vec<&Tally> = of_gate.collect();
            let log = match sides[..] {
                [one] => process(one).log(),
                [more, less] => {
                    let [more, less] = [more, less].map(|side| process(side).log().exp());
                    ((more + less) / 2.0).ln()
                }
                _ => f64::NAN,
            };
            prop_assert!((log - standing.log).abs() < 1e-6, "{log} {standing:?}");
            for side in sides {
                prop_assert_eq!(side.log, standing.log);
                prop_assert_eq!(side.samples, standing.samples);
                prop_assert!((side.bound(ALPHA) - standing.bound).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn tallies_only_grow(strata in prop::collection::vec(strata(), 0..20), step in 0_usize..20) {
        let mut evidence = all();
        let mut before = evidence.tallies();
        for (number, stratum) in strata.iter().enumerate() {
            if number == step {
                evidence.begin_step();
            }
            evidence.observe(stratum);
            let after = evidence.tallies();
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(before.events <= after.events && before.samples <= after.samples);
                let mut against = before.against.iter().zip(after.against);
                prop_assert!(against.all(|(before, after)| *before <= after && after.is_finite()));
                prop_assert!(!after.log.is_nan());
            }
            before = after;
        }
    }
}

#[test]
fn a_gate_of_lengths_has_two_sides_and_names_say_what_it_is_compared_with() {
    let names: Vec<_> = all().tallies().iter().map(|t| (t.signal, t.side.as_str())).collect();
    assert_eq!(names.len(), 7);
    assert_eq!(names[0], ("failures", "more"));
    assert_eq!(names[5..], [("output_tokens", "more"), ("output_tokens", "less")]);
}

#[test]
fn who_may_never_be_wrong_never_fails() {
    let tallies = evidence(Signal::Failures).tallies();
    assert!((tallies[0].bound(ALPHA) - (1.0 / ALPHA).ln()).abs() < 1e-12);
    assert_eq!(tallies[0].bound(0.0), f64::INFINITY);
    assert_eq!(tallies[0].bound(f64::NAN), f64::INFINITY);
}
