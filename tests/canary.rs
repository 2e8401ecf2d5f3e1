//! Rollouts through the real module under virtual time, with what `host-sim canary` plays: who is rolled back, who
//! is not, what happens while Prometheus is away, and that a fleet agrees for the reason it should.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use host_sim::bootstrap::{Bootstrap, FilterKind};
use host_sim::canary::{self, Canary, Candidate, Course, Fleet, Gates, Phase, Record, Runs};
use host_sim::model::GuestFactory;
use host_sim::parts::{Features, Parts};
use host_sim::vm::{Engine, EngineOptions};
use serde_json::{Value, json};

/// One engine for all tests: the module is compiled once.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let module_cache = Some(parts().path("compiled"));
    let engine = Engine::new(EngineOptions { module_cache, ..EngineOptions::default() });
    Arc::new(engine.expect("an engine"))
});

fn parts() -> Parts {
    Parts::here().expect("a workspace")
}

fn factory() -> Arc<dyn GuestFactory> {
    Arc::clone(&*ENGINE) as Arc<dyn GuestFactory>
}

/// The built-in file, with other fields in its rollout.
fn file(gates: Gates, course: Course, changes: Value) -> Bootstrap {
    let module = parts().filters(&Features::Default).unwrap_or_else(|error| panic!("{error}"));
    let mut file = canary::built_in(&module, gates, course).expect("the built-in file");
    let filters = &mut file.listeners[0].manager.http_filters;
    let FilterKind::Wasm(plugin) = &mut filters[0].kind else { panic!("the filters come first") };
    let mut json: Value = serde_json::from_slice(&plugin.configuration).expect("JSON");
    let rollout = json["canary_split"][0]["rollout"].as_object_mut().expect("a rollout");
    rollout.extend(changes.as_object().expect("an object").clone());
    plugin.configuration = json.to_string().into_bytes().into();
    file
}

fn with(candidate: Candidate) -> Canary {
    Canary {
        candidate,
        stable_error: 0.01,
        rate: 20.0,
        duration: None,
        workers: 2,
        seed: 1,
        away: Duration::ZERO..Duration::ZERO,
        evaluation_delay: None,
        scrape_interval: Duration::from_secs(5),
    }
}

/// A short rollout that asks Prometheus.
fn short() -> Bootstrap {
    let prometheus = json!({"cluster": "prometheus", "evaluation_delay": "10s"});
    let changes = json!({
        "interval": "10s", "candidate_steps": [20, 100], "min_samples": 60,
        "analysis": "prometheus", "prometheus": prometheus, "gates": [{"signal": "failures"}],
    });
    file(Gates::Failures, Course::Steps, changes)
}

fn played(file: &Bootstrap, canary: &Canary) -> Record {
    let record = canary::play(file, canary, factory(), &mut |_| ());
    let record = record.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(record.traps, 0);
    record
}

/// Phase, step and verdict of each turn.
fn turns(record: &Record) -> Vec<(Phase, u64, &str)> {
    let turns = record.turns.iter();
    let turns = turns.map(|turn| {
        let verdict = turn.verdict.as_deref().unwrap_or("");
        (turn.published.phase, turn.published.step, verdict)
    });
    turns.collect()
}

#[test]
fn a_candidate_that_fails_inside_a_200_as_well_as_with_a_status_is_rolled_back_and_gets_nothing() {
    let record = played(&short(), &with(Candidate::Error(0.3)));
    let published = record.published();
    assert_eq!(published.phase, Phase::RolledBack, "{:?}", turns(&record));
    assert_eq!((published.percent, published.share("v2")), (0, 0.0));
    assert!(turns(&record).iter().any(|(.., verdict)| *verdict == "fail"), "{:?}", turns(&record));
    let evidence = published.evidence["failures"];
    assert!(evidence.bound.is_some_and(|bound| evidence.log >= bound), "{evidence:?}");
    // Behind the rollback nobody is sent there any more, but who was on the way.
    let last: Vec<u64> =
        record.seconds.iter().rev().take(5).map(|s| s.candidate.requests).collect();
    assert_eq!(last, [0; 5]);
    let stable = record.seconds.iter().rev().take(5).map(|s| s.stable.requests).sum::<u64>();
    assert!(stable > 50, "{stable}");
}

