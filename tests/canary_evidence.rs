//! The rules for rollouts in a real Prometheus, which scrapes two proxies that are none: pages of the
//! counters that canary-split would export, whatever a test wants to have happened.
//!
//! What the rules make of them is what `traffic_policy` makes of the same requests.

use std::fmt::Write as _;
use std::net::SocketAddr;

use host_sim::upstream::{Reply, Script, UpstreamServer};
use tests::figures::comes_to;
use tests::scraping::{scrape, start};
use traffic_policy::evidence::process::{GRID, Process};

/// A proxy's page.
struct Page {
    server: UpstreamServer,
    process: Process,
    samples: u64,
}

/// Requests of the candidate and of the stable version, and how many of each failed.
type Stratum = ([u64; 2], [u64; 2]);

impl Page {
    async fn start() -> Self {
        let server = UpstreamServer::start(Script::default()).await.expect("a free port");
        let page = Self { server, process: Process::default(), samples: 0 };
        page.show();
        page
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn sees(&mut self, stratum: Stratum) {
        observe(&mut self.process, stratum);
        let ([candidate, _], _) = stratum;
        self.samples += candidate;
        self.show();
    }

    fn show(&self) {
        let rollout = r#"pool="p",version="v2",stable="v1",start="1""#;
        let gate = format!("{rollout},signal=\"failures\"");
        let mut page = format!("llm_split_rollout{{{rollout}}} 1\n");
        let _ = writeln!(page, "llm_split_samples_total{{{gate}}} {}", self.samples);
        let _ = writeln!(
            page,
            "llm_split_events_total{{{gate},side=\"more\"}} {}",
            self.process.events
        );
        for (against, of) in self.process.against.iter().zip(GRID) {
            let micros = (against * 1e6).round();
            let labels = format!("{gate},side=\"more\",ratio=\"{}\"", of.ratio);
            let _ = writeln!(page, "llm_split_against_micros_total{{{labels}}} {micros}");
        }
        let _ = writeln!(page, "llm_split_bound_micros{{{gate}}} 6000000");
        let _ = writeln!(page, "llm_split_matters{{{gate}}} 1");
        let headers = [("content-type".to_owned(), "text/plain".to_owned())].into();
        self.server.set_script(Script::of(vec![Reply {
            body: Some(page),
            headers,
            ..Reply::default()
        }]));
    }
}

fn observe(process: &mut Process, ([candidate, failed], [stable, stable_failed]): Stratum) {
    let share = candidate as f64 / (candidate + stable) as f64;
    process.observe(failed, failed + stable_failed, share);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_evidence_of_all_proxies_is_what_one_would_have_and_nothing_of_it_is_lost() {
    let Some(mut prometheus) = start("/metrics").await else { return };
    let (mut one, mut other) = (Page::start().await, Page::start().await);
    scrape(&prometheus, &[one.address(), other.address()]);
    comes_to(&prometheus, "rollout:llm_split_verdict", 0.0).await;

    // Each by itself would not be enough.
    let seen: [Stratum; 4] =
        [([10, 2], [90, 1]), ([12, 2], [80, 0]), ([30, 4], [70, 1]), ([20, 3], [50, 0])];
    let mut process = Process::default();
    for (number, stratum) in seen.into_iter().enumerate() {
        if number % 2 == 0 {
            one.sees(stratum)
        } else {
            other.sees(stratum)
        }
        observe(&mut process, stratum);
    }
    let evidence = format!("round(1e4 * (rollout:llm_split_evidence:ln - {}))", process.log());
    comes_to(&prometheus, &evidence, 0.0).await;
    comes_to(&prometheus, "rollout:llm_split_verdict", -1.0).await;
    comes_to(&prometheus, "rollout:llm_split_samples:sum", 72.0).await;

    // A proxy is gone, and Prometheus is killed.
    drop(other);
    comes_to(&prometheus, "sum(up)", 1.0).await;
    comes_to(&prometheus, "min_over_time(rollout:llm_split_samples:sum[3s])", 72.0).await;
    prometheus.kill();
    one.sees(([28, 0], [70, 0]));
    prometheus.restart().await.unwrap_or_else(|error| panic!("{error}"));
    comes_to(&prometheus, "rollout:llm_split_samples:sum", 100.0).await;
    comes_to(&prometheus, &evidence, 0.0).await;
    comes_to(&prometheus, "rollout:llm_split_verdict", -1.0).await;

    // One that comes with a past of its own begins with what it sees now.
    let mut new = Page::start().await;
    new.sees(([5000, 0], [5000, 5000]));
    scrape(&prometheus, &[one.address(), new.address()]);
    comes_to(&prometheus, "count(llm_split_samples_total offset 3s)", 2.0).await;
    comes_to(&prometheus, "max_over_time(rollout:llm_split_samples:sum[3s])", 100.0).await;
    new.sees(([7, 0], [0, 0]));
    comes_to(&prometheus, "rollout:llm_split_samples:sum", 107.0).await;
    comes_to(&prometheus, &evidence, 0.0).await;
}
