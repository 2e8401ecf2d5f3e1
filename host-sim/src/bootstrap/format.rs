//! Texts with command operators: access-log lines and header values (`%REQ(:path)%`).
//!
//! Only the syntax is known here; which operators there are is the renderer's business.

use std::fmt;

use crate::yaml::{Error, Reader};

/// A text cut into literals and operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Format {
    /// In order.
    pub pieces: Vec<Piece>,
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Stands for itself.
    Literal(String),
    /// `%NAME(argument):length%`
    Operator {
        /// As `REQ`.
        name: String,
        /// What stands in the parentheses.
        argument: Option<String>,
        /// How many bytes are printed at most.
        length: Option<usize>,
    },
}

/// Reads a format from a string.
pub(super) fn read(reader: &Reader<'_>) -> Result<Format, Error> {
    let text = reader.string()?;
    Format::parse(text).ok_or_else(|| {
        reader.invalid(
            &reader.node().describe(),
            "text with operators such as `%REQ(:path)%`",
            "close each operator; write a percent sign as `%%`",
        )
    })
}

/// As it is written in a file.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => f.write_str(&text.replace('%', "%%"))?,
                Piece::Operator { name, argument, length } => {
                    write!(f, "%{name}")?;
                    if let Some(argument) = argument {
                        write!(f, "({argument})")?;
                    }
                    if let Some(length) = length {
                        write!(f, ":{length}")?;
                    }
                    f.write_str("%")?;
                }
            }
        }
        Ok(())
    }
}

impl Format {
    /// Cuts a text; `None` when an operator is not closed or not named.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            literal.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                literal.push('%');
                rest = after;
                continue;
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let (piece, after) = operator(after)?;
            pieces.push(piece);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Some(Self { pieces })
    }
}

/// An operator behind its opening percent sign, and what follows the closing one.
fn operator(text: &str) -> Option<(Piece, &str)> {
    let of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let end = text.find(|c| !of_name(c))?;
    let (name, mut rest) = text.split_at_checked(end)?;
    if name.is_empty() {
        return None;
    }
    let mut argument = None;
    if let Some(inside) = rest.strip_prefix('(') {
        let (found, after) = inside.split_once(')')?;
        argument = Some(found.to_owned());
        rest = after;
    }
    let mut length = None;
    if let Some(inside) = rest.strip_prefix(':') {
        let (digits, after) = inside.split_at_checked(inside.find('%')?)?;
        length = Some(digits.parse().ok()?);
        rest = after;
    }
    let rest = rest.strip_prefix('%')?;
    Some((Piece::Operator { name: name.to_owned(), argument, length }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(name: &str, argument: Option<&str>, length: Option<usize>) -> Piece {
        Piece::Operator { name: name.into(), argument: argument.map(Into::into), length }
    }

    #[test]
    fn literals_and_operators_alternate() {
        let format = Format::parse("a 100%% %REQ(:path?x):12%%RESPONSE_CODE%\n").unwrap();
        assert_eq!(
            format.pieces,
            [
                Piece::Literal("a 100% ".into()),
                op("REQ", Some(":path?x"), Some(12)),
                op("RESPONSE_CODE", None, None),
                Piece::Literal("\n".into()),
            ]
        );
    }

    #[test]
    fn arguments_may_hold_colons_and_percent_free_formats() {
        let format = Format::parse("%FILTER_STATE(wasm.llm.model:PLAIN)%").unwrap();
        assert_eq!(format.pieces, [op("FILTER_STATE", Some("wasm.llm.model:PLAIN"), None)]);
    }

    #[test]
    fn unclosed_and_nameless_operators_are_refused() {
        for wrong in ["%REQ(x%", "%REQ", "100% sure", "%REQ(x)", "%REQ(x):a%", "%"] {
            assert_eq!(Format::parse(wrong), None, "{wrong}");
        }
    }
}
