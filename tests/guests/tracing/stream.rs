//! What the guest remembers of its streams, and how a callback finds its rule.
//!
//! One line of the log tells of one callback: `@7 a request_body(5,0) length(0)=0,5 -> 1` is the stream with
//! number 7, the plugin `a`, and what came of the callback. Contexts have other numbers on other hosts;
//! the number of the stream comes from a header that the test's client sends.

use std::{
    cell::RefCell,
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher,
};

use crate::{
    act, host,
    plan::{Config, Op, Rule, When},
};

/// Tells the test's requests apart.
const NUMBER: &str = "x-scenario-exchange";
const REQUEST_HEADERS: u32 = 0;

/// A plugin in this VM.
struct Root {
    config: Config,
    queue: u32,
    /// Streams that wait for a tick, and how many ticks are still to come.
    ticks: Vec<(u32, u32)>,
    /// Streams whose calls are under way, by token.
    calls: BTreeMap<u32, u32>,
}

/// A stream in one plugin.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) root: u32,
    pub(crate) context: u32,
    pub(crate) call: String,
    pub(crate) waiting: Vec<(When, Vec<Op>)>,
    /// The last gRPC call.
    pub(crate) grpc: Option<u32>,
    pub(crate) number: String,
    name: String,
    rules: Vec<Rule>,
    rules_header: Option<String>,
    seen: BTreeMap<String, u32>,
}

