//! Thousands of drawn requests, and what the servers know of each: the sums of the metrics are the servers' own.
//!
//! A ledger is drawn together with the scripts of the servers, and becomes the expectations of one long
//! scenario with four workers and two new configurations on the way. What was reported has to be equal to
//! the token; what was cut short lies between what a client got and what a server wrote, which in virtual
//! time are the same; what was estimated is right in the number of requests.
//!
//! `LLM_MESH_LEDGER=100000 cargo test --release -p tests --test ledger` plays so many.

use std::fmt::Write as _;

use host_sim::parts::{Part, Without};
use host_sim::scenario::run::{Choice, Options, run};
use host_sim::scenario::verdict::Mark;
use host_sim::scenario::workbench::{Module, Workbench};

/// A request of a scenario is one step or a round of one; so many make one scenario.
const ROUND: usize = 5_000;

/// A small generator of numbers (Lehmer's, of Park and Miller), the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 % end
    }
}

/// What the servers know.
#[derive(Default)]
struct Ledger {
    reported: [u64; 4],
    complete: [u64; 2],
    estimated_requests: u64,
    cut: [u64; 2],
    aborted: u64,
    truncated: u64,
    errors: u64,
    failed: u64,
}

/// One step, and the replies that it uses up.
struct Drawn {
    steps: String,
    replies: String,
}

const APIS: [(&str, &str); 4] = [
    ("/v1/chat/completions", "chat"),
    ("/v1/completions", "completion"),
    ("/v1/messages", "messages"),
    ("/v1/responses", "responses"),
];

/// A server that says all that it has to say, to `times` clients at once.
fn whole(draw: &mut Draw, times: u64, ledger: &mut Ledger) -> Drawn {
    let (path, body) = APIS[usize::try_from(draw.below(4)).unwrap()];
    let streams = draw.below(3) > 0;
    let reports = draw.below(5) > 0;
    let (prompt, completion) = (1 + draw.below(5_000), 1 + draw.below(300));
    let (cached, reasoning) = (draw.below(prompt), draw.below(completion));
    let cut = match draw.below(3) {
        0 => format!(", frame_bytes: {}", 1 + draw.below(700)),
        _ => String::new(),
    };
    ledger.complete[usize::from(streams)] += times;
    if reports {
        for (sum, count) in ledger.reported.iter_mut().zip([prompt, completion, cached, reasoning])
        {
            *sum += count * times;
        }
    } else {
        ledger.estimated_requests += times;
    }
    let has_reasoning = if path == "/v1/completions" { "" } else { ", reasoning: let me think" };
    let replies = format!(
        "    - {{times: {times}, text: one two three four, reports_usage: {reports}{has_reasoning}, usage: {{prompt: {prompt}, completion: {completion}, cached: {cached}, reasoning: {reasoning}}}{cut}}}\n"
    );
    // Anthropic has no word for tokens of reasoning.
    if reports && body == "messages" {
        ledger.reported[3] -= reasoning * times;
    }
    let steps = format!(
        "  - concurrent: {times}\n    request: {{post: {path}, body: {{{body}: {{model: llama-8b, stream: {streams}}}}}}}\n"
    );
    Drawn { steps, replies }
}

/// A stream that is not told to its end: the server breaks off, or the client has had enough.
fn cut(draw: &mut Draw, times: u64, ledger: &mut Ledger) -> Drawn {
    let tokens = 1 + draw.below(5);
    let (script, client) = match draw.below(5) {
        0 => {
            ledger.truncated += times;
            (format!("fault: truncate, after_tokens: {tokens}"), String::new())
        }
        1 => {
            ledger.truncated += times;
            (format!("fault: reset, after_tokens: {tokens}"), String::new())
        }
        2 => {
            ledger.errors += times;
            (format!("fault: error_event, after_tokens: {tokens}"), String::new())
        }
        3 => {
            ledger.failed += times;
            ("status: 503".to_owned(), String::new())
        }
        _ => {
            ledger.aborted += times;
            let after = (tokens - 1) * 100 + 50;
            ("between_tokens: 100ms".to_owned(), format!(", reset_after: {after}ms"))
        }
    };
    if script != "status: 503" {
        ledger.cut[0] += tokens * times;
        // The client's last piece may have been on its way.
        ledger.cut[1] += (tokens + u64::from(!client.is_empty())) * times;
    }
    let ended = match script.as_str() {
        _ if !client.is_empty() => "client_reset",
        fault if fault.starts_with("fault: reset") => "reset",
        _ => "complete",
    };
    let http = if draw.below(2) == 0 { "1.1" } else { "2" };
    let steps = format!(
        "  - concurrent: {times}\n    request: {{post: /v1/chat/completions, http: {http}, body: '{{\"model\":\"llama-70b\",\"stream\":true,\"messages\":[]}}'{client}}}\n    expect: {{ended: {ended}}}\n"
    );
    let replies =
        format!("    - {{times: {times}, text: one two three four five six seven, {script}}}\n");
    Drawn { steps, replies }
}

