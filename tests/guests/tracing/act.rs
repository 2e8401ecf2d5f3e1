//! Doing what a rule says, and writing down what the host answered.

use std::fmt::Write as _;

use crate::{
    host,
    plan::{Op, When, Who},
    stream::{self, Stream},
};

/// So much of a value is written down.
const SHOWN: usize = 40;
/// A call that is not answered ends after this time.
const CALL_TIMEOUT: u32 = 2_000;
/// Told to [`Op::Effective`]; no VM has so many contexts.
const UNKNOWN: u32 = 1_000_000;

/// Does `ops` for a stream and adds what came of them to `line`.
pub(crate) fn act(stream: &mut Stream, ops: &[Op], line: &mut String) {
    for op in ops {
        let done = one(stream, op, line);
        let _ = write!(line, " {done}");
    }
}

fn one(stream: &mut Stream, op: &Op, line: &str) -> String {
    match op {
        Op::Read(buffer, start, most) => {
            value(&format!("read({buffer},{start},{most})"), host::buffer(*buffer, *start, *most))
        }
        Op::Length(buffer) => number(&format!("length({buffer})"), host::buffer_length(*buffer)),
        Op::Write(buffer, start, length, text) => {
            let status = host::set_buffer(*buffer, *start, *length, text.as_bytes());
            format!("write({buffer},{start},{length})={status}")
        }
        Op::Fill(buffer, start, length, count) => {
            let status = host::set_buffer(*buffer, *start, *length, &vec![b'x'; *count]);
            format!("fill({buffer},{start},{length},{count})={status}")
        }
        Op::Resume(side) => format!("resume({side})={}", host::continue_stream(*side)),
        Op::Close(side) => format!("close({side})={}", host::close_stream(*side)),
        Op::Reply(status, body, headers) => {
            format!("reply({status})={}", host::local_response(*status, -1, body, headers))
        }
        Op::GrpcReply(status, grpc_status, body, headers) => {
            let done = host::local_response(*status, *grpc_status, body, headers);
            format!("grpc_reply({status},{grpc_status})={done}")
        }
        Op::Ask(cluster, headers, ops) => {
            let sent = host::http_call(cluster, headers, CALL_TIMEOUT, &[]);
            expect(stream, "ask", When::Call, sent, ops)
        }
        Op::Property(path) => {
            value(&format!("property({})", path.join(".")), host::property(&path.join("\0")))
        }
        Op::SetProperty(name, text) => {
            format!("set_property({name})={}", host::set_property(name, text))
        }
        Op::Effective(who) => {
            let (name, context) = match who {
                Who::Own => ("own", stream.context),
                Who::Root => ("root", stream.root),
                Who::Unknown => ("unknown", UNKNOWN),
            };
            format!("effective({name})={}", host::set_effective_context(context))
        }
        Op::Foreign(name, text) => value(&format!("foreign({name})"), host::foreign(name, text)),
        Op::Later(when, ops) => later(stream, *when, ops),
        Op::Call(cluster, timeout, body, ops) => {
            let headers = host::plain_call(&stream.number);
            let sent = host::http_call(cluster, &headers, *timeout, body.as_bytes());
            expect(stream, "call", When::Call, sent, ops)
        }
        Op::Grpc(cluster, timeout, message, ops) => {
            let sent = host::grpc_call(&stream.number, cluster, *timeout, message.as_bytes());
            stream.grpc = Some(sent.1);
            expect(stream, "grpc", When::Grpc, sent, ops)
        }
        Op::Cancel => match stream.grpc {
            Some(token) => format!("cancel()={}", host::grpc_cancel(token)),
            None => "cancel()".to_owned(),
        },
        Op::Shared(key) => {
            let (status, bytes, cas) = host::shared_data(&stream.own(key));
            value(&format!("shared({key})#{cas}"), (status, bytes))
        }
        Op::Share(key, text, cas) => {
            let status = host::set_shared_data(&stream.own(key), text.as_bytes(), *cas);
            format!("share({key},{cas})={status}")
        }
        Op::Trap => {
            host::log(&format!("{line} trap"));
            trap()
        }
        of_a_map => headers(stream, of_a_map),
    }
}

/// What a rule does to a map. Names are shown so that each stays in its line.
fn headers(stream: &Stream, op: &Op) -> String {
    match op {
        Op::Get(map, name) => value(&format!("get({map},{name})"), host::header(*map, name)),
        Op::Pairs(map) => {
            let (status, bytes) = host::pairs(*map);
            format!("pairs({map})={status}[{}]", names(&bytes).join(","))
        }
        Op::Size(map) => number(&format!("size({map})"), host::map_size(*map)),
        Op::Set(map, name, text) => {
            format!("set({map},{})={}", name.escape_debug(), host::replace_header(*map, name, text))
        }
        Op::Add(map, name, text) => {
            format!("add({map},{})={}", name.escape_debug(), host::add_header(*map, name, text))
        }
        Op::Remove(map, name) => {
            format!("remove({map},{})={}", name.escape_debug(), host::remove_header(*map, name))
        }
        Op::SetPairs(map, pairs) => {
            let pairs = [stream.needed(*map), pairs.clone()].concat();
            format!("set_pairs({map})={}", host::set_pairs(*map, &pairs))
        }
        _ => String::new(),
    }
}

fn later(stream: &mut Stream, when: When, ops: &[Op]) -> String {
    let status = match when {
        When::Queue => stream::send_to_own_queue(stream),
        When::Tick => stream::wait_for_tick(stream),
        When::Call => {
            let headers = host::plain_call(&stream.number);
            let (status, token) = host::http_call(&stream.call, &headers, CALL_TIMEOUT, &[]);
            if status == 0 {
                stream::expect_answer(stream, token);
            }
            status
        }
        When::Grpc => 0,
    };
    if status == 0 {
        stream.waiting.push((when, ops.to_vec()));
    }
    format!("later({})={status}", name(when))
}

/// Writes down that something was sent, and what its end brings.
fn expect(
    stream: &mut Stream,
    what: &str,
    when: When,
    (status, token): (u32, u32),
    ops: &[Op],
) -> String {
    if status == 0 {
        stream::expect_answer(stream, token);
        stream.waiting.push((when, ops.to_vec()));
    }
    format!("{what}={status}")
}

/// The word of an event in the trace.
pub(crate) const fn name(when: When) -> &'static str {
    match when {
        When::Queue => "queue",
        When::Tick => "tick",
        When::Call => "call",
        When::Grpc => "grpc",
    }
}

fn value(call: &str, (status, bytes): (u32, Vec<u8>)) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(&bytes);
    let more = if shown.len() < bytes.len() { format!("..{}", bytes.len()) } else { String::new() };
    format!("{call}={status}`{}`{more}", shown.escape_ascii())
}

fn number(call: &str, (status, value): (u32, u32)) -> String {
    format!("{call}={status},{value}")
}

/// The names in a serialised list of pairs.
fn names(bytes: &[u8]) -> Vec<String> {
    let word = |at: usize| {
        let word = bytes.get(at * 4..at * 4 + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(word)).ok()
    };
    let count = word(0).unwrap_or(0);
    let mut at = 4 + count * 8;
    let mut names = Vec::new();
    for pair in 0..count {
        let (Some(key), Some(value)) = (word(1 + pair * 2), word(2 + pair * 2)) else { break };
        let name = bytes.get(at..at + key).unwrap_or_default();
        names.push(name.escape_ascii().to_string());
        at += key + value + 2;
    }
    names
}

#[cfg(target_family = "wasm")]
fn trap() -> ! {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn trap() -> ! {
    std::process::abort()
}
