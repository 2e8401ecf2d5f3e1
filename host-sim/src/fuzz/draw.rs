//! Draws cases: the same seed and index give the same case, whatever else was drawn.

use fastrand::Rng;
use serde_json::{Value, json};

use super::case::{Case, GAP_MS, Rule};

/// Listeners and their chains, more often those that can do more.
const CHAINS: [(&str, &[&str]); 9] = [
    ("single", &["a"]),
    ("knob", &["a", "b"]),
    ("knob", &["a", "b"]),
    ("plain", &["a", "b"]),
    ("plain", &["a", "b"]),
    ("mixed", &["a", "b", "c"]),
    ("mixed", &["a", "b", "c"]),
    ("mixed", &["a", "b", "c"]),
    ("small", &["a", "b"]),
];

const SERVERS: [&str; 12] = [
    "server", "server", "http1", "http1", "pieces", "pieces", "trailers", "early", "empty",
    "reset", "cut", "large",
];

/// Side, callback, and how often a guest has a rule for it, in percent.
const CALLBACKS: [(u32, &str, u32); 7] = [
    (0, "request_headers", 55),
    (0, "request_body", 50),
    (0, "request_trailers", 40),
    (1, "response_headers", 45),
    (1, "response_body", 45),
    (1, "response_trailers", 40),
    (2, "log", 10),
];

/// The case with this number.
pub(super) fn case(seed: u64, index: u64) -> Case {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index);
    let (listener, plugins) = *of(&mut rng, &CHAINS);
    let http2 = percent(&mut rng, 60);
    let has_body = percent(&mut rng, 80);
    let small = listener == "small";
    let pieces = has_body.then(|| {
        let count = rng.usize(1..=3);
        let size = |rng: &mut Rng| if small && percent(rng, 30) { 9_000 } else { rng.usize(1..=9) };
        (0..count).map(|_| size(&mut rng)).collect::<Vec<usize>>()
    });
    let mut draw = Draw { has_replied: false, announced: percent(&mut rng, 35), small, rng };
    let mut rules = Vec::new();
    for plugin in plugins {
        for (side, on, odds) in CALLBACKS {
            if percent(&mut draw.rng, odds) {
                rules.push(draw.rule(plugin, side, on));
            }
        }
        draw.allow_response_writes(plugin, &mut rules);
    }
    let server = *of(&mut draw.rng, &SERVERS);
    if server == "large" {
        // Where it is cut is the sockets' affair.
        rules.retain(|rule| rule.on != "response_body" || rule.ops.is_empty());
        rules.iter_mut().filter(|rule| rule.on == "response_body").for_each(|rule| rule.nth = None);
    }
    // Envoy waits up to a second before it closes the HTTP/1 connection of a response that was cut.
    let ends = |op: &Value| ["\"close", "\"reply"].iter().any(|end| op.to_string().contains(end));
    let may_be_cut = ["reset", "cut", "large"].contains(&server)
        || rules.iter().any(|rule| rule.ops.iter().any(ends));
    let rng = &mut draw.rng;
    Case {
        index,
        listener,
        http2,
        separate_end: http2 && percent(rng, 30),
        trailers: http2 && has_body && percent(rng, 25),
        server,
        reset_ms: (percent(rng, 8) && (http2 || !may_be_cut)).then(|| rng.u64(0..4) * GAP_MS + 77),
        announced: draw.announced,
        pieces,
        rules,
    }
}

fn percent(rng: &mut Rng, odds: u32) -> bool {
    rng.u32(0..100) < odds
}

fn of<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    let at = rng.usize(0..all.len());
    all.get(at).unwrap_or_else(|| of(rng, all))
}

struct Draw {
    rng: Rng,
    has_replied: bool,
    announced: bool,
    small: bool,
}

impl Draw {
    fn rule(&mut self, plugin: &'static str, side: u32, on: &'static str) -> Rule {
        let nth = match (on.ends_with("_body"), self.rng.u32(0..10)) {
            (true, 0..=3) => None,
            (true, 4..=7) => Some(1),
            (true, _) => Some(2),
            (false, _) => None,
        };
        let mut ops: Vec<Value> = (0..self.rng.usize(0..=2)).map(|_| self.op(side, on)).collect();
        let action = self.action(on);
        let holds = match on {
            "log" => false,
            _ if on.ends_with("_headers") => action != 0 && action != 2,
            _ => action != 0,
        };
        let mut nth = nth;
        if holds && percent(&mut self.rng, 85) {
            // Resumed once, it must pause once.
            nth = nth.or_else(|| on.ends_with("_body").then(|| self.rng.u32(1..=2)));
            let when = *of(&mut self.rng, &["queue", "queue", "tick", "call"]);
            let mut later: Vec<Value> = Vec::new();
            if percent(&mut self.rng, 35) {
                later.push(self.op(side, on));
            }
            later.push(json!({"resume": side}));
            ops.push(json!({"later": [when, later]}));
        } else if holds && side < 2 && !on.ends_with("_headers") && percent(&mut self.rng, 30) {
            ops.push(json!({"resume": side}));
        }
        Rule { plugin, on, nth, ops, action }
    }

    fn action(&mut self, on: &str) -> u32 {
        let drawn = self.rng.u32(0..100);
        let table: &[(u32, u32)] = match on {
            "log" => &[],
            _ if on.ends_with("_headers") => &[(20, 1), (24, 2), (34, 3), (44, 4), (48, 5)],
            "request_body" if self.announced => &[(24, 1), (36, 2)],
            _ if on.ends_with("_body") => &[(20, 1), (30, 2), (40, 3), (44, 4)],
            _ => &[(30, 1), (38, 2)],
        };
        table.iter().find(|(below, _)| drawn < *below).map_or(0, |(_, action)| *action)
    }

