//! What is counted of a text, and what each of it weighs in tokens.
//!
//! A tokenizer of today cuts text into words, numbers of up to three digits, runs of punctuation
//! and runs of blanks, and then each of these into the tokens that its vocabulary has. The
//! features follow these cuts, as far as they can be seen within a few bytes.
//!
//! The weights were fitted to `o200k_base` (least relative error, each kind of text counting
//! alike). Negative ones correct what another feature has counted with the same byte.

macro_rules! features {
    ($($(#[doc = $doc:literal])* $name:ident = $weight:literal,)*) => {
        /// How often each feature occurs in a text.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Features {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Features {
            /// The features by name, for programs that fit weights.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            /// The weighted sum, in thousandths of a token.
            pub(super) fn millitokens(&self) -> i128 {
                0 $(+ i128::from(self.$name) * $weight)*
            }
        }
    };
}

features! {
    /// ASCII letters.
    letters = 72,
    /// ASCII letters after at least four others.
    late_letters = 68,
    /// `j`, `k`, `x` and `z`: rare in English, which vocabularies know best.
    rare_letters = 833,
    /// `h`, frequent in English.
    h_letters = -298,
    /// Beginnings of words, after anything but a letter.
    words = 633,
    /// Words that follow punctuation or digits at once.
    glued_words = 572,
    /// Words that follow one punctuation mark, which most vocabularies join to them.
    marked_words = -924,
    /// ASCII letters after non-ASCII text.
    switches = -207,
    /// Capitals after small letters: `camelCase`.
    humps = 654,
    /// ASCII digits.
    digits = 185,
    /// Beginnings of numbers.
    numbers = 1176,
    /// Punctuation.
    marks = 22,
    /// Beginnings of runs of punctuation.
    mark_runs = 813,
    /// Runs of punctuation after a blank.
    spaced_marks = 356,
    /// Blanks that are the second of a run: indentation.
    indents = 793,
    /// Line ends.
    line_ends = 570,
    /// Runs of line ends.
    line_end_runs = 638,
    /// Runs of line ends after punctuation, which takes them in.
    marked_line_ends = -1475,
    /// Beginnings of non-ASCII runs.
    foreign_runs = -55,
    /// Latin letters with marks, Latin-1 signs.
    latin = 1247,
    /// Greek, Cyrillic, Armenian.
    greek = 371,
    /// Hebrew, Arabic, Syriac.
    semitic = 394,
    /// Indic scripts, Thai, Lao, Tibetan.
    indic = 412,
    /// Vietnamese letters, Georgian, Khmer, Ethiopic.
    far_latin = 378,
    /// Typographic punctuation, arrows, boxes.
    symbols = 1287,
    /// Kana and the ideographs and marks around it.
    kana = 668,
    /// Ideographs.
    han = 862,
    /// Hangul.
    hangul = 750,
    /// Compatibility forms, private use.
    compatibility = 900,
    /// Emoji and everything else beyond the first plane.
    astral = 1500,
}
