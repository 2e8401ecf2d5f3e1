//! Texts that are hard on a tokenizer: what a caller sends who wants the proxy to be slow.

use fastrand::Rng;

/// Every kind by its name, each of about so many bytes.
#[must_use]
pub fn all(bytes: usize) -> Vec<(&'static str, String)> {
    let mut rng = Rng::with_seed(11);
    let rng = &mut rng;
    let lower = |rng: &mut Rng| rng.char('a'..='z');
    vec![
        ("one letter", fill(bytes, || "a".to_owned())),
        ("another letter", fill(bytes, || "q".to_owned())),
        ("blanks", fill(bytes, || " ".to_owned())),
        ("line ends", fill(bytes, || "\n".to_owned())),
        ("equals signs", fill(bytes, || "=".to_owned())),
        ("digits", fill(bytes, || rng.char('0'..='9').to_string())),
        ("small letters, no spaces", fill(bytes, || lower(rng).to_string())),
        ("letters of both cases", fill(bytes, || rng.alphabetic().to_string())),
        (
            "alternating case",
            fill(bytes, || format!("{}{}", lower(rng).to_ascii_uppercase(), lower(rng))),
        ),
        ("words of 5 letters", words(bytes, 5, rng)),
        ("words of 9 letters", words(bytes, 9, rng)),
        ("words of 15 letters", words(bytes, 15, rng)),
        ("words of 30 letters", words(bytes, 30, rng)),
        ("words of 63 letters", words(bytes, 63, rng)),
        ("words of 300 letters", words(bytes, 300, rng)),
        (
            "base64",
            fill(bytes, || {
                let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                char::from(rng.choice(all).copied().unwrap_or(b'A')).to_string()
            }),
        ),
        ("punctuation", fill(bytes, || rng.char('!'..='/').to_string())),
        ("any ASCII", fill(bytes, || rng.char(' '..='~').to_string())),
        ("Han", fill(bytes, || rng.char('\u{4e00}'..='\u{9fff}').to_string())),
        ("rare Han", fill(bytes, || rng.char('\u{20000}'..='\u{2a6df}').to_string())),
        ("Hangul", fill(bytes, || rng.char('\u{ac00}'..='\u{d7a3}').to_string())),
        ("Cyrillic", fill(bytes, || rng.char('а'..='я').to_string())),
        ("emoji", fill(bytes, || rng.char('\u{1f300}'..='\u{1faff}').to_string())),
        ("combining marks", fill(bytes, || rng.char('\u{300}'..='\u{36f}').to_string())),
        ("one mark", fill(bytes, || "\u{301}".to_owned())),
        ("any character", fill(bytes, || rng.char(..).to_string())),
    ]
}

fn fill(bytes: usize, mut next: impl FnMut() -> String) -> String {
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        text.push_str(&next());
    }
    text
}

fn words(bytes: usize, length: usize, rng: &mut Rng) -> String {
    fill(bytes, || (0..length).map(|_| rng.char('a'..='z')).chain([' ']).collect())
}