    fn op(&mut self, side: u32, on: &str) -> Value {
        let drawn = self.rng.u32(0..100);
        match drawn {
            0..=1 if !self.has_replied && side < 2 => {
                self.has_replied = true;
                let body = *of(&mut self.rng, &["", "refused"]);
                json!({"reply": [403, body, [["x-reply", "1"]]]})
            }
            2 if side < 2 => json!({"close": side}),
            3..=32 => self.map_op(side, on),
            33..=72 if on.ends_with("_body") || on.ends_with("_trailers") => self.body_op(side),
            33..=40 => self.body_op(side.min(1)),
            _ => self.other_op(side, on),
        }
    }

    fn map_op(&mut self, side: u32, on: &str) -> Value {
        let own = match on {
            _ if on.ends_with("_trailers") => side * 2 + 1,
            "log" => self.rng.u32(0..4),
            _ => side * 2,
        };
        let map = if percent(&mut self.rng, 70) { own } else { self.rng.u32(0..8) };
        let name = *of(&mut self.rng, &["x-m", "x-m", "x-n", "x-t", "X-Upper"]);
        match self.rng.u32(0..9) {
            0 | 1 => json!({"set": [map, name, "set"]}),
            2 => json!({"add": [map, name, "added"]}),
            3 => json!({"remove": [map, name]}),
            4 | 5 => json!({"get": [map, name]}),
            6 => json!({"size": map}),
            7 => json!({"set_pairs": [map, [["x-p", "1"], ["x-p", "2"]]]}),
            _ => json!({"pairs": map}),
        }
    }

    fn body_op(&mut self, side: u32) -> Value {
        let buffer = if percent(&mut self.rng, 90) { side } else { self.rng.u32(0..8) };
        let may_write = buffer != 0 || !self.announced;
        let drawn = self.rng.u32(0..12);
        match drawn {
            0 | 1 => json!({"read": [buffer, 0, 100]}),
            2 => json!({"read": [buffer, 1, 2]}),
            3 => json!({"length": buffer}),
            _ if !may_write => json!({"length": buffer}),
            4 => json!({"write": [buffer, 0, 0, "<"]}),
            5 => json!({"write": [buffer, 0, 1, "R"]}),
            6 => json!({"write": [buffer, 0, 9999, "all"]}),
            7 => json!({"write": [buffer, 0, 9999, ""]}),
            8 => json!({"write": [buffer, 9999, 0, ">"]}),
            9 => json!({"write": [buffer, 1, 1, "no"]}),
            10 if self.small && buffer == side => json!({"fill": [buffer, 9999, 0, 20_000]}),
            _ => json!({"read": [buffer, 3, 9999]}),
        }
    }

    fn other_op(&mut self, side: u32, on: &str) -> Value {
        const PROPERTIES: [&[&str]; 9] = [
            &["request", "path"],
            &["request", "total_size"],
            &["request", "headers", "x-m"],
            &["response", "code"],
            &["response", "code_details"],
            &["response", "flags"],
            &["plugin_name"],
            &["fuzzed"],
            &["xds", "cluster_name"],
        ];
        match self.rng.u32(0..12) {
            0..=4 => json!({"property": of(&mut self.rng, &PROPERTIES)}),
            5 | 6 => json!({"set_property": ["fuzzed", on]}),
            7 => json!({"effective": "unknown"}),
            8 => json!({"foreign": ["clear_route_cache", ""]}),
            9 if on == "request_headers" => json!({"set": [0, ":path", "/direct"]}),
            10 if on == "request_headers" => json!({"set": [0, "x-server", "http1"]}),
            9 if on == "response_headers" => json!({"set": [2, ":status", "299"]}),
            10 if on == "response_headers" => json!({"get": [2, ":status"]}),
            _ => json!({"get": [side.min(1) * 2, "x-scenario-exchange"]}),
        }
    }

    /// A plugin that changes response bodies takes their announced length away.
    fn allow_response_writes(&mut self, plugin: &'static str, rules: &mut Vec<Rule>) {
        let is_write = |op: &Value| {
            let text = op.to_string();
            text.contains("\"write\":[1,") || text.contains("\"fill\":[1,")
        };
        let drops = |rule: &Rule| rule.on == "response_body" && rule.action > 2;
        let changes = |rule: &Rule| drops(rule) || rule.ops.iter().any(is_write);
        if !rules.iter().any(|rule| rule.plugin == plugin && changes(rule)) {
            return;
        }
        let remove = json!({"remove": [2, "content-length"]});
        let of_headers = |rule: &&mut Rule| rule.plugin == plugin && rule.on == "response_headers";
        match rules.iter_mut().find(of_headers) {
            Some(rule) => rule.ops.insert(0, remove),
            None => rules.push(Rule {
                plugin,
                on: "response_headers",
                nth: None,
                ops: vec![remove],
                action: 0,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_depends_on_its_seed_and_number_alone() {
        assert_eq!(case(1, 7), case(1, 7));
        assert_ne!(case(1, 7), case(1, 8));
        assert_ne!(case(1, 7), case(2, 7));
    }

    #[test]
    fn no_case_answers_twice() {
        for index in 0..500 {
            let rules = format!("{:?}", case(3, index).rules);
            assert!(rules.matches("\"reply\"").count() < 2, "{rules}");
        }
    }
}
