//! The rules for rollouts in a real Prometheus, which scrapes two proxies that are none: pages of the
//! counters that canary-split would export, whatever a test wants to have happened.
//!
//! What the rules make of them is what `traffic_policy` makes of the same requests, for each gate.

use std::fmt::Write as _;
use std::net::SocketAddr;

use host_sim::prometheus::RunningPrometheus;
use host_sim::upstream::{Reply, Script, UpstreamServer};
use tests::figures::comes_to;
use tests::scraping::{scrape, start};
use traffic_policy::evidence::process::GRID;
use traffic_policy::evidence::{Counts, Evidence, Fleet, Sample, Side, Stratum, gates};

const ALPHA: f64 = 0.005;

/// A proxy's page.
struct Page {
    server: UpstreamServer,
    evidence: Evidence,
}

impl Page {
    async fn start() -> Self {
        let server = UpstreamServer::start(Script::default()).await.expect("a free port");
        let gates = gates(None, 20).unwrap_or_else(|error| panic!("{error}"));
        let page = Self { server, evidence: Evidence::new(&gates) };
        page.show();
        page
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn sees(&mut self, candidate: Sample, stable: Sample) {
        self.evidence.observe(&Stratum { candidate, stable });
        self.show();
    }

    fn show(&self) {
        let rollout = r#"pool="p",version="v2",stable="v1",start="1""#;
        let mut page = format!("llm_split_rollout{{{rollout}}} 1\n");
        for tally in self.evidence.tallies() {
            let gate = format!("{rollout},signal=\"{}\"", tally.signal);
            let side = format!("{gate},side=\"{}\"", tally.side.as_str());
            if tally.side == Side::More {
                let (bound, matters) = (micros(tally.bound(ALPHA)), u8::from(tally.matters));
                let _ = writeln!(page, "llm_split_bound_micros{{{gate}}} {bound}");
                let _ = writeln!(page, "llm_split_matters{{{gate}}} {matters}");
                let _ = writeln!(page, "llm_split_samples_total{{{gate}}} {}", tally.samples);
            }
            let _ = writeln!(page, "llm_split_events_total{{{side}}} {}", tally.events);
            for (against, of) in tally.against.iter().zip(GRID) {
                let labels = format!("{side},ratio=\"{}\"", of.ratio);
                let against = micros(*against);
                let _ = writeln!(page, "llm_split_against_micros_total{{{labels}}} {against}");
            }
        }
        let headers = [("content-type".to_owned(), "text/plain".to_owned())].into();
        let reply = Reply { body: Some(page), headers, ..Reply::default() };
        self.server.set_script(Script::of(vec![reply]));
    }
}

fn micros(nats: f64) -> f64 {
    (nats * 1e6).round()
}

/// So many requests, so many of which fail; answers of so many tokens, whose first one takes so many
/// milliseconds.
fn requests(all: u64, failed: u64, tokens: u64, first_token: u64) -> Sample {
    let mut sample = Sample {
        failures: Counts { all, events: failed },
        finish_length: Counts { all: all - failed, events: 0 },
        ..Sample::default()
    };
    for _ in 0..all - failed {
        sample.output_tokens.record(tokens);
        sample.first_token.record(first_token);
    }
    sample
}

/// Waits until each gate's series says what the code says of these proxies, and gives the signals that fail.
async fn agree(prometheus: &RunningPrometheus, proxies: &[&Evidence]) -> Vec<&'static str> {
    let fleet = Fleet::of(proxies.iter().copied());
    let mut failing = Vec::new();
    for (signal, value) in fleet.series(ALPHA) {
        let series = format!("rollout:llm_split_verdict{{signal=\"{signal}\"}}");
        comes_to(prometheus, &series, value).await;
        if value < 0.0 {
            failing.push(signal);
        }
    }
    failing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_say_of_all_proxies_what_the_code_says_and_nothing_is_lost() {
    let Some(mut prometheus) = start("/metrics").await else { return };
    let (mut one, mut other) = (Page::start().await, Page::start().await);
    scrape(&prometheus, &[one.address(), other.address()]);
    comes_to(&prometheus, "count(rollout:llm_split_verdict == 0)", 6.0).await;

    // At both proxies the candidate fails too often, and most of its answers are a third as long as those of
    // the stable version; neither has seen enough by itself.
    for page in [&mut one, &mut other] {
        page.sees(requests(10, 1, 100, 50), requests(90, 0, 300, 50));
        let mut some_short = requests(4, 0, 100, 50);
        some_short.add(&requests(6, 2, 300, 50));
        page.sees(some_short, requests(90, 1, 300, 50));
        assert!(!Fleet::of([&page.evidence]).fails(ALPHA), "{:?}", page.evidence.tallies());
    }
    let failing = agree(&prometheus, &[&one.evidence, &other.evidence]).await;
    assert_eq!(failing, ["failures", "output_tokens"]);

    // A proxy is gone; and while Prometheus is killed, the other goes on.
    let gone = other.evidence.clone();
    drop(other);
    comes_to(&prometheus, "sum(up)", 1.0).await;
    agree(&prometheus, &[&one.evidence, &gone]).await;
    prometheus.kill();
    one.sees(requests(28, 0, 100, 50), requests(70, 0, 300, 50));
    prometheus.restart().await.unwrap_or_else(|error| panic!("{error}"));
    agree(&prometheus, &[&one.evidence, &gone]).await;

    // One that comes with a past of its own begins with what it sees now.
    let mut new = Page::start().await;
    new.sees(requests(5000, 0, 300, 50), requests(5000, 2500, 300, 50));
    scrape(&prometheus, &[one.address(), new.address()]);
    comes_to(&prometheus, "min(count_over_time(llm_split_samples_total[5s] offset 2s))", 5.0).await;
    agree(&prometheus, &[&one.evidence, &gone]).await;
    let samples = "rollout:llm_split_samples:sum{signal=\"failures\"}";
    comes_to(&prometheus, samples, 62.0).await;
    new.sees(requests(7, 0, 300, 50), requests(9, 0, 300, 50));
    comes_to(&prometheus, samples, 69.0).await;
}
