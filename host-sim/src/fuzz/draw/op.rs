//! Single hostcalls of a guest.

use serde_json::{Value, json};

use super::{Draw, of, percent};
use crate::fuzz::case::PLUGINS;

/// Clusters that plugins call, and the timeouts: one is over before the answer, silence needs one.
const CALLED: [(&str, u32); 9] = [
    ("callout", 2_000),
    ("callout", 35),
    ("callout-503", 2_000),
    ("callout-reset", 2_000),
    ("callout-cut", 2_000),
    ("callout-silent", 225),
    ("callout-h2", 2_000),
    ("callout-h2-reset", 2_000),
    ("down", 2_000),
];

const GRPC: [(&str, u32); 4] =
    [("grpc", 2_000), ("grpc", 45), ("grpc-fails", 2_000), ("grpc-silent", 205)];

impl Draw {
    pub(super) fn op(&mut self, side: u32, on: &str) -> Value {
        let drawn = self.rng.u32(0..100);
        match drawn {
            0..=2 if !self.has_replied && side < 2 => {
                self.has_replied = true;
                let body = *of(&mut self.rng, &["", "refused"]);
                json!({"reply": [403, body, [["x-reply", "1"]]]})
            }
            3 if side < 2 => json!({"close": side}),
            4..=32 => self.map_op(side, on),
            33..=72 if on.ends_with("_body") || on.ends_with("_trailers") => self.body_op(side),
            33..=40 => self.body_op(side.min(1)),
            73..=76 if side < 2 => self.call(Vec::new()),
            77 if side < 2 => self.grpc(Vec::new()),
            78..=81 => self.shared(),
            _ => self.other_op(side, on),
        }
    }

    /// A request of the plugin's own; with the answer it reads, and does the rest.
    pub(super) fn call(&mut self, rest: Vec<Value>) -> Value {
        let (cluster, timeout) = *of(&mut self.rng, &CALLED);
        let body = *of(&mut self.rng, &["", "question"]);
        let mut ops = vec![match self.rng.u32(0..5) {
            0 => json!({"get": [6, ":status"]}),
            1 => json!({"pairs": 6}),
            2 => json!({"read": [4, 0, 100]}),
            3 => json!({"get": [7, "x-t"]}),
            _ => json!({"length": 4}),
        }];
        ops.extend(rest);
        json!({"call": [cluster, timeout + self.apart(), body, ops]})
    }

    pub(super) fn grpc(&mut self, rest: Vec<Value>) -> Value {
        let (cluster, timeout) = *of(&mut self.rng, &GRPC);
        let mut ops = vec![match self.rng.bool() {
            true => json!({"read": [5, 0, 100]}),
            false => json!({"length": 5}),
        }];
        ops.extend(rest);
        json!({"grpc": [cluster, timeout + self.apart(), "asked", ops]})
    }

    /// Two deadlines of one instant are a tie: each plugin has its own.
    fn apart(&self) -> u32 {
        let place = PLUGINS.iter().position(|plugin| *plugin == self.plugin);
        5 * u32::try_from(place.unwrap_or(0)).unwrap_or(0)
    }

    /// Plugins of one VM id see each other's values; the numbers count for the whole VM id.
    fn shared(&mut self) -> Value {
        let key = *of(&mut self.rng, &["k", "k", "l"]);
        match self.rng.u32(0..3) {
            0 => json!({"shared": key}),
            1 => json!({"share": [key, "one", 0]}),
            // No value has such a number.
            _ => json!({"share": [key, "two", 4_000_000_000_u32]}),
        }
    }

    fn map_op(&mut self, side: u32, on: &str) -> Value {
        let own = match on {
            _ if on.ends_with("_trailers") => side * 2 + 1,
            "log" | "done" => self.rng.u32(0..4),
            _ => side * 2,
        };
        let map = if percent(&mut self.rng, 70) { own } else { self.rng.u32(0..8) };
        let name = *of(&mut self.rng, &["x-m", "x-m", "x-n", "x-t", "X-Upper", "user-agent"]);
        let value = *of(&mut self.rng, &["set", "", "a, b", "two words"]);
        match self.rng.u32(0..11) {
            0 | 1 => json!({"set": [map, name, value]}),
            2 | 3 => json!({"add": [map, name, value]}),
            4 => json!({"remove": [map, name]}),
            5 | 6 => json!({"get": [map, name]}),
            7 => json!({"size": map}),
            8 => json!({"set_pairs": [map, [["x-p", "1"], ["x-p", "2"]]]}),
            9 => json!({"set_pairs": [map, [["x-m", value], ["X-Q", "1"]]]}),
            _ => json!({"pairs": map}),
        }
    }

    fn body_op(&mut self, side: u32) -> Value {
        let buffer = if percent(&mut self.rng, 90) { side } else { self.rng.u32(0..8) };
        let drawn = self.rng.u32(0..14);
        match drawn {
            0 | 1 => json!({"read": [buffer, 0, 100]}),
            2 => json!({"read": [buffer, 1, 2]}),
            3 => json!({"length": buffer}),
            4 => json!({"read": [buffer, 3, 9999]}),
            5 => json!({"write": [buffer, 0, 9999, "all"]}),
            6 => json!({"write": [buffer, 0, 9999, ""]}),
            7 => json!({"write": [buffer, 9999, 0, ">"]}),
            8 if self.small && buffer == side => json!({"fill": [buffer, 9999, 0, 20_000]}),
            _ => {
                let start = *of(&mut self.rng, &[0, 0, 0, 1, 2, 3, 5, 9999]);
                let length = *of(&mut self.rng, &[0, 1, 2, 3, 9999]);
                let text = *of(&mut self.rng, &["", "R", "no", "longer than it was"]);
                json!({"write": [buffer, start, length, text]})
            }
        }
    }

    fn other_op(&mut self, side: u32, on: &str) -> Value {
        const PROPERTIES: [&[&str]; 11] = [
            &["request", "path"],
            &["request", "total_size"],
            &["request", "headers", "x-m"],
            &["response", "code"],
            &["response", "code_details"],
            &["response", "flags"],
            &["upstream", "cluster_name"],
            &["plugin_name"],
            &["plugin_root_id"],
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
}
