//! Scalars: text whose type depends on how it was written and on who reads it.

use saphyr_parser::ScalarStyle;

/// A scalar as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, escapes and folding resolved.
    pub text: String,
    /// Written without quotes and not as a block, so that it may be something else than a string.
    pub plain: bool,
}

/// What a scalar says by itself, by the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `yes`, `no`, `on`, `off`, `y`, `n`: a boolean for YAML 1.1, a string for YAML 1.2;
    /// `0123`: octal or decimal.
    Ambiguous,
    /// A string.
    Text,
}

impl Scalar {
    pub(super) fn new(text: String, style: ScalarStyle) -> Self {
        Self { text, plain: matches!(style, ScalarStyle::Plain) }
    }

    /// What the scalar says by itself.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        if !self.plain {
            return Meaning::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Boolean(true),
            "false" | "False" | "FALSE" => Meaning::Boolean(false),
            text if is_yaml_1_1_boolean(text) || is_yaml_1_1_octal(text) => Meaning::Ambiguous,
            text => number(text).unwrap_or(Meaning::Text),
        }
    }

    /// The value in words, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let kind = match self.meaning() {
            Meaning::Null => return "nothing".to_owned(),
            Meaning::Boolean(_) => ", a boolean",
            Meaning::Integer(_) | Meaning::Float(_) => ", a number",
            Meaning::Ambiguous => ", which YAML 1.1 and 1.2 read differently",
            Meaning::Text => "",
        };
        format!("`{}`{kind}", self.shortened())
    }

    /// Long and many-line texts would hide the rest of a message.
    fn shortened(&self) -> String {
        const LONGEST: usize = 60;
        let first_line = self.text.lines().next().unwrap_or_default();
        let mut short: String = first_line.chars().take(LONGEST).collect();
        if short.len() < self.text.trim_end().len() {
            short.push('…');
        }
        short
    }
}

fn is_yaml_1_1_boolean(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_yaml_1_1_octal(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Option<Meaning> {
    let integer = if let Some(hex) = text.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()
    } else if let Some(octal) = text.strip_prefix("0o") {
        i128::from_str_radix(octal, 8).ok()
    } else {
        text.parse().ok()
    };
    if let Some(integer) = integer {
        return Some(Meaning::Integer(integer));
    }
    // `f64::from_str` also takes `inf`, `nan` and `infinity`, which are plain words in YAML.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains(|c: char| c.is_ascii_digit())
        && !text.contains(['n', 'N', 'i', 'I']);
    if numeric { text.parse().ok().map(Meaning::Float) } else { None }
}
