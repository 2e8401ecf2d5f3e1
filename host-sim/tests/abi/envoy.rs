//! What a real Envoy 1.40.0 answered, recorded, and what the simulator answers.
//!
//! The same modules ran in the official binary (V8, one worker): a guest makes every call below in
//! `proxy_on_vm_start` or `proxy_on_configure` of its root context and logs the statuses.
//! Everything is a root context without a stream; what streams may do is tested with the model.

use std::{fmt::Write, sync::Arc};

use host_sim::host::HostOptions;

use crate::{
    guest::{host, module},
    pointers::signatures,
    recorded::{CASES, Case, Row, SWEPT, WASI, WasiRow},
};

/// One number for every parameter of a hostcall, from these.
const SWEEP: [i64; 8] = [-1, 0, 1, 8, 65_536, 131_071, 131_072, 131_073];

/// One hostcall, made once with each of these lists of arguments.
struct Asked {
    from: &'static str,
    name: &'static str,
    /// `w` for a parameter of 32 bits, `l` for one of 64.
    signature: &'static str,
    arguments: Vec<Vec<i64>>,
}

impl Asked {
    fn of_env(name: &'static str, arguments: Vec<Vec<i64>>) -> Self {
        let (name, signature) = signatures().find(|(known, _)| *known == name).unwrap();
        Self { from: "env", name, signature, arguments }
    }

    fn types(&self) -> impl Iterator<Item = &'static str> {
        self.signature.chars().map(|letter| if letter == 'l' { "i64" } else { "i32" })
    }

    fn import(&self, number: usize) -> String {
        let (from, name) = (self.from, self.name);
        let types = self.types().collect::<Vec<_>>().join(" ");
        format!("(import \"{from}\" \"{name}\" (func $f{number} (param {types}) (result i32)))")
    }

    /// Calls with each list, and keeps the statuses, a letter each.
    fn calls(&self, number: usize, place: &mut usize) -> String {
        let mut calls = String::new();
        for arguments in &self.arguments {
            let values = self.types().zip(arguments).map(|(ty, n)| format!("({ty}.const {n})"));
            let call = format!("(call $f{number} {})", values.collect::<Vec<_>>().join(" "));
            let status = format!("(i32.add (i32.const {ZERO}) {call})");
            write!(calls, "(i32.store8 (i32.const {place}) {status})").unwrap();
            *place += 1;
        }
        write!(calls, "(i32.store8 (i32.const {place}) (i32.const {SPACE}))").unwrap();
        *place += 1;
        calls
    }
}

/// The letter of status 0 in the log.
const ZERO: u8 = b'0';

/// What stands between the calls of two functions.
const SPACE: u8 = b' ';

/// Where in the guest's memory the log line is put together.
const LOG: usize = 2048;

/// A module that makes these calls, one after another, in both callbacks, and logs the statuses.
fn probe(asked: &[Asked]) -> Arc<[u8]> {
    let mut place = LOG;
    let each = || asked.iter().enumerate();
    let imports: String = each().map(|(number, asked)| asked.import(number)).collect();
    let calls: String = each().map(|(number, asked)| asked.calls(number, &mut place)).collect();
    let say =
        format!("(drop (call $say (i32.const 4) (i32.const {LOG}) (i32.const {})))", place - LOG);
    let callback = |name: &str| {
        format!("(func (export \"{name}\") (param i32 i32) (result i32) {calls} {say} i32.const 1)")
    };
    module(
        &format!(
            r#"{imports} (import "env" "proxy_log" (func $say (param i32 i32 i32) (result i32)))"#
        ),
        &format!(
            r#"(data (i32.const 100) "clear_route_cache") (data (i32.const 200) "plugin_name")
            {} {}"#,
            callback("proxy_on_vm_start"),
            callback("proxy_on_configure")
        ),
    )
}

/// Statuses of one function.
type Statuses = Vec<u8>;

/// What the module logged on the first VM: in `proxy_on_vm_start`, then in `proxy_on_configure`.
fn run(asked: &[Asked]) -> [Vec<Statuses>; 2] {
    let host = host(&probe(asked), &HostOptions::default());
    let mut logs = host.world().logs().iter().filter(|line| line.message.ends_with(' '));
    [(); 2].map(|()| {
        let words = logs.next().unwrap().message.split_whitespace();
        words.map(|word| word.bytes().map(|letter| letter - ZERO).collect()).collect()
    })
}

fn compare(wanted: &[(&str, Statuses)], answered: &[Statuses]) {
    let differences: Vec<_> = wanted
        .iter()
        .zip(answered)
        .filter(|((_, envoy), here)| envoy != *here)
        .map(|((name, envoy), here)| format!("{name}: Envoy {envoy:?}, here {here:?}"))
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    assert_eq!(wanted.len(), answered.len());
}

fn statuses(digits: &str) -> Statuses {
    digits.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect()
}

/// The same number for every parameter, for each number of the sweep.
fn sweep(signature: &str) -> Vec<Vec<i64>> {
    SWEEP.iter().map(|number| vec![*number; signature.len()]).collect()
}

#[test]
fn whatever_number_is_passed_the_status_is_envoys() {
    let arguments = |row: &Row| {
        let (_, signature) = signatures().find(|(name, _)| *name == row.name).unwrap();
        Asked::of_env(row.name, sweep(signature))
    };
    let wanted: Vec<_> = SWEPT.iter().map(|row| (row.name, statuses(row.statuses))).collect();
    // The second time, keys are what the first time left in memory, clocks among it.
    let [first, _] = run(&SWEPT.iter().map(arguments).collect::<Vec<_>>());
    compare(&wanted, &first);
}

#[test]
fn each_of_these_calls_answers_as_in_envoy() {
    let lists = |case: &Case| case.arguments.iter().map(|list| list.to_vec()).collect();
    let asked = CASES.iter().map(|case| Asked::of_env(case.name, lists(case)));
    let wanted = CASES.iter().map(|case| (case.name, statuses(case.vm_start)));
    let again = CASES.iter().map(|case| (case.name, statuses(case.configure)));
    let answered = run(&asked.collect::<Vec<_>>()).concat();
    compare(&wanted.chain(again).collect::<Vec<_>>(), &answered);
}

#[test]
fn whatever_number_wasi_is_passed_the_error_is_envoys() {
    let asked = |row: &WasiRow| Asked {
        from: "wasi_snapshot_preview1",
        name: row.name,
        signature: row.signature,
        arguments: sweep(row.signature),
    };
    let wanted: Vec<_> = WASI.iter().map(|row| (row.name, row.errors.to_vec())).collect();
    let [first, _] = run(&WASI.iter().map(asked).collect::<Vec<_>>());
    compare(&wanted, &first);
}