thread_local! {
    static ROOTS: RefCell<BTreeMap<u32, Root>> = const { RefCell::new(BTreeMap::new()) };
    static STREAMS: RefCell<BTreeMap<u32, Stream>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn configure(root: u32, size: u32) -> bool {
    const CONFIGURATION: u32 = 7;
    let (_, bytes) = host::buffer(CONFIGURATION, 0, size);
    let config: Config = match serde_json::from_slice(&bytes) {
        Ok(config) => config,
        Err(error) => {
            host::log(&format!("tracing guest: configuration: {error}"));
            return false;
        }
    };
    // Whoever registers a name last gets its messages, in the whole process.
    let queue = host::register_queue(&format!("{:x}", RandomState::new().hash_one(root)));
    let root_of = Root { config, queue, ticks: Vec::new(), calls: BTreeMap::new() };
    ROOTS.with_borrow_mut(|roots| roots.insert(root, root_of));
    true
}

pub(crate) fn create(context: u32, parent: u32) {
    let config = ROOTS.with_borrow(|roots| roots.get(&parent).map(|root| root.config.clone()));
    let Some(config) = config else { return };
    let stream = Stream {
        root: parent,
        context,
        call: config.call,
        waiting: Vec::new(),
        grpc: None,
        number: "?".to_owned(),
        name: config.name,
        rules: config.rules,
        rules_header: config.rules_header,
        seen: BTreeMap::new(),
    };
    STREAMS.with_borrow_mut(|streams| streams.insert(context, stream));
}

impl Stream {
    fn begin(&mut self) {
        let text = |name: &str| {
            let (status, value) = host::header(REQUEST_HEADERS, name);
            (status == 0).then(|| String::from_utf8_lossy(&value).into_owned())
        };
        self.number = text(NUMBER).unwrap_or_else(|| "?".to_owned());
        if let Some(rules) = self.rules_header.as_deref().and_then(text) {
            match serde_json::from_str(&rules) {
                Ok(rules) => self.rules = rules,
                Err(error) => host::log(&format!("tracing guest: rules: {error}")),
            }
        }
    }

    /// A key that no other stream of the test has.
    pub(crate) fn own(&self, key: &str) -> String {
        format!("{}/{key}", self.number)
    }

    /// What must stay in a map for the test to work: the stream's number, and what the other plugins
    /// are told.
    pub(crate) fn needed(&self, map: u32) -> Vec<(String, String)> {
        let keep = |name: &str| {
            let (status, value) = host::header(map, name);
            let value = String::from_utf8_lossy(&value).into_owned();
            (status == 0).then(|| (name.to_owned(), value))
        };
        let kept = [NUMBER, ":method", ":path", ":authority", ":scheme", ":status", "x-server"];
        let rules = ["x-rules-a", "x-rules-b", "x-rules-c", "x-rules-u"];
        kept.into_iter().chain(rules).filter_map(keep).collect()
    }
}

/// Takes the stream out while it acts: the allocator is the only part of the guest that a hostcall enters.
fn with<T>(context: u32, act: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    let mut stream = STREAMS.with_borrow_mut(|streams| streams.remove(&context))?;
    let result = act(&mut stream);
    STREAMS.with_borrow_mut(|streams| streams.insert(context, stream));
    Some(result)
}

/// A callback of a stream: its rule is obeyed, its line written; gives the action.
pub(crate) fn callback(context: u32, name: &str, arguments: &str) -> u32 {
    with(context, |stream| {
        if name == "request_headers" {
            stream.begin();
        }
        let nth = stream.seen.entry(name.to_owned()).or_default();
        *nth += 1;
        let nth = *nth;
        let fits = |rule: &&Rule| rule.on == name && rule.nth.is_none_or(|only| only == nth);
        let rule = stream.rules.iter().find(fits).cloned();
        let mut line = format!("@{} {} {name}({arguments})", stream.number, stream.name);
        let mut action = 0;
        if let Some(rule) = rule {
            act::act(stream, &rule.ops, &mut line);
            action = rule.action.unwrap_or(0);
        }
        host::log(&format!("{line} -> {action}"));
        action
    })
    .unwrap_or(0)
}

pub(crate) fn log(context: u32) {
    callback(context, "log", "");
}

pub(crate) fn done(context: u32) -> u32 {
    callback(context, "done", "");
    1
}

pub(crate) fn delete(context: u32) {
    if ROOTS.with_borrow_mut(|roots| roots.remove(&context)).is_some() {
        return;
    }
    callback(context, "delete", "");
    let stream = STREAMS.with_borrow_mut(|streams| streams.remove(&context));
    let Some(root) = stream.map(|stream| stream.root) else { return };
    with_root(root, |root| root.ticks.retain(|(waiting, _)| *waiting != context));
}

fn with_root<T>(root: u32, act: impl FnOnce(&mut Root) -> T) -> Option<T> {
    ROOTS.with_borrow_mut(|roots| roots.get_mut(&root).map(act))
}

pub(crate) fn send_to_own_queue(stream: &Stream) -> u32 {
    let queue = with_root(stream.root, |root| root.queue).unwrap_or(0);
    host::enqueue(queue, &stream.context.to_le_bytes())
}

pub(crate) fn expect_answer(stream: &Stream, token: u32) {
    with_root(stream.root, |root| root.calls.insert(token, stream.context));
}

/// The second tick from now: the first may be due at once, because another stream asked for it.
pub(crate) fn wait_for_tick(stream: &Stream) -> u32 {
    let (context, own) = (stream.context, stream.root);
    let (first, period) = with_root(own, |root| {
        root.ticks.push((context, 2));
        (root.ticks.len() == 1, root.config.tick_ms)
    })
    .unwrap_or((false, 0));
    if first { as_context(own, context, || host::set_tick_period(period)) } else { 0 }
}

/// Does something in another context and comes back.
fn as_context<T>(context: u32, back: u32, act: impl FnOnce() -> T) -> T {
    host::set_effective_context(context);
    let result = act();
    host::set_effective_context(back);
    result
}

pub(crate) fn tick(root: u32) {
    let (due, none_left) = with_root(root, |root| {
        root.ticks.iter_mut().for_each(|(_, left)| *left -= 1);
        let due = root.ticks.iter().filter(|(_, left)| *left == 0);
        let due: Vec<u32> = due.map(|(context, _)| *context).collect();
        root.ticks.retain(|(_, left)| *left > 0);
        (due, root.ticks.is_empty())
    })
    .unwrap_or_default();
    if none_left {
        host::set_tick_period(0);
    }
    for context in due {
        event(root, context, When::Tick, "");
    }
}

pub(crate) fn queue_ready(root: u32, token: u32) {
    while let (0, message) = host::dequeue(token) {
        if let Ok(context) = message.as_slice().try_into() {
            event(root, u32::from_le_bytes(context), When::Queue, "");
        }
    }
}

pub(crate) fn answered(root: u32, token: u32, arguments: &str) {
    let context = with_root(root, |root| root.calls.remove(&token)).flatten();
    if let Some(context) = context {
        event(root, context, When::Call, arguments);
    }
}

pub(crate) fn called(root: u32, token: u32, arguments: &str) {
    let context = with_root(root, |root| root.calls.remove(&token)).flatten();
    if let Some(context) = context {
        event(root, context, When::Grpc, arguments);
    }
}

/// What a stream put off to this event.
fn event(root: u32, context: u32, when: When, arguments: &str) {
    with(context, |stream| {
        let Some(at) = stream.waiting.iter().position(|(waits, _)| *waits == when) else { return };
        let (_, ops) = stream.waiting.remove(at);
        let name = act::name(when);
        let mut line = format!("@{} {} {name}({arguments})", stream.number, stream.name);
        as_context(context, root, || act::act(stream, &ops, &mut line));
        host::log(&line);
    });
}
