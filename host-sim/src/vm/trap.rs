//! What to tell about a guest that stopped: why, its last words, and where.

use std::fmt::Write;

use wasmtime::{Error, WasmBacktrace};

use crate::abi::LogLevel;

/// What is said of a call that the watchdog ended.
pub(crate) const TOO_LONG: &str =
    "ran for longer than a call may; Envoy has no such limit, its worker would hang";

/// What is said of a call that logged too much.
pub(crate) const LOGGED_TOO_MUCH: &str =
    "logged more than 64 MiB, which nobody will read; Envoy has no such limit, its disk would fill";

/// How many frames are told; panics come from deeper, but what matters is on top.
const FRAMES: usize = 6;

/// Frames of the panic machinery itself, which are on top of every Rust backtrace.
const MACHINERY: &[&str] =
    &["panicking", "panic_fmt", "rust_panic", "rust_begin_unwind", "__rust_", "abort"];

/// One text of several lines: reason, then frames.
pub(crate) fn describe(error: &Error) -> String {
    let mut text = match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::Interrupt) => TOO_LONG.to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for name in frames(backtrace) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  in {name}");
        }
    }
    text
}

fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let names = backtrace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => plain(name),
        None => format!("function {}", frame.func_index()),
    });
    let names: Vec<_> = names.collect();
    let useful = |name: &&String| !MACHINERY.iter().any(|part| name.contains(part));
    let chosen: Vec<_> = names.iter().filter(useful).take(FRAMES).cloned().collect();
    if chosen.is_empty() { names.into_iter().take(FRAMES).collect() } else { chosen }
}

/// How signs that no symbol may have are written.
const ESCAPES: &[(&str, &str)] = &[
    ("$LT$", "<"),
    ("$GT$", ">"),
    ("$RF$", "&"),
    ("$C$", ","),
    ("$u20$", " "),
    ("$u7b$", "{"),
    ("$u7d$", "}"),
    ("..", "::"),
];

/// Turns `_ZN3foo3bar17h0123456789abcdefE` into `foo::bar`; other names stay.
fn plain(mangled: &str) -> String {
    let segments = |text: &str| {
        let mut rest = text.strip_prefix("_ZN")?.strip_suffix('E')?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            let (len, after) = rest.split_at_checked(digits)?;
            let (segment, after) = after.split_at_checked(len.parse().ok()?)?;
            segments.push(segment);
            rest = after;
        }
        // The last segment is a hash.
        segments.pop()?;
        let escaped = segments.join("::").replace("_$", "$");
        Some(ESCAPES.iter().fold(escaped, |name, (code, sign)| name.replace(code, sign)))
    };
    segments(mangled).filter(|name| !name.is_empty()).unwrap_or_else(|| mangled.to_owned())
}

/// What a guest says when it panics: Rust's own text, logged as an error or worse.
pub(crate) fn panic_text(level: LogLevel, message: &[u8]) -> Option<String> {
    if !matches!(level, LogLevel::Error | LogLevel::Critical) {
        return None;
    }
    let text = String::from_utf8_lossy(message);
    text.contains("panicked at").then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mangled_name_loses_its_hash() {
        assert_eq!(plain("_ZN10llm_filter5route17h0123456789abcdefE"), "llm_filter::route");
        let closure = "_ZN6filter5start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE";
        assert_eq!(plain(closure), "filter::start::{{closure}}");
        assert_eq!(plain("proxy_on_tick"), "proxy_on_tick");
        assert_eq!(plain("_ZN9broken"), "_ZN9broken");
    }

    #[test]
    fn only_loud_lines_are_last_words() {
        let words = b"panicked at src/lib.rs:1:1:\nboom\n";
        assert_eq!(
            panic_text(LogLevel::Critical, words).as_deref(),
            Some("panicked at src/lib.rs:1:1:\nboom")
        );
        assert_eq!(panic_text(LogLevel::Info, words), None);
        assert_eq!(panic_text(LogLevel::Error, b"all is well"), None);
    }
}
