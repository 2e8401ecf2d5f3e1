//! The whole way from a request to a figure on a dashboard: a real Envoy with the users' file, scripted
//! model servers, a real Prometheus with the users' configuration and rules; then every query of the
//! dashboard and every rule is asked for, and compared with a ledger of what was sent.
//!
//! # Why everything is sent twice
//! `rate` knows how much a series has grown, not what it began with. The first round makes the series, then
//! Prometheus comes, then the second round is what every rate sees. The two are equal, so all series grow by
//! what they began with, and Prometheus extrapolates all of them alike: ratios come out exactly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::client::{Ending, exchange};
use host_sim::demo;
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Part, Parts, Without};
use host_sim::prometheus::RunningPrometheus;
use host_sim::upstream::{Script, UpstreamServer};
use host_sim::yaml;
use serde_json::{Value, json};
use tests::dashboard::{self, Query};
use tests::exchanges::{Exchange, LARGE, PRICE, SMALL, STALL_AFTER, exchanges};
use tests::figures::{comes_to, have_numbers};
use tests::workspace;

const CONFIGURATION: &str = "manifests/prometheus/prometheus.yaml";

struct Binaries {
    envoy: PathBuf,
    module: PathBuf,
    prometheus: PathBuf,
}

/// None when a part is left out by name.
fn binaries() -> Option<Binaries> {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Envoy) || without.leaves_out(Part::Prometheus) {
        eprintln!("left out: the way from a request to a dashboard");
        return None;
    }
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let prometheus = parts.debian_program("prometheus", "prometheus");
    Some(Binaries {
        envoy: parts.envoy(EnvoyVersion::default()).unwrap_or_else(|error| panic!("{error}")),
        module: parts.filters(&Features::Default).unwrap_or_else(|error| panic!("{error}")),
        prometheus: prometheus.unwrap_or_else(|error| panic!("{error}")),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_comes_from_what_was_sent() {
    let Some(binaries) = binaries() else { return };
    let mesh = Mesh::start(&binaries).await;
    mesh.send_all().await;
    let prometheus = mesh.scraped_by(&binaries.prometheus).await;
    let sent = exchanges().len() as f64;
    comes_to(&prometheus, "sum(llm_usage_requests_total)", sent).await;
    mesh.send_all().await;
    comes_to(&prometheus, "sum(llm_usage_requests_total)", 2.0 * sent).await;
    comes_to(&prometheus, "sum(llm_usage_duration_milliseconds_count)", 2.0 * sent).await;

    no_query_of_dashboard_and_documents_is_empty(&prometheus).await;
    every_rule_has_a_value(&prometheus).await;
    counters_are_those_of_the_ledger(&prometheus).await;
    each_row_has_a_figure_of_the_ledger(&prometheus).await;
    rules_say_the_same_as_the_dashboard(&prometheus).await;
}

/// A running Envoy with its model servers.
struct Mesh {
    envoy: RunningEnvoy,
    servers: BTreeMap<String, UpstreamServer>,
}

impl Mesh {
    async fn start(binaries: &Binaries) -> Self {
        let tree = load_tree(&workspace().join(demo::FILE)).unwrap_or_else(|e| panic!("{e}"));
        let clusters = Bootstrap::from_node(&tree).unwrap_or_else(|e| panic!("{e}")).clusters;
        let mut servers = BTreeMap::new();
        for cluster in clusters {
            let server = UpstreamServer::start(Script::default()).await.expect("a free port");
            servers.insert(cluster.name, server);
        }
        let endpoint =
            |(name, server): (&String, &UpstreamServer)| (name.clone(), vec![server.address()]);
        let price = json!({
            "model": LARGE.0, "input": PRICE.input, "output": PRICE.output,
            "cached_input": PRICE.cached_input,
        });
        let settings = json!({
            "token_metrics": {"prices": [price]},
            // What is sent once is to be counted once, whatever comes of it.
            "retry_breaker": null,
            "limits": {"stall_after": format!("{}ms", STALL_AFTER.as_millis())},
        });
        let rewrite = Rewrite {
            listeners: vec![([127, 0, 0, 1], 0).into()],
            endpoints: servers.iter().map(endpoint).collect(),
            modules: [("llm_mesh.wasm".to_owned(), binaries.module.clone())].into(),
            patches: vec![("llm-mesh".to_owned(), settings)],
            ..Rewrite::default()
        };
        let bootstrap = rewrite.apply(&tree).and_then(|tree| tree.to_json());
        let bootstrap = bootstrap.unwrap_or_else(|error| panic!("{error}"));
        let options = EnvoyOptions::default();
        let envoy = RunningEnvoy::start(&binaries.envoy, &bootstrap, &options).await;
        Self { envoy: envoy.unwrap_or_else(|error| panic!("{error}")), servers }
    }

    /// Sends every request of the ledger, one after another.
    async fn send_all(&self) {
        let address = *self.envoy.listeners().values().next().expect("a listener");
        for Exchange { name, pool, request, reply, .. } in exchanges() {
            if let Some(pool) = pool {
                self.servers[pool].set_script(Script::of(vec![reply]));
            }
            let seen = self.received();
            let outcome = exchange(address, request).await;
            assert_ne!(outcome.ending, Ending::NotConnected, "{name}");
            let reached = self.received() - seen;
            assert_eq!(reached, usize::from(pool.is_some()), "{name}: {outcome:?}");
        }
    }

    fn received(&self) -> usize {
        self.servers.values().map(|server| server.received().len()).sum()
    }

    /// A Prometheus with the users' configuration, in a hurry.
    async fn scraped_by(&self, binary: &Path) -> RunningPrometheus {
        let file = workspace().join(CONFIGURATION);
        let documents = yaml::read_file(&file).unwrap_or_else(|error| panic!("{error}"));
        let mut configuration = documents[0].to_json().unwrap_or_else(|error| panic!("{error}"));
        for interval in ["scrape_interval", "evaluation_interval"] {
            configuration["global"][interval] = json!("1s");
        }
        for rules in configuration["rule_files"].as_array_mut().expect("rules") {
            let path = file.with_file_name(rules.as_str().expect("a name"));
            *rules = json!(path.display().to_string());
        }
        let targets = "/scrape_configs/0/static_configs/0/targets/0";
        let target = configuration.pointer_mut(targets).expect("a target");
        *target = json!(self.envoy.admin().to_string());
        let started = RunningPrometheus::start(binary, &configuration.to_string()).await;
        started.unwrap_or_else(|error| panic!("{error}"))
    }
}

async fn no_query_of_dashboard_and_documents_is_empty(prometheus: &RunningPrometheus) {
    let mut queries = dashboard::queries(&dashboard::json(), ".*", "5m");
    // This mesh has no rollout.
    queries.retain(|query| query.row != "Rollouts");
    assert!(queries.len() > 30, "{}", queries.len());
    let named = |q: Query| (format!("{} / {}", q.row, q.panel), q.expression);
    let shown = dashboard::shown_in(Path::new("manifests/README.md")).into_iter();
    let shown = shown.map(|query| ("manifests/README.md".to_owned(), query));
    have_numbers(prometheus, queries.into_iter().map(named).chain(shown).collect()).await;
}

async fn every_rule_has_a_value(prometheus: &RunningPrometheus) {
    let rules = prometheus.get("/api/v1/rules").await.unwrap_or_else(|error| panic!("{error}"));
    let rules: Value = serde_json::from_str(&rules).expect("JSON");
    let groups = rules["data"]["groups"].as_array().expect("groups").iter();
    let rules: Vec<&Value> =
        groups.flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    assert!(rules.len() > 60, "{}", rules.len());
    let mut recorded = Vec::new();
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
        let name = rule["name"].as_str().expect("a name").to_owned();
        if rule["type"] == "recording" && !name.starts_with("rollout:") {
            let le = rule["labels"]["le"].as_str();
            let labels = le.map(|le| format!("{{le=\"{le}\"}}")).unwrap_or_default();
            recorded.push((name.clone(), name + &labels));
        }
    }
    have_numbers(prometheus, recorded).await;
}

/// What was sent and reported, to the last token.
async fn counters_are_those_of_the_ledger(prometheus: &RunningPrometheus) {
    let all = exchanges();
    for outcome in
        ["complete", "failed", "aborted", "stalled", "truncated", "error_event", "refused"]
    {
        let sent = all.iter().filter(|exchange| exchange.outcome == outcome).count();
        let query = format!("sum(llm_usage_requests_total{{outcome=\"{outcome}\"}})");
        comes_to(prometheus, &query, 2.0 * sent as f64).await;
    }
    // A pool's errors begin at zero, so that a service without any has a rate: for streams and for JSON.
    let never = format!(
        "count(llm_usage_requests_total{{pool=\"{}\", outcome=\"refused\"}} == 0)",
        SMALL.1
    );
    comes_to(prometheus, &never, 2.0).await;
    let usages: Vec<_> = all.iter().filter_map(|exchange| exchange.usage).collect();
    let reported = |of: fn(&host_sim::upstream::Usage) -> u64| usages.iter().map(of).sum::<u64>();
    for (kind, tokens) in [
        ("input", reported(|usage| usage.prompt)),
        ("output", reported(|usage| usage.completion)),
        ("cached_input", reported(|usage| usage.cached)),
        ("reasoning", reported(|usage| usage.reasoning)),
    ] {
        let labels = format!("model=\"{}\", pool=\"{}\", type=\"{kind}\"", LARGE.0, LARGE.1);
        let query = format!("sum(llm_usage_tokens_total{{{labels}, source=\"reported\"}})");
        comes_to(prometheus, &query, 2.0 * tokens as f64).await;
    }
    let micros: u64 = all.iter().map(Exchange::micros).sum();
    comes_to(prometheus, "sum(llm_usage_cost_micros_total)", 2.0 * micros as f64).await;
}

/// The first query of a panel, for one model.
fn panel(model: &str, title: &str) -> String {
    let queries = dashboard::queries(&dashboard::json(), model, "5m");
    let query = queries.into_iter().find(|query| query.panel == title);
    query.unwrap_or_else(|| panic!("no panel {title}")).expression
}

async fn each_row_has_a_figure_of_the_ledger(prometheus: &RunningPrometheus) {
    let all = exchanges();
    let large: Vec<&Exchange> = all.iter().filter(|exchange| exchange.is_large()).collect();
    let requests = large.len() as f64;
    let failed = large.iter().filter(|exchange| exchange.outcome == "failed").count() as f64;
    let usages = || large.iter().filter_map(|exchange| exchange.usage);
    let (cached, input) = usages().fold((0, 0), |(c, i), u| (c + u.cached, i + u.prompt));
    let micros: u64 = large.iter().map(|exchange| exchange.micros()).sum();

    let traffic = panel(LARGE.0, "Error rate, 5 minutes");
    comes_to(prometheus, &traffic, failed / requests).await;
    let tokens = panel(LARGE.0, "Cached input");
    comes_to(prometheus, &tokens, cached as f64 / input as f64).await;
    // Of four streams of the small model whose client stayed, the one with tools ended well.
    let streams = panel(SMALL.0, "Streams that ended well");
    comes_to(prometheus, &streams, 0.25).await;
    let cost = panel(LARGE.0, "Cost of a thousand requests");
    comes_to(prometheus, &cost, 1000.0 * micros as f64 / 1e6 / requests).await;
    // The panel's first line is the median, out of the bucket that the scripted time falls into.
    let latency = format!("{} > 250 <= bool 500", panel(LARGE.0, "Time to the first token"));
    comes_to(prometheus, &latency, 1.0).await;
}

async fn rules_say_the_same_as_the_dashboard(prometheus: &RunningPrometheus) {
    let rule = format!("pool:llm_usage_failed_requests:ratio_rate5m{{pool=\"{}\"}}", LARGE.1);
    let error_rate = format!("{rule} - on () ({})", panel(LARGE.0, "Error rate, 5 minutes"));
    comes_to(prometheus, &error_rate, 0.0).await;
    let median = |metric: &str| format!("histogram_quantile(0.5, sum by (le) ({metric}_bucket))");
    let (theirs, ours) = (
        median("gen_ai_server_time_to_first_token_seconds"),
        median("llm_usage_time_to_first_token_milliseconds"),
    );
    comes_to(prometheus, &format!("{theirs} / {ours}"), 0.001).await;
    let theirs = "sum(gen_ai_client_token_usage_count{gen_ai_token_type=\"output\"})";
    let ours = "sum(llm_usage_request_tokens_count{type=\"output\"})";
    comes_to(prometheus, &format!("{theirs} / {ours}"), 1.0).await;
}
