//! Finds the size in the first bytes of an image or a sound.
//!
//! A file is a row of blocks, most of which say how long they are and are of no interest. So 32 bytes
//! are held, enough for any header that has a size in it; what is passed over is not held at all.
//! The formats are those that the vendors take.

/// What the head of a file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Head {
    /// No known format, or one without a size where it belongs.
    #[default]
    Unknown,
    /// A PNG, JPEG, GIF or WebP.
    Picture { width: u32, height: u32 },
    /// A WAV, with the bytes of its sound.
    Sound { bytes_per_second: u32, bytes: u32 },
    /// A PDF. What it has in it is not told by its head.
    Pdf,
}

const HELD: usize = 32;

/// Reads the beginning of a file that comes in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadReader {
    window: [u8; HELD],
    held: usize,
    /// How many bytes are to be passed over before the window.
    skip: u64,
    block: Block,
    found: Option<Head>,
}

/// What stands at the beginning of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Block {
    /// The file.
    #[default]
    Start,
    /// A marker of a JPEG.
    Jpeg,
    /// A chunk of a WAV, whose format was seen or not.
    Wave { bytes_per_second: Option<u32> },
}

/// What to do with the window.
enum Step {
    /// More of it is needed.
    Wait,
    /// So many bytes lead to the next block.
    Pass(u64, Block),
    /// This was it.
    Found(Head),
}

impl HeadReader {
    /// What was found; nothing as long as more must come.
    pub(super) fn found(&self) -> Option<Head> {
        self.found
    }

    /// The next bytes of the file.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while self.found.is_none() && !bytes.is_empty() {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= passed as u64;
            let (_, rest) = bytes.split_at(passed);
            let (new, rest) = rest.split_at(rest.len().min(HELD - self.held));
            if let Some(place) = self.window.get_mut(self.held..self.held + new.len()) {
                place.copy_from_slice(new);
            }
            self.held += new.len();
            bytes = rest;
            self.look();
        }
    }

    fn look(&mut self) {
        while self.skip == 0 {
            let window = self.window.get(..self.held).unwrap_or_default();
            match self.block.step(window) {
                Step::Wait => return,
                Step::Found(head) => {
                    self.found = Some(head);
                    return;
                }
                Step::Pass(bytes, next) => {
                    self.block = next;
                    let here = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.held);
                    self.window.copy_within(here..self.held, 0);
                    self.held -= here;
                    self.skip = bytes - here as u64;
                }
            }
        }
    }
}

impl Block {
    fn step(self, window: &[u8]) -> Step {
        match self {
            Self::Start => start(window),
            Self::Jpeg => marker(window),
            Self::Wave { bytes_per_second } => chunk(window, bytes_per_second),
        }
    }
}

fn start(window: &[u8]) -> Step {
    match window {
        [] | [_] | [_, _] | [_, _, _] => Step::Wait,
        [0xff, 0xd8, 0xff, ..] => Step::Pass(2, Block::Jpeg),
        [b'%', b'P', b'D', b'F', ..] => Step::Found(Head::Pdf),
        [b'G', b'I', b'F', b'8', rest @ ..] => match rest {
            [_, _, w0, w1, h0, h1, ..] => {
                picture(u16::from_le_bytes([*w0, *w1]), u16::from_le_bytes([*h0, *h1]))
            }
            _ => Step::Wait,
        },
        [0x89, b'P', b'N', b'G', rest @ ..] => match rest {
            [_, _, _, _, _, _, _, _, b'I', b'H', b'D', b'R', rest @ ..] => match rest {
                [w0, w1, w2, w3, h0, h1, h2, h3, ..] => picture(
                    u32::from_be_bytes([*w0, *w1, *w2, *w3]),
                    u32::from_be_bytes([*h0, *h1, *h2, *h3]),
                ),
                _ => Step::Wait,
            },
            _ if rest.len() < 12 => Step::Wait,
            _ => Step::Found(Head::Unknown),
        },
        [b'R', b'I', b'F', b'F', _, _, _, _, kind @ ..] => match kind {
            [b'W', b'A', b'V', b'E', ..] => Step::Pass(12, Block::Wave { bytes_per_second: None }),
            [b'W', b'E', b'B', b'P', chunk @ ..] => webp(chunk),
            _ if kind.len() < 4 => Step::Wait,
            _ => Step::Found(Head::Unknown),
        },
        [b'R', b'I', b'F', b'F', ..] => Step::Wait,
        _ => Step::Found(Head::Unknown),
    }
}

