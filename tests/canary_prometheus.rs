//! Rollouts on real Envoys that ask a real Prometheus, which scrapes them: the users' file, and the module as it
//! is built.
//!
//! What the proxies have come to is compared with what the recorded verdicts come to by `traffic_policy`, step
//! by step. A fleet agrees only up to the time that a question takes; so at each look proxies may be one state
//! apart from each other, never two.

use std::time::Duration;

use host_sim::upstream::{Fault, Reply};
use tests::canary_fleet::{At, Fleet, Proxy, reply};
use tests::dashboard;
use tests::figures::{comes_to, have_numbers};

/// Of ten answers three are none: a status, an error inside a 200, a stream without its end.
fn bad() -> Vec<Reply> {
    let fault = |fault| Reply { fault: Some(fault), after_tokens: 2, ..reply() };
    let ten = [
        Reply { times: 3, ..reply() },
        Reply { status: 500, ..reply() },
        Reply { times: 2, ..reply() },
        fault(Fault::ErrorEvent),
        Reply { times: 2, ..reply() },
        fault(Fault::Truncate),
    ];
    std::iter::repeat_n(ten, 500).flatten().collect()
}

/// At no look two proxies are further apart than from one state of this course to the next. One that waits
/// for its first answer is nowhere yet.
fn agree(seen: &[Vec<At>], course: &[At]) {
    for look in seen {
        let place = |at: &At| {
            let place = course.iter().position(|state| state == at);
            place.unwrap_or_else(|| panic!("{at:?} is not in {course:?}"))
        };
        let begun = look.iter().filter(|(_, phase)| *phase != "waiting");
        let places: Vec<usize> = begun.map(place).collect();
        let apart = places.iter().max().zip(places.iter().min()).map_or(0, |(m, l)| m - l);
        assert!(apart <= 1, "{look:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_is_rolled_back_by_all_proxies() {
    let Some(fleet) = Fleet::start(bad(), &[25, 50, 100]).await else { return };
    let seen = fleet.until("rolled_back", 0).await;
    let course = fleet.recorded().await;
    assert_eq!(course.last().map(|(_, phase)| *phase), Some("rolled_back"), "{course:?}");
    agree(&seen, &course);
    for (proxy, at) in fleet.proxies.iter().zip(fleet.now().await) {
        assert_eq!(Some(&at), course.last());
        assert_eq!(proxy.counted("llm_split_weight", &[("version", "v2")]).await, 0.0);
        let log = proxy.log();
        assert!(log.contains("is rolled back at step"), "{log}");
        assert!(log.contains("because of failures"), "{log}");
    }
    // Every worker has heard of it soon; then nobody gets the candidate any more.
    for proxy in &fleet.proxies {
        while let [true, _] | [_, false] = more(proxy).await {}
    }
    let queries = dashboard::queries(&dashboard::json(), ".*", "5m").into_iter();
    let row = queries.filter(|query| query.row == "Rollouts");
    let row: Vec<_> = row.map(|query| (query.panel, query.expression)).collect();
    assert!(row.len() >= 12, "{row:?}");
    have_numbers(&fleet.prometheus, row).await;
}

/// Whether candidate and stable version got requests during a few looks.
async fn more(proxy: &Proxy) -> [bool; 2] {
    let requests = async || {
        [
            proxy.counted("llm_split_requests_total", &[("version", "v2")]).await,
            proxy.counted("llm_split_requests_total", &[("version", "v1")]).await,
        ]
    };
    let before = requests().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = requests().await;
    [after[0] > before[0], after[1] > before[1]]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_candidate_gets_everything_though_prometheus_was_killed_and_a_proxy_came_late() {
    let Some(mut fleet) = Fleet::start(vec![reply()], &[25, 50, 100]).await else { return };
    let mut seen = fleet.until("running", 1).await;

    fleet.prometheus.kill();
    for proxy in &fleet.proxies {
        asked_in_vain(proxy, 1.0).await;
    }
    let held = fleet.now().await;
    for proxy in &fleet.proxies {
        asked_in_vain(proxy, 2.0).await;
    }
    assert_eq!(fleet.now().await, held);
    assert!(held.iter().all(|(_, phase)| *phase == "running"), "{held:?}");

    // It goes on, and one comes that knows nothing of what was before.
    fleet.prometheus.restart().await.unwrap_or_else(|error| panic!("{error}"));
    fleet.another().await;
    seen.extend(fleet.until("done", 2).await);
    let course = fleet.recorded().await;
    assert_eq!(course, [(0, "running"), (1, "running"), (2, "running"), (2, "done")]);
    agree(&seen, &course);

    for proxy in &fleet.proxies {
        assert_eq!(proxy.counted("llm_split_percent", &[]).await, 100.0);
    }
    // The example of a question of one's own would have let it through as well.
    comes_to(&fleet.prometheus, "gpu:candidate_failures:verdict", 1.0).await;
}

/// Waits until a proxy has had no answer so many times.
async fn asked_in_vain(proxy: &Proxy, times: f64) {
    while proxy.counted("llm_split_asks_total", &[("outcome", "failed")]).await < times {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