#[test]
fn a_good_candidate_reaches_all_and_each_step_is_told_with_its_verdict() {
    let record = played(&short(), &with(Candidate::Good));
    let (published, turns) = (record.published(), turns(&record));
    assert_eq!((published.phase, published.percent), (Phase::Done, 100), "{turns:?}");
    assert_eq!(published.share("v2"), 100.0);
    assert_eq!(turns[0].0, Phase::Waiting);
    assert_eq!(turns[1], (Phase::Running, 0, ""));
    assert!(turns.contains(&(Phase::Running, 1, "pass")), "{turns:?}");
    assert!(published.asks["answered"] >= 4 && published.asks["failed"] == 0);
    let [(candidate, _), (stable, _)] = record.totals();
    assert!(candidate > 100 && stable > 100, "{candidate} {stable}");
}

#[test]
fn while_prometheus_is_away_nothing_advances_and_behind_that_it_goes_on() {
    let away = Duration::from_secs(25)..Duration::from_secs(75);
    let canary = Canary { away, ..with(Candidate::Good) };
    let record = played(&short(), &canary);
    let turns = turns(&record);
    let lead = i128::from(u64::try_from(record.lead.as_nanos()).expect("a few seconds"));
    let second = |at: i128| usize::try_from((at + lead) / 1_000_000_000).expect("a second");
    let at = |seconds: i128| &record.seconds[second(seconds * 1_000_000_000)].published;
    assert_eq!((at(26).step, at(26).phase), (at(74).step, Phase::Running), "{turns:?}");
    assert!(at(74).asks["failed"] >= 2, "{:?}", at(74).asks);
    assert_eq!(record.published().phase, Phase::Done, "{turns:?}");
    let without = played(&short(), &with(Candidate::Good));
    let [with, without] = [&record, &without].map(|record| record.seconds.len());
    assert!(with > without + 10, "{with} {without}");
}

#[test]
fn many_rollouts_of_a_bad_candidate_end_within_a_few_hundred_of_its_requests() {
    let weighed = file(Gates::Failures, Course::Weight(10), json!({}));
    let canary = Canary { workers: 1, ..with(Candidate::Error(0.06)) };
    let play = |threads| {
        let runs = Runs { runs: 6, requests: 20_000, threads };
        let found = canary::statistics(&weighed, &canary, runs, &factory(), &|_| ());
        found.unwrap_or_else(|error| panic!("{error}"))
    };
    let found = play(2);
    assert_eq!(found.at_rollback.len(), 6, "{found:?}");
    let median = found.percentile(50).expect("some");
    assert!((20..250).contains(&median), "{found:?}");
    assert_eq!(found, play(1), "how runs are shared decides nothing");
}

#[test]
fn a_fleet_agrees_on_late_samples_only_because_it_asks_late() {
    let file = file(Gates::Failures, Course::Fleet(16), json!({}));
    let play = |evaluation_delay| {
        let canary = Canary {
            rate: 16.0,
            workers: 1,
            scrape_interval: Duration::from_secs(15),
            evaluation_delay,
            duration: Some(Duration::from_secs(420)),
            ..with(Candidate::Good)
        };
        let agreement = canary::fleet(&file, &canary, Fleet { proxies: 8 }, factory(), &mut |_| ());
        agreement.unwrap_or_else(|error| panic!("{error}"))
    };
    let late = play(None);
    assert_eq!((late.disagreements(), late.ambiguous()), (0, 0), "{:#?}", canary::agreement(&late));
    let steps = late.instants.last().map(|instant| instant.states.clone()).expect("instants");
    assert!(steps.iter().all(|place| matches!(place, canary::Place::At(_, 1..))), "{steps:?}");
    let at_once = play(Some(Duration::ZERO));
    assert!(at_once.disagreements() > 0, "{:#?}", canary::agreement(&at_once));
}
