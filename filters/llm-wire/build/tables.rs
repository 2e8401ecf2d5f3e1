//! All tables, one file each.

#[path = "classes.rs"]
mod classes;
#[path = "../src/exact/hash.rs"]
mod hash;
#[path = "merges.rs"]
mod merges;
#[path = "perfect.rs"]
mod perfect;
#[path = "vocabulary.rs"]
mod vocabulary;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use merges::Merges;
use perfect::Perfect;
use vocabulary::{Published, Vocabulary};

/// Where tables of one encoding go.
struct Folder(PathBuf);

impl Folder {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), Box<dyn Error>> {
        let path = self.0.join(name);
        fs::write(&path, bytes).map_err(|why| format!("{}: {why}", path.display()).into())
    }
}

/// Writes the tables of every encoding whose feature is on.
pub(crate) fn write_all() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let (index, blocks) = classes::blocks()?;
    fs::write(out.join("classes.index"), index)?;
    fs::write(out.join("classes.blocks"), blocks)?;
    #[cfg(feature = "exact-o200k")]
    write(&out, &vocabulary::O200K)?;
    #[cfg(feature = "exact-cl100k")]
    write(&out, &vocabulary::CL100K)?;
    Ok(())
}

fn write(out: &Path, published: &Published) -> Result<(), Box<dyn Error>> {
    let vocabulary = Vocabulary::load(published)?;
    let merges = Merges::of(&vocabulary)?;
    let folder = Folder(out.join(published.name));
    fs::create_dir_all(&folder.0)?;

    folder.write("bytes.bin", little(&vocabulary.bytes()?))?;
    folder.write("pairs_of_bytes.bin", little(&merges.pairs_of_bytes()))?;
    folder.write("chars.bin", little(&merges::chars(&vocabulary)))?;
    folder.write("straddlers.bin", little(&vocabulary.straddlers()))?;

    let pairs = merges.pairs();
    let table = Perfect::of(pairs.iter().map(|pair| pair.0))?;
    folder.write("pairs.seeds", &table.seeds)?;
    let slots: Vec<u64> = table.place(&pairs, u64::MAX, |(key, id)| key << 18 | u64::from(*id));
    folder
        .write("pairs.bin", slots.iter().flat_map(|slot| slot.to_le_bytes()).collect::<Vec<_>>())?;

    let filter = perfect::filter(pairs.iter().map(|pair| pair.0));
    folder.write(
        "pairs.filter",
        filter.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>(),
    )?;

    // Tokens with a NUL in them would be mistaken for shorter ones, whose place ends in zeros.
    let words = |range: std::ops::RangeInclusive<usize>| {
        let tokens = vocabulary.tokens().filter(move |token| range.contains(&token.len()));
        tokens.filter(|token| !token.contains(&0)).map(word).collect::<Vec<_>>()
    };
    let short = words(1..=8);
    let table = Perfect::of(short.iter().map(|word| word.0))?;
    folder.write("short.seeds", &table.seeds)?;
    let slots = table.place(&short, 0, |word| word.0);
    folder
        .write("short.bin", slots.iter().flat_map(|slot| slot.to_le_bytes()).collect::<Vec<_>>())?;

    let medium = words(9..=16);
    let table = Perfect::of(medium.iter().map(|&(low, high)| hash::halves(low, high)))?;
    folder.write("medium.seeds", &table.seeds)?;
    let slots = table.place(&medium, (0, 0), |word| *word);
    let slots = slots.iter().flat_map(|(low, high)| [low.to_le_bytes(), high.to_le_bytes()]);
    folder.write("medium.bin", slots.flatten().collect::<Vec<_>>())
}

/// A token of up to sixteen bytes as two numbers.
fn word(token: &[u8]) -> (u64, u64) {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(token).for_each(|(place, byte)| *place = *byte);
    let (low, high) = bytes.split_at(8);
    let number =
        |half: &[u8]| half.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (number(low), number(high))
}

fn little(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
