//! What an image of a given size costs, by the rule of the model that looks at it.

use crate::api::Family;

/// How closely the client wants an image looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing was said, or `auto`.
    #[default]
    Auto,
    Low,
    High,
}

impl Detail {
    /// As a request says it; unknown words are for the server to refuse.
    pub(crate) fn from_word(word: &[u8]) -> Self {
        match word {
            b"low" => Self::Low,
            b"high" | b"original" => Self::High,
            _ => Self::Auto,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// So much for the image and so much for each tile of it.
    Tiles { base: u64, tile: u64 },
    /// So many hundredths for each patch.
    Patches { percent: u64 },
    /// One for each block.
    Blocks,
}

const ANY_MODEL: Rule = Rule::Tiles { base: 85, tile: 170 };

/// A name is one of these, or goes on with a version after it; the first that fits decides.
const RULES: [(&str, Rule); 15] = [
    ("gpt-4o-mini", Rule::Tiles { base: 2833, tile: 5667 }),
    ("gpt-4o", ANY_MODEL),
    ("gpt-4.1-mini", Rule::Patches { percent: 162 }),
    ("gpt-4.1-nano", Rule::Patches { percent: 246 }),
    ("gpt-4.1", ANY_MODEL),
    ("gpt-4.5", ANY_MODEL),
    ("gpt-4.5-preview", ANY_MODEL),
    ("gpt-4-turbo", ANY_MODEL),
    ("gpt-5-mini", Rule::Patches { percent: 162 }),
    ("gpt-5-nano", Rule::Patches { percent: 246 }),
    ("gpt-5", Rule::Tiles { base: 70, tile: 140 }),
    ("o4-mini", Rule::Patches { percent: 172 }),
    ("o1", Rule::Tiles { base: 75, tile: 150 }),
    ("o3", Rule::Tiles { base: 75, tile: 150 }),
    ("computer-use-preview", Rule::Tiles { base: 65, tile: 129 }),
];

/// The size that stands for one that is not known.
const USUAL: (u64, u64) = (1024, 1024);

/// What an image costs, and how far off that may be.
pub(super) fn price(
    family: Family,
    model: &str,
    detail: Detail,
    size: Option<(u64, u64)>,
) -> (u64, u64) {
    let published = Rule::of(model);
    let rule = published.unwrap_or(match family {
        Family::OpenAi => ANY_MODEL,
        Family::Anthropic => Rule::Blocks,
    });
    let (width, height) = size.unwrap_or(USUAL);
    let low = rule.low(width, height);
    let high = rule.high(width, height);
    let tokens = if detail == Detail::Low { low } else { high };
    let rounding = tokens.div_ceil(10);
    let doubt = match (published, rule, detail) {
        // What costs the same at any size is known without it.
        (Some(Rule::Tiles { .. }), _, Detail::Low) => rounding,
        (None, Rule::Tiles { .. }, _) => tokens,
        _ if size.is_none() => tokens,
        // Later models look at images that are 1.6 times as wide and high.
        (_, Rule::Blocks, _) if is_scaled(width, height) => tokens.saturating_mul(2),
        (_, Rule::Blocks, _) | (_, _, Detail::High | Detail::Low) => rounding,
        (_, _, Detail::Auto) => rounding.max(tokens.saturating_sub(low)),
    };
    (tokens, doubt)
}

impl Rule {
    fn of(model: &str) -> Option<Self> {
        if model.contains("claude") {
            return Some(Self::Blocks);
        }
        let ends = |rest: &str| rest.is_empty() || rest.starts_with('-');
        RULES.iter().find(|(name, _)| model.strip_prefix(name).is_some_and(ends)).map(|(_, r)| *r)
    }

    fn low(self, width: u64, height: u64) -> u64 {
        match self {
            Self::Tiles { base, .. } => base,
            Self::Patches { .. } => {
                let (width, height) = into_box(width, height, 512);
                self.high(width, height)
            }
            Self::Blocks => self.high(width, height),
        }
    }

    fn high(self, width: u64, height: u64) -> u64 {
        match self {
            Self::Tiles { base, tile } => base + tile * tiles(width, height),
            Self::Patches { percent } => (patches(width, height) * percent).div_ceil(100),
            Self::Blocks => blocks(width, height),
        }
    }
}

/// Scales down until no side is longer.
fn into_box(width: u64, height: u64, most: u64) -> (u64, u64) {
    let long = width.max(height);
    if long <= most {
        return (width, height);
    }
    ((width * most / long).max(1), (height * most / long).max(1))
}

/// The tiles of 512 pixels that cover the image: eight at most.
fn tiles(width: u64, height: u64) -> u64 {
    let (width, height) = into_box(width, height, 2048);
    let short = width.min(height);
    let fit = |side: u64| if short > 768 { side * 768 / short } else { side };
    fit(width).div_ceil(512) * fit(height).div_ceil(512)
}

const PATCH: f64 = 32.0;
const MOST_PATCHES: u64 = 1536;

/// The patches of 32 pixels that cover the image, scaled so that whole ones fit.
fn patches(width: u64, height: u64) -> u64 {
    let all = width.div_ceil(32).saturating_mul(height.div_ceil(32));
    if all <= MOST_PATCHES {
        return all;
    }
    let (width, height) = (width as f64 / PATCH, height as f64 / PATCH);
    let shrink = (MOST_PATCHES as f64 / (width * height)).sqrt();
    let (width, height) = (width * shrink, height * shrink);
    let whole = |side: f64| side.floor().max(1.0) / side;
    let shrink = whole(width).min(whole(height));
    // A side that was made whole is not to be rounded up by what its division lost.
    let covered = |side: f64| (side * shrink - 1e-9).ceil().max(1.0) as u64;
    covered(width).saturating_mul(covered(height)).min(MOST_PATCHES)
}

const BLOCK: u64 = 28;
const MOST_BLOCKS: u64 = 1568;
const LONGEST_SIDE: u64 = 1568;

fn covering_blocks(width: u64, height: u64) -> u64 {
    width.div_ceil(BLOCK).saturating_mul(height.div_ceil(BLOCK))
}

/// Whether the image is scaled down before it is looked at.
fn is_scaled(width: u64, height: u64) -> bool {
    width.max(height) > LONGEST_SIDE || covering_blocks(width, height) > MOST_BLOCKS
}

/// The blocks of 28 pixels that cover the image.
fn blocks(width: u64, height: u64) -> u64 {
    let (width, height) = into_box(width, height, LONGEST_SIDE);
    covering_blocks(width, height).min(MOST_BLOCKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai(model: &str, detail: Detail, size: (u64, u64)) -> (u64, u64) {
        price(Family::OpenAi, model, detail, Some(size))
    }

    #[test]
    fn tiles_cost_what_openai_says_in_its_examples() {
        let high = |size| openai("gpt-4o", Detail::High, size).0;
        assert_eq!(high((1024, 1024)), 765);
        assert_eq!(high((2048, 4096)), 1105);
        // Its servers reported one tile, so that nothing is made larger.
        assert_eq!(high((128, 64)), 255);
        assert_eq!(high((512, 513)), 425);
        assert_eq!(high((1, 100_000)), 765);
        assert_eq!(openai("gpt-4o", Detail::Low, (4096, 8192)), (85, 9));
    }

    #[test]
    fn every_model_has_its_own_prices() {
        let prices = |name| {
            let (high, _) = openai(name, Detail::High, (1024, 1024));
            (openai(name, Detail::Low, (1024, 1024)).0, high)
        };
        assert_eq!(prices("gpt-4o-mini-2024-07-18"), (2833, 25_501));
        assert_eq!(prices("gpt-4.1-2025-04-14"), (85, 765));
        assert_eq!(prices("gpt-5"), (70, 630));
        assert_eq!(prices("o3"), (75, 675));
        assert_eq!(prices("gpt-4.1-mini"), (415, 1659));
        assert_eq!(prices("o4-mini"), (441, 1762));
        // Later families are not priced as earlier ones, but as anybody's.
        assert_eq!(prices("gpt-5.9"), (85, 765));
        assert_eq!(openai("gpt-5.9", Detail::High, (1024, 1024)).1, 765);
    }

    #[test]
    fn patches_are_those_of_openais_examples() {
        assert_eq!(patches(1024, 1024), 1024);
        assert_eq!(patches(1800, 2400), 1452);
        assert_eq!((patches(4000, 1474) * 162).div_ceil(100), 2348);
        assert_eq!(patches(1, 1), 1);
        assert_eq!(patches(1, 4_000_000_000), 1536);
    }

    #[test]
    fn blocks_are_within_a_few_percent_of_anthropics_examples() {
        let claude = |size| price(Family::Anthropic, "claude-sonnet-4-5", Detail::Auto, Some(size));
        for (size, said) in [((200, 200), 54), ((1000, 1000), 1334), ((1092, 1092), 1590)] {
            let (tokens, _) = claude(size);
            assert!(tokens.abs_diff(said) * 100 <= said * 20, "{tokens} for {said}");
        }
        assert_eq!(claude((1092, 1092)), (1521, 153));
        // Scaled, which later models do less.
        assert_eq!(claude((4000, 3000)), (1568, 3136));
        assert_eq!(claude((1568, 784)), (1568, 157));
    }

    #[test]
    fn what_is_not_known_is_doubted() {
        let unsized_image = |model, detail| price(Family::OpenAi, model, detail, None);
        assert_eq!(unsized_image("gpt-4o", Detail::High), (765, 765));
        assert_eq!(unsized_image("gpt-4o", Detail::Low), (85, 9));
        assert_eq!(unsized_image("llava", Detail::Low), (85, 85));
        assert_eq!(price(Family::Anthropic, "", Detail::Auto, None), (1369, 1369));
        assert_eq!(openai("gpt-4o", Detail::Auto, (1024, 1024)), (765, 680));
        assert_eq!(openai("llava", Detail::High, (1024, 1024)), (765, 765));
        assert_eq!(openai("gpt-4o", Detail::High, (1024, 1024)), (765, 77));
    }
}
