//! `host-sim breaker`: what an outage comes to with the filters and with Envoy's own means, and that nothing of
//! it is chance.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/envoy/breaker.yaml");
/// Short, and still long enough for a server to be missed and to come back.
const SHORT: [&str; 6] = ["--rate", "40", "--duration", "16s", "--outage", "4s..10s"];

fn breaker(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    command.args(["breaker", "-c", FILE]).args(SHORT).args(arguments);
    command.output().expect("it runs")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (code, out, err) = said(&breaker(&[&["--format", "json"], arguments].concat()));
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).expect("one JSON object")
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).expect(field)
}

/// All that a field of the seconds comes to.
fn sum(run: &Value, field: &str) -> u64 {
    let seconds = run["states"].as_array().expect("seconds").iter();
    seconds.map(|second| number(second, field)).sum()
}

/// The states that the bad server was in, each once for every time it changed.
fn states(run: &Value) -> Vec<&str> {
    let seconds = run["states"].as_array().expect("seconds").iter();
    let mut states: Vec<&str> =
        seconds.filter_map(|second| second.pointer("/members/0/state")?.as_str()).collect();
    states.dedup();
    states
}

#[test]
fn clients_see_less_of_an_error_inside_a_200_than_with_envoys_own_means() {
    let fault = ["--fault", "error_event"];
    let filters = json(&fault);
    let envoy = json(&[&fault[..], &["--baseline", "envoy"]].concat());
    for run in [&filters, &envoy] {
        assert_eq!(number(run, "requests"), 640);
        for field in ["requests", "client_failures", "diverted", "retried", "wasted_tokens"] {
            assert_eq!(sum(run, field), number(run, field), "{field}");
        }
    }
    // Of what is inside a 200 Envoy knows nothing, and a server that fails at once looks idle to it.
    let missed = number(&envoy, "client_failures");
    assert!(missed > 40, "{missed}");
    assert!(number(&filters, "client_failures") * 10 <= missed, "{filters}");
    // Whoever is answered by another server waits for the failing one, and not for long.
    let delay = number(&filters["retry_delay_ms"], "max");
    assert!(number(&filters, "retried") > 0 && delay < 200, "{filters}");
}

#[test]
fn the_bad_server_goes_through_the_states_of_a_breaker_and_the_others_carry_its_share() {
    let run = json(&["--fault", "error_event"]);
    assert_eq!(states(&run)[..2], ["healthy", "ejected"]);
    let ejected = &run["states"][8];
    let got = |member: usize| number(&ejected["members"][member], "requests");
    assert_eq!((got(0), got(1) + got(2) + got(3)), (0, 40), "{ejected}");
    assert!(number(&run, "diverted") > 100, "{run}");
    assert_eq!(run["bad"], serde_json::json!(["127.0.0.1:8001"]));
    let other = json(&["--fault", "503", "--member", "127.0.0.1:8003"]);
    assert_eq!(number(&other["states"][8]["members"][2], "requests"), 0);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let text = |seed| said(&breaker(&["--fault", "stall", "--seed", seed])).1;
    let first = text("5");
    assert!(first.lines().count() > 20 && first.contains("clients' failures"), "{first}");
    assert_eq!(first, text("5"));
    assert_ne!(first, text("6"));
}

#[test]
fn the_report_is_one_file_with_both_runs_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("outage.html");
    let path = file.display().to_string();
    let (code, _, err) = said(&breaker(&["--fault", "503", "--report", &path]));
    assert_eq!(code, Some(0), "{err}");
    let page = fs::read_to_string(&file).expect("a page");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.matches("<svg").count() >= 8 && page.contains("with Envoy's own means"));
    for outside in ["http://", "https://", "<script", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn what_cannot_be_played_is_refused_with_what_can() {
    let (code, _, err) = said(&breaker(&["--member", "gpu-9"]));
    assert_eq!(code, Some(2));
    assert!(err.contains("found no member `gpu-9`; allowed 127.0.0.1:8001"), "{err}");
    for (option, value) in [("--outage", "9s..3s"), ("--duration", "0s"), ("--rate", "0")] {
        assert_eq!(said(&breaker(&[option, value])).0, Some(2), "{option} {value}");
    }
    let nowhere = Path::new("nowhere").join("outage.html").display().to_string();
    let (code, _, err) = said(&breaker(&["--report", &nowhere]));
    assert_eq!(code, Some(2));
    assert!(err.contains("the report cannot be written to"), "{err}");
}
