//! The published vocabularies.

use std::collections::HashSet;
use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What OpenAI publishes of a vocabulary.
pub(super) struct Published {
    pub(super) name: &'static str,
    /// How many tokens it has, special ones left out.
    tokens: u32,
    /// The sum of its file: lines of base64, a blank, and the rank.
    sha256: &'static str,
}

#[cfg(feature = "exact-o200k")]
pub(super) const O200K: Published = Published {
    name: "o200k_base",
    tokens: 199_998,
    sha256: "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
};

#[cfg(feature = "exact-cl100k")]
pub(super) const CL100K: Published = Published {
    name: "cl100k_base",
    tokens: 100_256,
    sha256: "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
};

/// The tokens of a vocabulary by rank.
pub(super) struct Vocabulary(Vec<Vec<u8>>);

impl Vocabulary {
    /// Takes it out of the crate that carries it, and checks it.
    pub(super) fn load(published: &Published) -> Result<Self, Box<dyn Error>> {
        let Published { name, tokens, sha256 } = published;
        let encoding = tiktoken::get_encoding(name).ok_or_else(|| {
            format!("the crate tiktoken has no vocabulary {name}; its feature for it must be on")
        })?;
        let vocabulary: Vec<Vec<u8>> = (0..*tokens).map(|rank| encoding.decode(&[rank])).collect();
        let mut file = String::new();
        for (rank, token) in vocabulary.iter().enumerate() {
            STANDARD.encode_string(token, &mut file);
            file.push_str(&format!(" {rank}\n"));
        }
        let found: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != *sha256 {
            return Err(format!(
                "the vocabulary {name} of the crate tiktoken has the SHA-256 {found}, but OpenAI publishes {sha256}: \
                 counts would not be exact; use the version of the crate that Cargo.lock names"
            )
            .into());
        }
        Ok(Self(vocabulary))
    }

    /// By rank.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// The rank of each single byte.
    pub(super) fn bytes(&self) -> Result<Vec<u32>, Box<dyn Error>> {
        let mut ranks = vec![u32::MAX; 256];
        for (rank, token) in (0..).zip(self.tokens()) {
            if let [byte] = token
                && let Some(place) = ranks.get_mut(usize::from(*byte))
            {
                *place = rank;
            }
        }
        if ranks.contains(&u32::MAX) { Err("a byte has no token".into()) } else { Ok(ranks) }
    }

    /// For the last byte of a character and the first of the next (its lowest six bits; 0 for ASCII):
    /// the lowest rank of a token that has this boundary inside, and a part of a character at an
    /// end. Such a token can keep one of the characters from being put together.
    pub(super) fn straddlers(&self) -> Vec<u32> {
        let mut lowest = vec![u32::MAX; 256 * 64];
        for (rank, token) in (0_u32..).zip(self.tokens()) {
            if std::str::from_utf8(token).is_ok() {
                continue;
            }
            let mut seen = HashSet::new();
            for (before, after) in token.iter().zip(token.iter().skip(1)) {
                let column = match after {
                    ..0x80 => 0,
                    0x80..0xc0 => continue,
                    _ => usize::from(*after & 63),
                };
                if seen.insert((before, column)) {
                    let at = usize::from(*before) << 6 | column;
                    if let Some(place) = lowest.get_mut(at) {
                        *place = rank.min(*place);
                    }
                }
            }
        }
        lowest
    }
}
