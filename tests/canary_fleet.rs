//! Real proxies with a rollout, the servers behind them, clients that never stop, and the real Prometheus that
//! scrapes them and is asked by them.
//!
//! A schedule in a hurry: a verdict every two seconds, of what was known two seconds before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use host_sim::client::{ClientRequest, exchange};
use host_sim::envoy::RunningEnvoy;
use host_sim::model::iso_date;
use host_sim::parts::{Part, Parts, Without};
use host_sim::prometheus::RunningPrometheus;
use host_sim::upstream::{Reply, Script, UpstreamServer};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use traffic_policy::catalog::{Catalog, RawPool};
use traffic_policy::rollout::{Phase, Progress, Reading, Rollout, State};
use traffic_policy::split::Split;

use crate::envoy::{bootstrap, listener, start};
use crate::scraping;

const FILE: &str = "manifests/envoy/canary.yaml";
const POOL: &str = "gpu";
/// How long a rollout may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Proxies, servers, Prometheus, and when the rollout begins.
pub struct Fleet {
    parts: Parts,
    stable: UpstreamServer,
    /// The servers of the version that is tried.
    pub candidate: UpstreamServer,
    /// What is asked.
    pub prometheus: RunningPrometheus,
    /// Those that ask.
    pub proxies: Vec<Proxy>,
    rollout: Value,
}

/// A proxy with its clients.
pub struct Proxy {
    /// The proxy.
    pub envoy: RunningEnvoy,
    clients: Vec<JoinHandle<()>>,
}

