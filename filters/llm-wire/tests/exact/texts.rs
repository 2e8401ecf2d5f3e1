//! Texts that take every way through the patterns and the joins.

use proptest::prelude::*;

/// Characters that the patterns treat unlike others.
const GROUPS: [&str; 16] = [
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "'''sStTdDmMrReEvVlLſ",
    "   \t\n\r\u{b}\u{a0}\u{3000}\u{85}\u{2028}",
    "0123456789½Ⅷ٣",
    "!?/.,(){}-_=+*&^%$#@<>|\\\"",
    "éÉßñÄDžıİſ",
    "中文字符世界，。的了在是",
    "ひらがなカタカナー",
    "한국어",
    "\u{301}\u{300}\u{903}\u{20dd}",
    "ʰːªº",
    "абвгдАБВ",
    "अआकिहिन्दीไทย",
    "😀🎉👨\u{200d}\u{fe0f}",
    "\u{0}\u{1}\u{7f}\u{fffd}",
];

/// Special tokens of one encoding, and what is nearly one.
const SPECIAL: [&str; 13] = [
    "<|start|>",
    "<|message|>",
    "<|end|>",
    "<|channel|>",
    "<|return|>",
    "<|call|>",
    "<|constrain|>",
    "<|endoftext|>",
    "<|startoftext|>",
    "<|reserved_200013|>",
    "<|reserved_200012|>",
    "<|start",
    "<|<",
];

/// Any character, most of them from the groups.
fn character() -> impl Strategy<Value = char> {
    let special = prop::sample::select(GROUPS.to_vec())
        .prop_flat_map(|group| prop::sample::select(group.chars().collect::<Vec<_>>()));
    prop_oneof![6 => special, 1 => any::<char>()]
}

/// A stretch of few different characters, or of one.
fn stretch() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(character(), 1..12).prop_map(String::from_iter),
        1 => (character(), 1..80_usize).prop_map(|(char, times)| char.to_string().repeat(times)),
        1 => prop::sample::select(SPECIAL.to_vec()).prop_map(str::to_owned),
        1 => (prop::sample::select(GROUPS.to_vec()), prop::collection::vec(any::<prop::sample::Index>(), 1..120))
            .prop_map(|(group, picks)| picks.iter().map(|pick| *pick.get(&group.chars().collect::<Vec<_>>())).collect()),
    ]
}

/// Texts of up to a thousand characters.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(stretch(), 0..10).prop_map(|stretches| stretches.concat())
}

/// One word of a few thousand letters of one kind.
pub(crate) fn long_word() -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec![
        "ab",
        "abcdefghijklmnopqrstuvwxyz",
        "中文字符世界的了在是",
        "абвгд",
        "=-",
        " ",
    ]);
    (letters, 1..8_usize, prop::collection::vec(any::<prop::sample::Index>(), 60..1300)).prop_map(
        |(letters, few, picks)| {
            let letters: Vec<char> = letters.chars().take(few).collect();
            picks.iter().map(|pick| *pick.get(&letters)).collect()
        },
    )
}
