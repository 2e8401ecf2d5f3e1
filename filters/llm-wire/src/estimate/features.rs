//! What is counted of a text, and what each of it weighs in tokens.
//!
//! A tokenizer cuts text into words, numbers of up to three digits, runs of punctuation and runs of
//! blanks, and then each of these into the tokens that its vocabulary has. The features follow
//! these cuts as far as a byte and the three before it tell. Each is a set of bytes, or a set of
//! bytes that follow bytes of another set; a set is given by the high and the low hexadecimal
//! digit of its members, which is what a processor can look up for sixteen bytes at once.
//! So `at "46" "1-f"` are the letters `A` to `O` and `a` to `o`. The sets are as coarse as that
//! form makes them; the weights make up for it.
//!
//! Text comes as it stands in JSON, so `\n` is a backslash and an `n`.

use super::lookup::{Bytes, Group, bytes};

/// The bit of `unicode_escapes` among the marks.
pub(super) const UNICODE_ESCAPE: u8 = 1 << 3;

const ANY: Bytes = bytes("0-f", "0-f");

macro_rules! features {
    ($(
        $(#[doc = $group_doc:literal])*
        $group:ident {
            $($(#[doc = $doc:literal])* $name:ident = $weight:literal, $before:expr, $after:expr, $at:expr;)*
        }
    )*) => {
        /// How often each feature occurs in a text.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Features {
            $($($(#[doc = $doc])* pub $name: u64,)*)*
        }

        impl Features {
            /// What each feature weighs by name, in thousandths of a token.
            pub fn weights() -> impl Iterator<Item = (&'static str, i64)> {
                [$($((stringify!($name), $weight)),*),*].into_iter()
            }

            /// The features by name, for programs that fit weights.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$($((stringify!($name), self.$name)),*),*].into_iter()
            }

            /// The weighted sum, in thousandths of a token.
            pub(super) fn millitokens(&self) -> i64 {
                self.by_group().into_iter().fold(0, i64::wrapping_add)
            }

            /// The weighted sum of each group, in their order.
            pub(super) fn by_group(&self) -> [i64; 5] {
                // Modulo 2^64, where signs need no care. Wider numbers are slow in wasm, and no
                // text is long enough to need them.
                [$({
                    let sum = 0_u64;
                    $(let sum = sum.wrapping_add(self.$name.wrapping_mul(i64::cast_unsigned($weight)));)*
                    sum.cast_signed()
                },)*]
            }

            /// From the counts of each group.
            pub(super) fn new(counts: Counts) -> Self {
                $(let [$($name),*] = counts.$group;)*
                Self { $($($name),*),* }
            }
        }

        /// The counts of each group's features, in their order.
        pub(super) struct Counts {
            $(pub(super) $group: [u64; 8],)*
        }

        /// Each group's features, ready to be looked up.
        pub(super) mod groups {
            use super::*;
            $($(#[doc = $group_doc])* #[expect(non_upper_case_globals, reason = "as the field")]
            pub(in crate::estimate) const $group: Group =
                Group::new([$($before),*], [$($after),*], [$($at),*]);)*
        }
    };
}

features! {
    /// Words and numbers.
    words {
        /// Letters `a` to `o` in both cases.
        early_letters = 151, ANY, ANY, bytes("46", "1-f");
        /// Letters `p` to `z` in both cases.
        late_letters = 198, ANY, ANY, bytes("57", "0-a");
        /// Letters after blanks, digits and most punctuation: beginnings of words.
        words = 336, ANY, bytes("0-3", "0-f"), bytes("4-7", "0-f");
        /// Capitals after small letters (twenty of them): `camelCase`.
        humps = 603, ANY, bytes("67", "0-f"), bytes("45", "1-a");
        /// Digits after anything but digits: beginnings of numbers.
        numbers = 1913, ANY, bytes("24-7", "0-f"), bytes("3", "0-9");
        /// Punctuation after a word or number.
        closing_marks = 434, ANY, bytes("3-7", "0-f"), bytes("2", "1-f");
        /// `j` and `k`: rare in English, which vocabularies know best.
        rare_early_letters = 961, ANY, ANY, bytes("46", "ab");
        /// `x` and `z`, likewise.
        rare_late_letters = 823, ANY, ANY, bytes("57", "8a");
    }
    /// Punctuation and line ends.
    marks {
        /// Punctuation after a blank.
        opening_marks = 1803, ANY, bytes("2", "0"), bytes("2", "1-f");
        /// `\n`, `\r`.
        line_ends = 154, ANY, bytes("5", "c"), bytes("67", "2e");
        /// Escapes after punctuation.
        marked_escapes = 0, ANY, bytes("237", "1-f"), bytes("5", "c");
        /// `\u`; weighs nothing, but tells that escapes are to be looked at.
        unicode_escapes = 0, ANY, bytes("5", "c"), bytes("7", "5");
        /// Brackets, `;`, `=`, `_`, `|`, backslashes.
        brackets = 313, ANY, ANY, bytes("357", "b-f");
        /// The same after a word.
        closing_brackets = -39, ANY, bytes("4-7", "0-f"), bytes("357", "b-f");
        /// `:`.
        colons = 678, ANY, ANY, bytes("3", "a");
        /// `h`, frequent in English.
        h_letters = -197, ANY, ANY, bytes("46", "8");
    }
    /// Scripts, as the first byte of a character tells them.
    scripts {
        /// Latin letters with marks, Latin-1 signs.
        latin = 819, ANY, ANY, bytes("c", "0-9");
        /// Greek.
        greek = 426, ANY, ANY, bytes("c", "a-f");
        /// Cyrillic and Armenian.
        cyrillic = 355, ANY, ANY, bytes("d", "0-5");
        /// Hebrew, Arabic, Syriac.
        semitic = 410, ANY, ANY, bytes("d", "6-f");
        /// Indic scripts, Thai, Lao, Tibetan.
        indic = 415, ANY, ANY, bytes("e", "0");
        /// Vietnamese letters, Georgian, Khmer, Ethiopic.
        far_latin = 192, ANY, ANY, bytes("e", "1");
        /// Typographic punctuation, arrows, boxes.
        symbols = 950, ANY, ANY, bytes("e", "2");
        /// Kana and the ideographs and punctuation around it.
        kana = 677, ANY, ANY, bytes("e", "3");
    }
    /// More scripts, and where they meet ASCII.
    more_scripts {
        /// Ideographs.
        han = 780, ANY, ANY, bytes("e", "4-9");
        /// Hangul.
        hangul = 687, ANY, ANY, bytes("e", "a-d");
        /// Compatibility forms, private use.
        compatibility = -195, ANY, ANY, bytes("e", "ef");
        /// Emoji and everything else beyond the first plane.
        astral = 2437, ANY, ANY, bytes("f", "0-f");
        /// Beginnings of other text after ASCII.
        switches = 67, ANY, bytes("0-7", "0-f"), bytes("c-f", "0-f");
        /// Beginnings of other text after a blank.
        spaced_switches = 3, ANY, bytes("2", "0"), bytes("c-f", "0-f");
        /// ASCII letters after other text.
        letters_after = 64, ANY, bytes("8-b", "0-f"), bytes("4-7", "0-f");
        /// ASCII punctuation after other text.
        marks_after = 910, ANY, bytes("8-b", "0-f"), bytes("2", "1-f");
    }
    /// Characters written as `\uXXXX`, by their first two digits; a backslash stands before all of
    /// these. The digits are counted above, too.
    escapes {
        /// Signs, and Latin letters of western languages.
        u00 = -3276, bytes("7", "5"), bytes("3", "0"), bytes("3", "0");
        /// Greek and Indic scripts, Thai, Lao, Tibetan; and the next, which weighs against it.
        u03 = -4038, bytes("7", "5"), bytes("3", "0"), bytes("346", "1-6");
        /// Other Latin letters, Cyrillic, Hebrew, Arabic.
        u04 = 1642, bytes("7", "5"), bytes("3", "0"), bytes("3", "124-7");
        /// Devanagari, Bengali.
        u09 = -2387, bytes("7", "5"), bytes("3", "0"), bytes("3", "9");
        /// Georgian, Ethiopic, Khmer, Vietnamese; symbols.
        u1 = -4336, bytes("7", "5"), bytes("3", "12"), bytes("346", "0-9");
        /// Kana and ideographs.
        u3 = -2966, bytes("7", "5"), bytes("3", "3-9"), bytes("346", "0-9");
        /// Hangul, halves of surrogate pairs, compatibility forms.
        ua = -2897, bytes("7", "5"), bytes("46", "1-6"), bytes("346", "0-9");
        /// First halves of surrogate pairs.
        ud8 = 2652, bytes("7", "5"), bytes("46", "4"), bytes("3", "89");
    }
}
