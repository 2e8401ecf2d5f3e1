//! Draws cases: the same seed and index give the same case, whatever else was drawn.

mod op;

use fastrand::Rng;
use serde_json::{Value, json};

use super::case::{Case, GAP_MS, Rule};

/// Listeners and their chains, more often those that can do more.
const CHAINS: [(&str, &[&str]); 11] = [
    ("single", &["a"]),
    ("knob", &["a", "b"]),
    ("knob", &["a", "b"]),
    ("plain", &["a", "b"]),
    ("plain", &["a", "b"]),
    ("mixed", &["a", "b", "c"]),
    ("mixed", &["a", "b", "c"]),
    ("mixed", &["a", "b", "c"]),
    ("small", &["a", "b"]),
    ("tried", &["a", "u"]),
    ("tried", &["a", "u"]),
];

/// Chains with a VM of their own, by failure policy; every eighth case has one.
const OWN: [&str; 3] = ["own-reload", "own-closed", "own-open"];
const OWN_EVERY: u64 = 8;
/// Servers behind a plugin with a VM of its own, and how often a case has one.
const TRAPPED: [&str; 3] = ["trapped-reload", "trapped-closed", "trapped-open"];
const TRAPPED_EVERY: u64 = 24;

const SERVERS: [&str; 12] = [
    "server", "server", "http1", "http1", "pieces", "pieces", "trailers", "early", "empty",
    "reset", "cut", "large",
];
/// What `tried` tries again, or not.
const TRIED: [&str; 10] =
    ["tried", "tried", "tried1", "tried1", "spent", "broken", "reset", "down", "trailers", "cut"];

/// Side, callback, and how often a guest has a rule for it, in percent.
const CALLBACKS: [(u32, &str, u32); 8] = [
    (0, "request_headers", 55),
    (0, "request_body", 50),
    (0, "request_trailers", 40),
    (1, "response_headers", 45),
    (1, "response_body", 45),
    (1, "response_trailers", 40),
    (2, "log", 10),
    (2, "done", 5),
];

/// The case with this number.
pub(super) fn case(seed: u64, index: u64) -> Case {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index);
    let is_own = index % OWN_EVERY == OWN_EVERY - 3;
    let (mut listener, mut plugins) = *of(&mut rng, &CHAINS);
    if is_own {
        let policy = usize::try_from(index / OWN_EVERY % OWN.len() as u64).unwrap_or(0);
        listener = OWN.get(policy).copied().unwrap_or(listener);
        plugins = &["a", "b"];
    }
    let is_trapped = index % TRAPPED_EVERY == TRAPPED_EVERY - 6;
    if is_trapped {
        (listener, plugins) = ("tried", &["a", "u"]);
    }
    let http2 = percent(&mut rng, 60);
    let has_body = percent(&mut rng, 80);
    let small = listener == "small";
    let pieces = has_body.then(|| {
        let count = rng.usize(1..=3);
        let size = |rng: &mut Rng| if small && percent(rng, 30) { 9_000 } else { rng.usize(1..=9) };
        (0..count).map(|_| size(&mut rng)).collect::<Vec<usize>>()
    });
    let mut draw =
        Draw { plugin: "a", has_replied: false, announced: percent(&mut rng, 35), small, rng };
    let mut rules = Vec::new();
    for plugin in plugins {
        for (side, on, odds) in CALLBACKS {
            if percent(&mut draw.rng, odds) {
                rules.push(draw.rule(plugin, side, on));
            }
        }
        draw.allow_writes(plugin, &mut rules);
    }
    if is_own {
        draw.add_trap(&mut rules);
    }
    if is_trapped {
        let own = rules.iter().position(|rule| rule.plugin == "u").unwrap_or(rules.len());
        draw.add_trap(rules.get_mut(own..).unwrap_or_default());
    }
    let servers: &[&str] = if listener == "tried" { &TRIED } else { &SERVERS };
    let mut server = *of(&mut draw.rng, servers);
    if is_trapped {
        let policy = usize::try_from(index / TRAPPED_EVERY % TRAPPED.len() as u64).unwrap_or(0);
        server = TRAPPED.get(policy).copied().unwrap_or(server);
    }
    if server == "large" {
        // Where it is cut is the sockets' affair.
        rules.retain(|rule| rule.on != "response_body" || rule.ops.is_empty());
        rules.iter_mut().filter(|rule| rule.on == "response_body").for_each(|rule| rule.nth = None);
    }
    // Envoy waits up to a second before it closes the HTTP/1 connection of a response that was cut.
    let cuts = ["\"close", "\"reply", "\"trap"];
    let ends = |op: &Value| cuts.iter().any(|end| op.to_string().contains(end));
    let may_be_cut = ["reset", "cut", "large", "broken"].contains(&server)
        || rules.iter().any(|rule| rule.ops.iter().any(ends));
    let rng = &mut draw.rng;
    Case {
        index,
        listener,
        times: if percent(rng, if is_own || is_trapped { 70 } else { 10 }) {
            rng.u32(2..=3)
        } else {
            1
        },
        http2,
        separate_end: http2 && percent(rng, 30),
        trailers: http2 && has_body && percent(rng, 25),
        server,
        reset_ms: (percent(rng, 8) && (http2 || !may_be_cut)).then(|| rng.u64(0..4) * GAP_MS + 75),
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
    /// Whose rule is being drawn.
    plugin: &'static str,
    has_replied: bool,
    announced: bool,
    small: bool,
}

