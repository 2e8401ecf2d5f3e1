//! Makes a module of a probe.
//!
//! All texts are data of the module, every call is written out, and what was answered goes to the log
//! as text: so the module needs no interpreter, and the two hosts run the same bytes.

use std::{collections::BTreeMap, fmt::Write};

use host_sim::abi::{AbiVersion, Export};

use super::script::{Act, Argument, Section, Statement};
use crate::pointers::signatures;

/// Where pointers for answers point to; eight bytes each.
const OUT: usize = 16;
/// Where kept values are; four bytes each.
const KEPT: usize = 512;
/// Where log lines are put together.
const LOG: usize = 4096;
/// Where the texts are.
const DATA: usize = 32_768;
/// How much the allocator gives out in one callback.
const HEAP: usize = 8 << 20;

/// What every probe has: writing log lines.
const RUNTIME: &str = r#"
(func $put (param $byte i32)
  (if (i32.lt_u (global.get $at) (i32.const 30000)) (then
    (i32.store8 (global.get $at) (local.get $byte))
    (global.set $at (i32.add (global.get $at) (i32.const 1))))))
(func $number (param $n i64)
  (if (i64.ge_u (local.get $n) (i64.const 10))
    (then (call $number (i64.div_u (local.get $n) (i64.const 10)))))
  (call $put (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10))))))
(func $digit (param $n i32)
  (call $put (i32.add (local.get $n)
    (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $n) (i32.const 10))))))
(func $text (param $from i32) (param $len i32)
  (local $byte i32)
  (block $done (loop $next
    (br_if $done (i32.eqz (local.get $len)))
    (local.set $byte (i32.load8_u (local.get $from)))
    (if (i32.or
          (i32.gt_u (i32.sub (local.get $byte) (i32.const 32)) (i32.const 94))
          (i32.or (i32.eq (local.get $byte) (i32.const 34)) (i32.eq (local.get $byte) (i32.const 92))))
      (then
        (call $put (i32.const 92))
        (call $digit (i32.shr_u (local.get $byte) (i32.const 4)))
        (call $digit (i32.and (local.get $byte) (i32.const 15))))
      (else (call $put (local.get $byte))))
    (local.set $from (i32.add (local.get $from) (i32.const 1)))
    (local.set $len (i32.sub (local.get $len) (i32.const 1)))
    (br $next))))
(func $begin (param $line i32)
  (global.set $at (i32.const 4096))
  (call $put (i32.const 76))
  (call $number (i64.extend_i32_u (local.get $line)))
  (call $put (i32.const 58)))
(func $space (call $put (i32.const 32)))
(func $quote (call $put (i32.const 34)))
(func $end (drop (call $say (i32.const 2) (i32.const 4096)
  (i32.sub (global.get $at) (i32.const 4096)))))
"#;

