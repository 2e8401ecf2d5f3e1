//! What is counted of a text, and what each of it weighs in tokens.
//!
//! A tokenizer cuts text into words, numbers of up to three digits, runs of punctuation and runs of
//! blanks, and then each of these into the tokens that its vocabulary has. The features follow
//! these cuts as far as a byte and the two before it tell. Each is a set of bytes, or a set of
//! bytes that follow bytes of another set; a set is given by the high and the low hexadecimal
//! digit of its members, which is what a processor can look up for sixteen bytes at once.
//! So `at "46" "1-f"` are the letters `A` to `O` and `a` to `o`. The sets are as coarse as that
//! form makes them; the weights make up for it.
//!
//! Text comes as it stands in JSON, so `\n` is a backslash and an `n`.

use super::lookup::{Bytes, Group, bytes};

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
            /// The features by name, for programs that fit weights.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$($((stringify!($name), self.$name)),*),*].into_iter()
            }

            /// The weighted sum, in thousandths of a token.
            pub(super) fn millitokens(&self) -> i128 {
                0 $($(+ i128::from(self.$name) * $weight)*)*
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
        early_letters = 153, ANY, ANY, bytes("46", "1-f");
        /// Letters `p` to `z` in both cases.
        late_letters = 195, ANY, ANY, bytes("57", "0-a");
        /// Letters after blanks, digits and most punctuation: beginnings of words.
        words = 317, ANY, bytes("0-3", "0-f"), bytes("4-7", "0-f");
        /// Capitals after small letters (twenty of them): `camelCase`.
        humps = 763, ANY, bytes("67", "0-f"), bytes("45", "1-a");
        /// Digits after anything but digits: beginnings of numbers.
        numbers = 1950, ANY, bytes("24-7", "0-f"), bytes("3", "0-9");
        /// Punctuation after a word or number.
        closing_marks = 433, ANY, bytes("3-7", "0-f"), bytes("2", "1-f");
        /// `j` and `k`: rare in English, which vocabularies know best.
        rare_early_letters = 799, ANY, ANY, bytes("46", "ab");
        /// `x` and `z`, likewise.
        rare_late_letters = 822, ANY, ANY, bytes("57", "8a");
    }
    /// Punctuation and line ends.
    marks {
        /// Punctuation after a blank.
        opening_marks = 1802, ANY, bytes("2", "0"), bytes("2", "1-f");
        /// `\n`, `\r`.
        line_ends = -20, ANY, bytes("5", "c"), bytes("67", "2e");
        /// Escapes after punctuation.
        marked_escapes = 22, ANY, bytes("237", "1-f"), bytes("5", "c");
        /// `\"`.
        quotes = -493, ANY, bytes("5", "c"), bytes("2", "2");
        /// Brackets, `;`, `=`, `_`, `|`, backslashes.
        brackets = 531, ANY, ANY, bytes("357", "b-f");
        /// The same after a word.
        closing_brackets = -119, ANY, bytes("4-7", "0-f"), bytes("357", "b-f");
        /// `:`.
        colons = 689, ANY, ANY, bytes("3", "a");
        /// `h`, frequent in English.
        h_letters = -299, ANY, ANY, bytes("46", "8");
    }
    /// Scripts, as the first byte of a character tells them.
    scripts {
        /// Latin letters with marks, Latin-1 signs.
        latin = 942, ANY, ANY, bytes("c", "0-9");
        /// Greek.
        greek = 417, ANY, ANY, bytes("c", "a-f");
        /// Cyrillic and Armenian.
        cyrillic = 340, ANY, ANY, bytes("d", "0-5");
        /// Hebrew, Arabic, Syriac.
        semitic = 404, ANY, ANY, bytes("d", "6-f");
        /// Indic scripts, Thai, Lao, Tibetan.
        indic = 421, ANY, ANY, bytes("e", "0");
        /// Vietnamese letters, Georgian, Khmer, Ethiopic.
        far_latin = 394, ANY, ANY, bytes("e", "1");
        /// Typographic punctuation, arrows, boxes.
        symbols = 1278, ANY, ANY, bytes("e", "2");
        /// Kana and the ideographs and punctuation around it.
        kana = 695, ANY, ANY, bytes("e", "3");
    }
    /// More scripts, and where they meet ASCII.
    more_scripts {
        /// Ideographs.
        han = 860, ANY, ANY, bytes("e", "4-9");
        /// Hangul.
        hangul = 762, ANY, ANY, bytes("e", "a-d");
        /// Compatibility forms, private use.
        compatibility = 392, ANY, ANY, bytes("e", "ef");
        /// Emoji and everything else beyond the first plane.
        astral = 1500, ANY, ANY, bytes("f", "0-f");
        /// Beginnings of other text after ASCII.
        switches = 46, ANY, bytes("0-7", "0-f"), bytes("c-f", "0-f");
        /// Beginnings of other text after a blank.
        spaced_switches = -225, ANY, bytes("2", "0"), bytes("c-f", "0-f");
        /// ASCII letters after other text.
        letters_after = -44, ANY, bytes("8-b", "0-f"), bytes("4-7", "0-f");
        /// ASCII punctuation after other text.
        marks_after = 1882, ANY, bytes("8-b", "0-f"), bytes("2", "1-f");
    }
    /// Characters written as `\uXXXX`, by the first digit. Their digits are counted above, too.
    escapes {
        /// European, Semitic and Indic scripts.
        u0 = -2662, bytes("5", "c"), bytes("7", "5"), bytes("3", "0");
        /// Georgian, Ethiopic, Khmer, Vietnamese.
        u1 = -3000, bytes("5", "c"), bytes("7", "5"), bytes("3", "1");
        /// Symbols.
        u2 = -482, bytes("5", "c"), bytes("7", "5"), bytes("3", "2");
        /// Kana.
        u3 = -2982, bytes("5", "c"), bytes("7", "5"), bytes("3", "3");
        /// Ideographs.
        u4 = -3287, bytes("5", "c"), bytes("7", "5"), bytes("3", "4-9");
        /// Hangul.
        ua = -3282, bytes("5", "c"), bytes("7", "5"), bytes("46", "1-3");
        /// Hangul and halves of surrogate pairs.
        ud = -1446, bytes("5", "c"), bytes("7", "5"), bytes("46", "4");
        /// Compatibility forms, private use.
        ue = -3345, bytes("5", "c"), bytes("7", "5"), bytes("46", "56");
    }
}