/// A scenario of about so many requests.
fn scenario(seed: u64, requests: usize) -> String {
    let (mut draw, mut ledger) = (Draw(seed), Ledger::default());
    let (mut steps, mut small, mut large) = (String::new(), String::new(), String::new());
    let (mut sent, mut updates) = (0, 0);
    while sent < requests {
        let times = 1 + draw.below(40);
        sent += usize::try_from(times).unwrap();
        if draw.below(4) > 0 {
            let drawn = whole(&mut draw, times, &mut ledger);
            steps += &drawn.steps;
            small += &drawn.replies;
        } else {
            let drawn = cut(&mut draw, times, &mut ledger);
            steps += &drawn.steps;
            large += &drawn.replies;
        }
        if sent > requests * (updates + 1) / 3 && updates < 2 {
            updates += 1;
            let _ = writeln!(
                steps,
                "  - update: {{plugin: llm-mesh, config: {{token_metrics: {{log: false, prices: [{{model: llama-8b, input: {updates}, output: 1}}]}}}}}}"
            );
        }
    }
    format!(
        "# The sums of the metrics are the servers' own.\nenvoy: manifests/envoy/token-router-knob.yaml\nconfig: {{token_metrics: {{}}, tokens: {{calibrate: false}}}}\nworkers: 4\nseed: {seed}\nupstreams:\n  gpu-small:\n{small}  gpu-large:\n{large}steps:\n{steps}{}",
        expectations(&ledger)
    )
}

fn expectations(ledger: &Ledger) -> String {
    let small = "model=\"llama-8b\",pool=\"gpu-small\"";
    let large = "model=\"llama-70b\",pool=\"gpu-large\"";
    let mut text = "finally:\n  metrics:\n".to_owned();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "    '{name}': {value}");
    };
    for (kind, sum) in ["input", "output", "cached_input", "reasoning"].iter().zip(ledger.reported)
    {
        let labels = format!("{small},source=\"reported\",type=\"{kind}\"");
        line(&format!("llm_usage_tokens_total{{{labels}}}"), sum.to_string());
    }
    for (kind, count) in ["json", "stream"].iter().zip(ledger.complete) {
        let labels = format!("{small},outcome=\"complete\",type=\"{kind}\"");
        line(&format!("llm_usage_requests_total{{{labels}}}"), count.to_string());
    }
    let uncounted = format!("llm_usage_uncounted_total{{{small},reason=\"no_usage\"}}");
    line(&uncounted, ledger.estimated_requests.to_string());
    let cut = format!("llm_usage_tokens_total{{{large},source=\"aborted\",type=\"output\"}}");
    line(&cut, format!("{{at_least: {}, at_most: {}}}", ledger.cut[0], ledger.cut[1]));
    let ends = [
        ("aborted", "stream", ledger.aborted),
        ("truncated", "stream", ledger.truncated),
        ("error_event", "stream", ledger.errors),
        ("failed", "other", ledger.failed),
    ];
    for (end, kind, count) in ends {
        let labels = format!("{large},outcome=\"{end}\",type=\"{kind}\"");
        line(&format!("llm_usage_requests_total{{{labels}}}"), count.to_string());
    }
    text
}

fn play(text: &str, name: &str, hosts: Choice, without: Without) {
    let bench = Workbench::here(without).unwrap_or_else(|error| panic!("{error}"));
    bench.module(Module::Filters).unwrap_or_else(|error| panic!("{error}"));
    let folder = tests::workspace().join("target/ledger");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.yaml"));
    std::fs::write(&file, text).unwrap();
    let verdict = run(&file, &Options { hosts, ..Options::default() }, &bench);
    assert!(verdict.mark() == Mark::Passed, "{}", verdict.lines().join("\n"));
}

#[test]
fn the_sums_are_the_servers_own() {
    let wanted = std::env::var("LLM_MESH_LEDGER").ok().map(|n| n.parse().expect("a number"));
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    for round in 0..wanted.unwrap_or(ROUND).div_ceil(ROUND) {
        let seed = 1 + round as u64;
        play(&scenario(seed, ROUND), &format!("sim-{seed}"), Choice::Sim, without.clone());
    }
}

#[test]
fn they_are_on_a_real_envoy_too() {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if !without.leaves_out(Part::Envoy) {
        play(&scenario(7, 400), "envoy-7", Choice::Envoy, without);
    }
}