/// The first chunk of a WebP: lossy, lossless, or one that tells of others.
fn webp(chunk: &[u8]) -> Step {
    match chunk {
        [b'V', b'P', b'8', b' ', _, _, _, _, _, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            let side = |low, high| u16::from_le_bytes([low, high]) & 0x3fff;
            picture(side(*w0, *w1), side(*h0, *h1))
        }
        [b'V', b'P', b'8', b'L', _, _, _, _, 0x2f, b0, b1, b2, b3, ..] => {
            let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
            picture((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
        }
        [b'V', b'P', b'8', b'X', _, _, _, _, _, _, _, _, w0, w1, w2, h0, h1, h2, ..] => picture(
            u32::from_le_bytes([*w0, *w1, *w2, 0]) + 1,
            u32::from_le_bytes([*h0, *h1, *h2, 0]) + 1,
        ),
        _ if chunk.len() < 18 => Step::Wait,
        _ => Step::Found(Head::Unknown),
    }
}

fn marker(window: &[u8]) -> Step {
    match window {
        [] | [_] => Step::Wait,
        // Any number of these may stand before a marker.
        [0xff, 0xff, ..] => Step::Pass(1, Block::Jpeg),
        [0xff, 0x01 | 0xd0..=0xd7, ..] => Step::Pass(2, Block::Jpeg),
        // Frames of any coding; these three codes in between are no frames.
        [0xff, 0xc0..=0xcf, rest @ ..] if !matches!(window, [_, 0xc4 | 0xc8 | 0xcc, ..]) => {
            match rest {
                [_, _, _, h0, h1, w0, w1, ..] => {
                    picture(u16::from_be_bytes([*w0, *w1]), u16::from_be_bytes([*h0, *h1]))
                }
                _ => Step::Wait,
            }
        }
        // The picture itself, or its end.
        [0xff, 0x00 | 0xd8..=0xda, ..] => Step::Found(Head::Unknown),
        [0xff, _, l0, l1, ..] => match u16::from_be_bytes([*l0, *l1]) {
            0 | 1 => Step::Found(Head::Unknown),
            length => Step::Pass(2 + u64::from(length), Block::Jpeg),
        },
        [0xff, ..] => Step::Wait,
        _ => Step::Found(Head::Unknown),
    }
}

fn chunk(window: &[u8], seen: Option<u32>) -> Step {
    let [k0, k1, k2, k3, s0, s1, s2, s3, content @ ..] = window else { return Step::Wait };
    let size = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
    // Chunks begin at even places.
    let next = 8 + u64::from(size) + u64::from(size & 1);
    match (&[*k0, *k1, *k2, *k3], content, seen) {
        (b"fmt ", [_, _, _, _, _, _, _, _, r0, r1, r2, r3, ..], _) => {
            let rate = u32::from_le_bytes([*r0, *r1, *r2, *r3]);
            Step::Pass(next, Block::Wave { bytes_per_second: Some(rate) })
        }
        (b"fmt ", ..) => Step::Wait,
        (b"data", _, Some(bytes_per_second)) if bytes_per_second > 0 => {
            Step::Found(Head::Sound { bytes_per_second, bytes: size })
        }
        (b"data", ..) => Step::Found(Head::Unknown),
        _ => Step::Pass(next, Block::Wave { bytes_per_second: seen }),
    }
}

fn picture(width: impl Into<u32>, height: impl Into<u32>) -> Step {
    let (width, height) = (width.into(), height.into());
    let has_size = width > 0 && height > 0;
    Step::Found(if has_size { Head::Picture { width, height } } else { Head::Unknown })
}
