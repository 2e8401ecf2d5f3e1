use super::*;

fn failure() -> Failure {
    Failure {
        host: HostName::Sim,
        step: None,
        what: "open_streams".to_owned(),
        expected: "0".to_owned(),
        got: "1".to_owned(),
        trace_end: None,
    }
}

fn verdict(control: Option<Control>, failures: Vec<Failure>) -> Verdict {
    Verdict {
        name: "router/case".to_owned(),
        sentence: "Something behaves.".to_owned(),
        path: PathBuf::from("case.yaml"),
        control,
        runs: vec![Run {
            logs: Vec::new(),
            host: HostName::Sim,
            took: Duration::from_millis(3),
            failures,
            trace: (0..20).map(|number| format!("line {number}")).collect(),
        }],
        compared: false,
        differences: Vec::new(),
        left_out: None,
        only_sim: None,
        error: None,
        seed: 7,
        repeat: "cargo run --release -- run case.yaml".to_owned(),
    }
}

#[test]
fn a_scenario_that_holds_is_one_line() {
    let verdict = verdict(None, Vec::new());
    assert_eq!(verdict.mark(), Mark::Passed);
    assert_eq!(verdict.lines(), ["ok   router/case  (sim 3ms)"]);
}

#[test]
fn a_failure_shows_the_sentence_the_expectation_the_trace_and_the_command() {
    let verdict = verdict(None, vec![failure()]);
    assert_eq!(verdict.mark(), Mark::Failed);
    let lines = verdict.lines();
    assert_eq!(lines[0], "FAIL router/case  (sim 3ms)");
    assert_eq!(lines[1], "     Something behaves.");
    assert_eq!(lines[2], "     sim: finally: open_streams: expected 0, got 1");
    assert_eq!(lines[3], "     lines 9 to 20 of 20 of sim:");
    assert_eq!(lines[4], "       line 8");
    assert_eq!(lines.last().unwrap(), "     seed 7; repeat: cargo run --release -- run case.yaml");
}

#[test]
fn the_trace_is_shown_up_to_the_end_of_the_step_that_failed() {
    let verdict = verdict(None, vec![Failure { trace_end: Some(15), ..failure() }, failure()]);
    let lines = verdict.lines();
    assert_eq!(lines[4], "     lines 4 to 15 of 20 of sim:");
    assert_eq!((lines[5].as_str(), lines[16].as_str()), ("       line 3", "       line 14"));
    assert_eq!(lines.len(), 18);
}

#[test]
fn with_the_pass_through_guest_passing_is_failing() {
    assert_eq!(verdict(Some(Control::Fails), Vec::new()).mark(), Mark::Failed);
    assert_eq!(verdict(Some(Control::Fails), vec![failure()]).mark(), Mark::Passed);
    assert_eq!(verdict(Some(Control::Passes), Vec::new()).mark(), Mark::Passed);
    assert_eq!(verdict(Some(Control::Passes), vec![failure()]).mark(), Mark::Failed);
}

#[test]
fn what_did_not_run_did_not_pass() {
    let mut verdict = verdict(None, Vec::new());
    verdict.runs.clear();
    assert_eq!(verdict.mark(), Mark::Failed);
    verdict.left_out = Some("LLM_MESH_WITHOUT names envoy".to_owned());
    assert_eq!(verdict.mark(), Mark::LeftOut);
    let mut summary = Summary::default();
    summary.add(&verdict);
    assert_eq!(
        summary.to_string(),
        "0 passed, 0 failed; 0 compared between hosts, 0 only in the simulator, 1 left out"
    );
}