/// The module.
pub(crate) fn module(sections: &[Section], version: AbiVersion) -> Vec<u8> {
    let mut maker = Maker { version, ..Maker::default() };
    let mut callbacks: BTreeMap<&str, Vec<&Section>> = BTreeMap::new();
    for section in sections {
        callbacks.entry(&section.callback).or_default().push(section);
    }
    let functions: String =
        callbacks.iter().map(|(name, sections)| maker.callback(name, sections)).collect();
    let zeros = DATA + maker.data.len();
    let heap = (zeros + maker.zeros).next_multiple_of(65_536);
    let pages = (heap + HEAP) / 65_536;
    let imports: String = maker.imports.values().cloned().collect();
    let data: String = maker.data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let marker = version.marker();
    let functions = functions.replace("ZEROS", &zeros.to_string());
    let functions = functions.replace("HEAP", &heap.to_string());
    let text = format!(
        r#"(module {imports}
        (import "env" "proxy_log" (func $say (param i32 i32 i32) (result i32)))
        (memory (export "memory") {pages})
        (global $heap (mut i32) (i32.const {heap}))
        (global $at (mut i32) (i32.const {LOG}))
        {}
        (data (i32.const {DATA}) "{data}")
        (func (export "{marker}"))
        (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
          (global.get $heap)
          (global.set $heap (i32.add (global.get $heap)
            (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
        {RUNTIME} {functions})"#,
        maker.globals
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

struct Maker {
    version: AbiVersion,
    imports: BTreeMap<String, String>,
    data: Vec<u8>,
    zeros: usize,
    kept: Vec<String>,
    globals: String,
}

impl Default for Maker {
    fn default() -> Self {
        Self {
            version: AbiVersion::V0_2_1,
            imports: BTreeMap::new(),
            data: Vec::new(),
            zeros: 0,
            kept: Vec::new(),
            globals: String::new(),
        }
    }
}

impl Maker {
    fn callback(&mut self, name: &str, sections: &[&Section]) -> String {
        let full = [format!("proxy_on_{name}"), format!("proxy_{name}"), name.to_owned()];
        let export = Export::ALL
            .iter()
            .find(|export| full.contains(&export.name().to_owned()))
            .unwrap_or_else(|| panic!("no callback `{name}`"));
        let parameters = vec!["i32"; export.parameters(self.version)].join(" ");
        let result = if export.answers() { "(result i32)" } else { "" };
        let default = u32::from(matches!(name, "vm_start" | "configure" | "done"));
        write!(self.globals, "(global $calls_{name} (mut i32) (i32.const 0))").expect("a string");
        let mut body = String::new();
        for section in sections {
            let statements: String = section.statements.iter().map(|s| self.statement(s)).collect();
            let answer = section.answer.map_or_else(String::new, |answer| {
                format!("(local.set $answer (i32.const {answer}))")
            });
            match section.call {
                None => write!(body, "{statements} {answer}"),
                Some(call) => write!(
                    body,
                    "(if (i32.eq (global.get $calls_{name}) (i32.const {call}))
                      (then {statements} {answer}))"
                ),
            }
            .expect("a string");
        }
        let last = if export.answers() { "(local.get $answer)" } else { "" };
        format!(
            r#"(func (export "{}") (param {parameters}) {result}
              (local $answer i32) (local $status i32)
              (local.set $answer (i32.const {default}))
              (global.set $heap (i32.const HEAP))
              (global.set $calls_{name} (i32.add (global.get $calls_{name}) (i32.const 1)))
              {body} {last})"#,
            export.name()
        )
    }

    fn statement(&mut self, statement: &Statement) -> String {
        let line = statement.line;
        match &statement.act {
            Act::Trap => "unreachable ".to_owned(),
            Act::Spin => "(loop $for_ever (br $for_ever)) ".to_owned(),
            Act::Keep { name, value } => {
                let place = self.place(name);
                let value = self.value(value);
                format!("(i32.store (i32.const {place}) {value})")
            }
            Act::Show(values) => {
                let mut text = format!("(call $begin (i32.const {line}))");
                for value in values {
                    let value = self.value(value);
                    write!(text, "(call $space) (call $number (i64.extend_i32_u {value}))")
                        .expect("a string");
                }
                text + "(call $end)"
            }
            Act::Call { name, arguments } => self.call(line, name, arguments),
        }
    }

    fn call(&mut self, line: usize, name: &str, arguments: &[Argument]) -> String {
        let signature = signatures()
            .chain(FIRST.iter().copied())
            .find_map(|(known, signature)| (known == name).then_some(signature))
            .unwrap_or_else(|| panic!("no hostcall `{name}`"));
        let types = |letter| if letter == 'l' { "i64" } else { "i32" };
        let list: Vec<&str> = signature.chars().map(types).collect();
        let import = format!(
            r#"(import "env" "{name}" (func ${name} (param {}) (result i32)))"#,
            list.join(" ")
        );
        self.imports.insert(name.to_owned(), import);
        let mut values: Vec<String> = Vec::new();
        let mut shown = String::new();
        let mut out = OUT;
        for argument in arguments {
            let wide = list.get(values.len()) == Some(&"i64");
            match argument {
                Argument::OutBytes | Argument::OutLength | Argument::OutAny => {
                    values.push(format!("(i32.const {out})"));
                    values.push(format!("(i32.const {})", out + 8));
                    shown.push_str(&show(argument, out));
                    out += 16;
                }
                Argument::OutU32 | Argument::OutU64 => {
                    values.push(format!("(i32.const {out})"));
                    write!(shown, "(call $space) (call $number (i64.load (i32.const {out})))")
                        .expect("a string");
                    out += 8;
                }
                Argument::OutKept(name) => {
                    values.push(format!("(i32.const {})", self.place(name)));
                }
                Argument::Bytes(bytes) => {
                    values.push(format!("(i32.const {})", DATA + self.data.len()));
                    values.push(format!("(i32.const {})", bytes.len()));
                    self.data.extend_from_slice(bytes);
                }
                Argument::Zeros(count) => {
                    self.zeros = self.zeros.max(*count);
                    values.push("(i32.const ZEROS)".to_owned());
                    values.push(format!("(i32.const {count})"));
                }
                Argument::Number(number) if wide => values.push(format!("(i64.const {number})")),
                Argument::Number(number) => values.push(format!("(i32.const {})", *number as i32)),
                Argument::Parameter(_) | Argument::Kept(_) => values.push(self.value(argument)),
            }
        }
        assert_eq!(values.len(), list.len(), "line {line}: {name} takes {signature}");
        let zero: String = (OUT..out)
            .step_by(8)
            .map(|at| format!("(i64.store (i32.const {at}) (i64.const 0))"))
            .collect();
        format!(
            "{zero} (local.set $status (call ${name} {}))
            (call $begin (i32.const {line})) (call $space)
            (call $number (i64.extend_i32_u (local.get $status)))
            (if (i32.eqz (local.get $status)) (then {shown}))
            (call $end)\n",
            values.join(" ")
        )
    }

    fn value(&mut self, argument: &Argument) -> String {
        match argument {
            Argument::Number(number) => format!("(i32.const {number})"),
            Argument::Parameter(number) => format!("(local.get {})", number - 1),
            Argument::Kept(name) => format!("(i32.load (i32.const {}))", self.place(name)),
            _ => panic!("no plain value"),
        }
    }

    fn place(&mut self, name: &str) -> usize {
        let known = self.kept.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.kept.push(name.to_owned());
            self.kept.len() - 1
        });
        KEPT + 4 * place
    }
}

/// Puts bytes that were answered into the log line.
fn show(argument: &Argument, out: usize) -> String {
    let pointer = format!("(i32.load (i32.const {out}))");
    let len = format!("(i32.load (i32.const {}))", out + 8);
    match argument {
        Argument::OutBytes => {
            format!("(call $space) (call $quote) (call $text {pointer} {len}) (call $quote)")
        }
        Argument::OutLength => format!("(call $space) (call $number (i64.extend_i32_u {len}))"),
        _ => String::new(),
    }
}

/// What only the first version has, and what is Envoy's own.
const FIRST: &[(&str, &str)] = &[
    ("proxy_get_configuration", "ww"),
    ("proxy_continue_request", ""),
    ("proxy_continue_response", ""),
    ("proxy_clear_route_cache", ""),
    ("envoy_resolve_dns", "www"),
];