/// The step from 0, and the word for the phase.
pub type At = (usize, &'static str);

impl Fleet {
    /// Two proxies before a candidate that answers so; none when a part is left out by name.
    pub async fn start(candidate: Vec<Reply>, steps: &[u32]) -> Option<Self> {
        let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
        if without.leaves_out(Part::Envoy) {
            eprintln!("left out: rollouts on real proxies, because LLM_MESH_WITHOUT names envoy");
            return None;
        }
        let prometheus = scraping::start("/stats/prometheus").await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let start = u64::try_from(now).expect("before 2500") + 5_000_000_000;
        let rollout = json!({
            "start_at": iso_date(start / 1_000_000_000 * 1_000_000_000), "interval": "2s",
            "candidate_steps": steps, "min_samples": 20, "analysis": "prometheus",
            "prometheus": {"cluster": "prometheus", "evaluation_delay": "2s", "timeout": "1s"},
            "gates": [{"signal": "failures"}, {"signal": "finish_length"}],
        });
        let mut fleet = Self {
            parts: Parts::here().unwrap_or_else(|error| panic!("{error}")),
            stable: server(vec![reply()]).await,
            candidate: server(candidate).await,
            prometheus,
            proxies: Vec::new(),
            rollout,
        };
        fleet.another().await;
        fleet.another().await;
        Some(fleet)
    }

    /// One proxy more, with clients and scraped.
    pub async fn another(&mut self) {
        let envoy = start(&self.parts, &self.configuration()).await;
        self.proxies.push(Proxy::with_clients(envoy));
        let targets: Vec<SocketAddr> =
            self.proxies.iter().map(|proxy| proxy.envoy.admin()).collect();
        scraping::scrape(&self.prometheus, &targets);
    }

    /// The users' file, with a schedule in a hurry, and users who are never the same.
    fn configuration(&self) -> Value {
        let patch = json!({
            "canary_split": [{"pool": POOL, "weights": weights(), "rollout": self.rollout}],
            // What fails is to be seen, and not tried elsewhere.
            "retry_breaker": null,
        });
        let address = |cluster: &str| match cluster {
            "gpu-v2" => self.candidate.address(),
            "prometheus" => self.prometheus.address(),
            _ => self.stable.address(),
        };
        bootstrap(&self.parts, FILE, address, patch)
    }

    /// Looks at all proxies over and over until each is at this step or behind it, in this phase; and
    /// gives all that was seen on the way.
    pub async fn until(&self, phase: &str, step: usize) -> Vec<Vec<At>> {
        let mut seen: Vec<Vec<At>> = Vec::new();
        let all = async {
            loop {
                let now = self.now().await;
                let is_there = now.iter().all(|(at, word)| *word == phase && *at >= step);
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
                if is_there {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            let verdicts = self.prometheus.query("rollout:llm_split_verdict").await;
            let logs = self.proxies.iter().map(|proxy| proxy.log());
            let logs: Vec<String> = logs.collect();
            panic!("not {phase} at {step}: {seen:?}; {verdicts:?}\n{}", logs.join("\n"));
        }
        seen
    }

    /// Where each proxy is now.
    pub async fn now(&self) -> Vec<At> {
        let mut all = Vec::new();
        for proxy in &self.proxies {
            all.push(proxy.at().await);
        }
        all
    }

    /// Where the recorded verdicts lead to, step by step: the same for whoever folds them.
    pub async fn recorded(&self) -> Vec<At> {
        let rollout = self.parsed();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let piece = rollout.questions(0, now).expect("it has begun");
        let [from, to, step] = rollout.range(piece).map(|time| time.as_secs_f64());
        let path = "/api/v1/query_range?query=rollout%3Allm_split_verdict";
        let path = format!("{path}&start={from:.3}&end={to:.3}&step={step:.3}");
        let answer = self.prometheus.get(&path).await.unwrap_or_else(|error| panic!("{error}"));
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let mut instants: BTreeMap<u32, Vec<Reading<'_>>> = BTreeMap::new();
        for series in answer["data"]["result"].as_array().expect("series") {
            let signal = series["metric"]["signal"].as_str().expect("a signal");
            for pair in series["values"].as_array().expect("values") {
                let steps = (pair[0].as_f64().expect("a time") - from) / step;
                let value = pair[1].as_str().and_then(|text| text.parse().ok()).expect("a value");
                let number = piece.first + steps.round() as u32;
                instants.entry(number).or_default().push(Reading { signal, value });
            }
        }
        let mut progress = Progress::begin(&rollout);
        let mut course = vec![at(&progress.state(&rollout, now))];
        for (number, readings) in instants {
            progress.readings(&rollout, number, &readings);
            course.push(at(&progress.state(&rollout, now)));
        }
        course.dedup();
        course
    }

    fn parsed(&self) -> Rollout {
        let pools = json!([{"name": POOL, "versions": ["v1", "v2"]}]);
        let pools: Vec<RawPool> = serde_json::from_value(pools).expect("pools");
        let catalog = Catalog::try_from((vec![], pools)).unwrap_or_else(|error| panic!("{error}"));
        let arms = serde_json::from_value(weights()).expect("weights");
        let split = Split::try_from((arms, catalog.pool(POOL).expect("the pool"), &catalog));
        let split = split.unwrap_or_else(|error| panic!("{error}"));
        let rollout = serde_json::from_value(self.rollout.clone()).expect("a rollout");
        Rollout::try_from((rollout, &split)).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Proxy {
    fn with_clients(envoy: RunningEnvoy) -> Self {
        let address = listener(&envoy);
        let client = |_| {
            tokio::spawn(async move {
                loop {
                    exchange(address, request()).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
        };
        Self { envoy, clients: (0..3).map(client).collect() }
    }

    /// The sum of a metric's series that have all of these labels.
    pub async fn counted(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        sum(&self.metrics().await, metric, labels)
    }

    /// What its plugins have said.
    pub fn log(&self) -> String {
        let lines = self.envoy.plugin_log().into_iter();
        lines.map(|line| format!("{} {}", line.level, line.text)).collect::<Vec<_>>().join("\n")
    }

    async fn metrics(&self) -> BTreeMap<String, f64> {
        self.envoy.metrics().await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn at(&self) -> At {
        let metrics = self.metrics().await;
        let is_in = |phase: &&Phase| {
            sum(&metrics, "llm_split_phase", &[("pool", POOL), ("phase", phase.as_str())]) == 1.0
        };
        let phase = Phase::ALL.iter().find(is_in).unwrap_or_else(|| panic!("{metrics:#?}"));
        (sum(&metrics, "llm_split_step", &[("pool", POOL)]) as usize, phase.as_str())
    }
}

fn sum(metrics: &BTreeMap<String, f64>, metric: &str, labels: &[(&str, &str)]) -> f64 {
    let is_one = |series: &str| {
        let has = |(name, value): &(&str, &str)| series.contains(&format!("{name}=\"{value}\""));
        series.split('{').next() == Some(metric) && labels.iter().all(has)
    };
    metrics.iter().filter(|(series, _)| is_one(series)).map(|(_, value)| value).sum()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

fn at(state: &State) -> At {
    (state.step, state.phase.as_str())
}

fn weights() -> Value {
    json!([{"version": "v1", "weight": 100}, {"version": "v2", "weight": 0}])
}

fn request() -> ClientRequest {
    let messages = json!([{"role": "user", "content": "Summarise."}]);
    let body = json!({"model": "llama-70b", "stream": true, "messages": messages});
    ClientRequest::post("/v1/chat/completions", body.to_string())
}

/// A good answer.
pub fn reply() -> Reply {
    Reply { text: Some("As short as it can be.".to_owned()), ..Reply::default() }
}

async fn server(replies: Vec<Reply>) -> UpstreamServer {
    UpstreamServer::start(Script::of(replies)).await.expect("a free port")
}