impl Draw {
    fn rule(&mut self, plugin: &'static str, side: u32, on: &'static str) -> Rule {
        self.plugin = plugin;
        let nth = match (on.ends_with("_body"), self.rng.u32(0..10)) {
            (true, 0..=3) => None,
            (true, 4..=7) => Some(1),
            (true, _) => Some(2),
            (false, _) => None,
        };
        let mut ops: Vec<Value> = (0..self.rng.usize(0..=2)).map(|_| self.op(side, on)).collect();
        let action = self.action(on);
        let holds = match on {
            "log" | "done" => false,
            _ if on.ends_with("_headers") => action != 0 && action != 2,
            _ => action != 0,
        };
        let mut nth = nth;
        if holds && percent(&mut self.rng, 85) {
            // Resumed once, it must pause once.
            nth = nth.or_else(|| on.ends_with("_body").then(|| self.rng.u32(1..=2)));
            ops.push(self.later(side, on));
        } else if holds && side < 2 && !on.ends_with("_headers") && percent(&mut self.rng, 30) {
            ops.push(json!({"resume": side}));
        }
        Rule { plugin, on, nth, ops, action }
    }

    /// A later event that lets the side go on.
    fn later(&mut self, side: u32, on: &str) -> Value {
        let mut later: Vec<Value> = Vec::new();
        if percent(&mut self.rng, 35) {
            later.push(self.op(side, on));
        }
        later.push(json!({"resume": side}));
        match self.rng.u32(0..10) {
            0..=3 => json!({"later": ["queue", later]}),
            4 | 5 => json!({"later": ["tick", later]}),
            6 => json!({"later": ["call", later]}),
            7 | 8 => self.call(later),
            _ => self.grpc(later),
        }
    }

    fn action(&mut self, on: &str) -> u32 {
        let drawn = self.rng.u32(0..100);
        let table: &[(u32, u32)] = match on {
            "log" | "done" => &[],
            _ if on.ends_with("_headers") => &[(20, 1), (24, 2), (34, 3), (44, 4), (48, 5)],
            "request_body" if self.announced => &[(24, 1), (36, 2)],
            _ if on.ends_with("_body") => &[(20, 1), (30, 2), (40, 3), (44, 4)],
            _ => &[(30, 1), (38, 2)],
        };
        table.iter().find(|(below, _)| drawn < *below).map_or(0, |(_, action)| *action)
    }

    /// A trap in a callback, or in an event that is waited for.
    fn add_trap(&mut self, rules: &mut [Rule]) {
        if rules.is_empty() || percent(&mut self.rng, 15) {
            return;
        }
        let at = self.rng.usize(0..rules.len());
        let Some(rule) = rules.get_mut(at) else { return };
        let inner = rule.ops.iter_mut().find_map(|op| {
            let deferred = op.as_object_mut()?.values_mut().next()?.as_array_mut()?;
            deferred.last_mut()?.as_array_mut().filter(|ops| ops.iter().any(Value::is_object))
        });
        match inner.filter(|_| percent(&mut self.rng, 50)) {
            Some(ops) => ops.insert(0, json!("trap")),
            None => rule.ops.push(json!("trap")),
        }
    }

    /// A plugin that changes bodies takes their announced length away.
    fn allow_writes(&mut self, plugin: &'static str, rules: &mut Vec<Rule>) {
        for (buffer, on) in [(0, "request_headers"), (1, "response_headers")] {
            if buffer == 0 && !self.announced {
                continue;
            }
            let is_write = |op: &Value| {
                let text = op.to_string();
                text.contains(&format!("\"write\":[{buffer},"))
                    || text.contains(&format!("\"fill\":[{buffer},"))
            };
            let drops = |rule: &Rule| buffer == 1 && rule.on == "response_body" && rule.action > 2;
            let changes = |rule: &Rule| drops(rule) || rule.ops.iter().any(is_write);
            if !rules.iter().any(|rule| rule.plugin == plugin && changes(rule)) {
                continue;
            }
            let remove = json!({"remove": [buffer * 2, "content-length"]});
            match rules.iter_mut().find(|rule| rule.plugin == plugin && rule.on == on) {
                Some(rule) => rule.ops.insert(0, remove),
                None => rules.push(Rule { plugin, on, nth: None, ops: vec![remove], action: 0 }),
            }
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

    #[test]
    fn only_a_chain_with_a_vm_of_its_own_traps_and_there_are_enough() {
        let of_a_batch: Vec<Case> = (400..600).map(|index| case(3, index)).collect();
        let traps = |case: &&Case| format!("{:?}", case.rules).contains("\"trap\"");
        assert!(of_a_batch.iter().filter(traps).all(Case::has_own_vm));
        assert!(of_a_batch.iter().filter(traps).count() > 15);
        for policy in OWN {
            let with_it = of_a_batch.iter().filter(|case| case.listener == policy);
            assert!(with_it.count() <= crate::fuzz::case::OWN_CHAINS, "{policy}");
        }
        for policy in TRAPPED {
            let with_it = of_a_batch.iter().filter(|case| case.server == policy);
            assert!((1..=crate::fuzz::case::TRAPPED_CLUSTERS).contains(&with_it.count()));
        }
    }
}
