//! The demo on both hosts: every request goes where the file says, and both tell the same.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use host_sim::{
    demo::{Demo, DemoHost, DemoLlm, DemoOptions, Prepared, Report, render},
    parts::{Part, Without},
};

async fn demo(host: DemoHost, llm: DemoLlm) -> Report {
    let options = DemoOptions { host, llm, port: None };
    let prepared = tokio::task::spawn_blocking(move || Prepared::new(&options));
    let prepared = prepared.await.expect("no panic").expect("everything it needs");
    Demo::start(&prepared, &options).await.expect("a running proxy").run().await
}

/// What must not depend on the host; times do.
fn facts(report: &Report) -> Vec<String> {
    let facts = report.rows.iter().map(|row| {
        format!(
            "{}: {:?} {:?} pool `{}` reason `{}` status {:?}",
            row.name, row.tokens, row.token_source, row.pool, row.reason, row.status
        )
    });
    facts.collect()
}

/// The table's lines without what differs from run to run: times, and the widths they give.
fn without_times(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| line.contains(" ms"));
    let words = lines.map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()));
    words
        .map(|words| words.filter(|word| !word.ends_with(" ms")).collect::<Vec<_>>().join("|"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_goes_where_the_file_says_on_both_hosts() {
    let sim = demo(DemoHost::Sim, DemoLlm::Scripted).await;
    assert!(sim.is_as_expected(), "{:#?}", facts(&sim));
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    assert_eq!(
        without_times(&render(&sim)),
        without_times(&readme.expect("README.md")),
        "README.md shows another table than the demo prints"
    );
    let streams = sim.rows.iter().filter(|row| row.first_token.is_some());
    assert!(streams.clone().count() >= 2);
    for row in streams {
        let first = row.first_token.expect("a time");
        assert!(first < row.total / 2, "{}: the first token did not wait for the last", row.name);
    }
    if Without::from_env().expect("LLM_MESH_WITHOUT").leaves_out(Part::Envoy) {
        eprintln!("left out: envoy");
        return;
    }
    let envoy = demo(DemoHost::Envoy, DemoLlm::Scripted).await;
    assert_eq!(facts(&envoy), facts(&sim));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_model_answers_in_the_place_of_scripted_servers() {
    if Without::from_env().expect("LLM_MESH_WITHOUT").leaves_out(Part::Model) {
        eprintln!("left out: the model");
        return;
    }
    let report = demo(DemoHost::Sim, DemoLlm::Real).await;
    assert!(report.is_as_expected(), "{:#?}", facts(&report));
    let pools: Vec<&str> = report.rows.iter().map(|row| row.pool.as_str()).collect();
    assert!(pools.contains(&"gpu-large") && pools.contains(&"gpu-small"), "{pools:?}");
    assert!(report.rows.iter().any(|row| row.first_token.is_some()), "no stream");
    assert!(report.rows.iter().all(|row| !row.reason.is_empty()), "{:#?}", facts(&report));
}
