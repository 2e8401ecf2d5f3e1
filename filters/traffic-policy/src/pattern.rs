//! Name patterns: literal text with `*` for any run of characters.
//!
//! Globs, not regular expressions: a model or path pattern is read by people in a hurry, a `.` in
//! `gpt-4.1` has to mean itself, and matching is linear in practice and bounded in the worst case
//! (pattern length times text length), so no client can make it expensive.

/// A compiled pattern. Matches the whole text, case-sensitively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// Takes the pattern as written; every text is a valid pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `text` as a whole fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        matches(self.text.as_bytes(), text.as_bytes())
    }
}

/// Greedy matching with one point to return to: after a mismatch only the latest `*` can usefully
/// take one more byte, because anything an earlier one could take, the latest can take too.
fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            (Some((p, pattern_rest)), Some((t, text_rest))) if p == t => {
                pattern = pattern_rest;
                text = text_rest;
            }
            (None, None) => return true,
            _ => match retry.and_then(|(after, from)| Some((after, from.get(1..)?))) {
                Some((after, from)) => {
                    retry = Some((after, from));
                    pattern = after;
                    text = from;
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
    }

    #[test]
    fn text_without_a_star_matches_itself_only() {
        check("gpt-4.1", "gpt-4.1", true);
        check("gpt-4.1", "gpt-4x1", false);
        check("gpt-4", "gpt-4.1", false);
        check("", "", true);
        check("", "a", false);
    }

    #[test]
    fn a_star_takes_any_run_and_none() {
        check("llama-8b*", "llama-8b", true);
        check("llama-8b*", "llama-8b-instruct", true);
        check("*-instruct", "llama-8b-instruct", true);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b*", "xxbxxaxx", false);
        check("a*bc", "abbc", true);
        check("**", "", true);
    }

    /// The textbook definition, exponential and obviously right.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|n| reference(rest, &text[n..])),
            Some((p, rest)) => {
                text.split_first().is_some_and(|(t, t_rest)| p == t && reference(rest, t_rest))
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_textbook_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                Pattern::new(pattern.clone()).matches(&text),
                reference(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
