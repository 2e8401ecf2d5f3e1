//! The text of a probe: callbacks, and the calls that a guest makes in each.
//!
//! ```text
//! request_headers 1 -> 1:                       the first of these callbacks answers 1
//!   proxy_get_header_map_value 0 ":path" @bytes = 0 "/x"
//! ```
//! Arguments: a number; a text or `{name value ...}` (pairs), each a pointer and a length; `zeros:N`;
//! `$name`, `$1` (a parameter of the callback).
//! Where the answer goes: `@bytes`, `@len` and `@any` (two pointers; all, the length or
//! nothing is shown), `@u32`, `@u64`, `>name` (kept, not shown).
//! Other statements: `show $1 $2`, `keep name $1`, `trap`, `spin`.
//! Behind `=` stands what is logged: the status, and what was answered if the status is 0.

use host_sim::abi::pairs;

/// A callback of the guest.
pub(crate) struct Section {
    /// The export's name without `proxy_on_`.
    pub(crate) callback: String,
    /// Only in the callback's so manieth call.
    pub(crate) call: Option<u32>,
    /// What it answers.
    pub(crate) answer: Option<u32>,
    pub(crate) statements: Vec<Statement>,
}

/// A line of a section.
pub(crate) struct Statement {
    /// The line in the file, which tells its log line from all others.
    pub(crate) line: usize,
    pub(crate) act: Act,
    /// What is logged; none where anything is right that both hosts log.
    pub(crate) expected: Option<String>,
}

pub(crate) enum Act {
    Call { name: String, arguments: Vec<Argument> },
    Show(Vec<Argument>),
    Keep { name: String, value: Argument },
    Trap,
    Spin,
}

pub(crate) enum Argument {
    Number(i64),
    Bytes(Vec<u8>),
    Zeros(usize),
    Parameter(usize),
    Kept(String),
    OutBytes,
    OutLength,
    OutAny,
    OutU32,
    OutU64,
    OutKept(String),
}

/// Reads the sections from these lines, the first of which has number `line`.
pub(crate) fn read<'a>(lines: impl Iterator<Item = &'a str>, mut line: usize) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for text in lines {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            line += 1;
            continue;
        }
        if text.starts_with(' ') {
            let section = sections.last_mut().expect("a callback before the first call");
            section.statements.push(statement(trimmed, line));
        } else {
            sections.push(section(trimmed));
        }
        line += 1;
    }
    sections
}

fn section(text: &str) -> Section {
    let head = text.strip_suffix(':').unwrap_or_else(|| panic!("`{text}` lacks its colon"));
    let (head, answer) = match head.split_once("->") {
        Some((head, answer)) => (head.trim(), Some(answer.trim().parse().expect("a number"))),
        None => (head, None),
    };
    let (callback, call) = match head.split_once(' ') {
        Some((callback, call)) => (callback, Some(call.parse().expect("a number"))),
        None => (head, None),
    };
    Section { callback: callback.to_owned(), call, answer, statements: Vec::new() }
}

fn statement(text: &str, line: usize) -> Statement {
    let (text, expected) = match text.rsplit_once(" = ") {
        Some((text, "*")) => (text, None),
        Some((text, expected)) => (text, Some(expected.trim().to_owned())),
        None => (text, None),
    };
    let mut words = Words(text);
    let first = words.word().expect("a statement");
    let act = match first {
        "trap" => Act::Trap,
        "spin" => Act::Spin,
        "show" => Act::Show(words.arguments()),
        "keep" => Act::Keep {
            name: words.word().expect("a name").to_owned(),
            value: words.argument().expect("a value"),
        },
        name => Act::Call { name: name.to_owned(), arguments: words.arguments() },
    };
    Statement { line, act, expected }
}

/// What is left of a line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start();
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.find([' ', '}']).filter(|end| *end > 0).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(if self.0.starts_with('}') { 1 } else { end });
        self.0 = rest;
        Some(word)
    }

    /// A quoted text, or a word.
    fn text(&mut self) -> Option<Vec<u8>> {
        self.0 = self.0.trim_start();
        let Some(quoted) = self.0.strip_prefix('"') else {
            return self.word().map(|word| word.as_bytes().to_vec());
        };
        let end = quoted.find('"').unwrap_or_else(|| panic!("`{quoted}` lacks its end"));
        let (text, rest) = quoted.split_at(end);
        self.0 = &rest[1..];
        Some(unescaped(text))
    }

    fn arguments(&mut self) -> Vec<Argument> {
        std::iter::from_fn(|| self.argument()).collect()
    }

    fn argument(&mut self) -> Option<Argument> {
        self.0 = self.0.trim_start();
        if self.0.starts_with('"') {
            return self.text().map(Argument::Bytes);
        }
        if let Some(rest) = self.0.strip_prefix('{') {
            self.0 = rest;
            let mut list = Vec::new();
            while let Some(name) = self.text().filter(|name| name != b"}") {
                list.push((name, self.text().expect("a value for each name")));
            }
            return Some(Argument::Bytes(pairs::encode(&list)));
        }
        Some(match self.word()? {
            "@bytes" => Argument::OutBytes,
            "@len" => Argument::OutLength,
            "@any" => Argument::OutAny,
            "@u32" => Argument::OutU32,
            "@u64" => Argument::OutU64,
            word => match word.split_at(1) {
                (">", name) => Argument::OutKept(name.to_owned()),
                ("$", name) => match name.parse::<usize>() {
                    Ok(number) => Argument::Parameter(number),
                    Err(_) => Argument::Kept(name.to_owned()),
                },
                _ => match word.strip_prefix("zeros:") {
                    Some(number) => Argument::Zeros(number.parse().expect("a number")),
                    None => Argument::Number(
                        word.parse().unwrap_or_else(|_| panic!("`{word}` is no argument")),
                    ),
                },
            },
        })
    }
}

/// `\0` and `\xNN`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        match (first, more) {
            (b'\\', [b'0', more @ ..]) => {
                bytes.push(0);
                rest = more;
            }
            (b'\\', [b'x', high, low, more @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                rest = more;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}
