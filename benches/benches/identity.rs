//! Whether exact counts are those of OpenAI's algorithm, over as much text as there is time for.
//!
//! `cargo bench -p benches --bench identity [-- --megabytes 500]`
//!
//! Texts of some kilobytes, each of stretches of every kind: words of twenty languages, sources and
//! documents of the dependencies, JSON, emoji, any Unicode, repeats, random letters. Each is fed in
//! pieces of random lengths, to both encodings, and compared with `tiktoken-rs`, which is OpenAI's
//! own code with its own regular expressions. Ends with the first text that differs.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use benches::argument;
use benches::prose;
use fastrand::Rng;
use llm_wire::{Encoding, ExactCounter, TextSink as _, TokenSource};

/// The first article of the Universal Declaration of Human Rights, or its beginning.
const LANGUAGES: [&str; 21] = [
    "All human beings are born free and equal in dignity and rights. They're endowed with reason.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison.",
    "Todos los seres humanos nacen libres e iguales en dignidad y derechos, dotados como están de razón.",
    "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de consciência.",
    "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione.",
    "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.",
    "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом.",
    "Всі люди народжуються вільними і рівними у своїй гідності та правах.",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler.",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميرًا",
    "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = argument("--megabytes").unwrap_or(500) as u64 * 1_000_000;
    let shipped = [prose::english()?, prose::code()?];
    let done = AtomicU64::new(0);
    let workers = thread::available_parallelism()?.get() as u64;
    thread::scope(|scope| {
        let shipped = &shipped;
        let done = &done;
        let work = |seed| scope.spawn(move || compare(seed, shipped, done, wanted));
        let workers: Vec<_> = (0..workers).map(work).collect();
        for worker in workers {
            worker.join().map_err(|_| "a count has panicked")??;
        }
        Ok::<(), String>(())
    })?;
    println!("\n{} MB, each with both encodings: 0 differences", done.into_inner() / 1_000_000);
    Ok(())
}

fn compare(seed: u64, shipped: &[String], done: &AtomicU64, wanted: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let mut counters = Encoding::ALL.map(ExactCounter::new);
    loop {
        let text = text(&mut rng, shipped);
        for counter in counters.iter_mut().flatten() {
            counter.clear();
            let longest = *rng.choice(&[3, 40, 5_000]).unwrap_or(&40);
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(rng.usize(1..=longest).min(rest.len()));
                counter.plain(piece);
                rest = later;
            }
            counter.end_plain();
            let ours = counter.count();
            let theirs = match counter.encoding() {
                Encoding::O200kBase => tiktoken_rs::o200k_base_singleton().encode_ordinary(&text),
                Encoding::O200kHarmony => {
                    tiktoken_rs::o200k_harmony_singleton().encode_with_special_tokens(&text)
                }
                Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton().encode_ordinary(&text),
            };
            let theirs = theirs.len() as u64;
            if (ours.tokens, ours.source) != (theirs, TokenSource::Exact) {
                let name = counter.encoding().name();
                return Err(format!("{name}: {ours:?}, tiktoken-rs counts {theirs}: {text:?}"));
            }
        }
        let length = text.len() as u64;
        let before = done.fetch_add(length, Ordering::Relaxed);
        if before / 10_000_000 != (before + length) / 10_000_000 {
            eprint!("\r{} of {} MB ", (before + length) / 1_000_000, wanted / 1_000_000);
        }
        if before + length >= wanted {
            return Ok(());
        }
    }
}

/// Stretches of every kind, none longer than what the counter takes as one piece.
fn text(rng: &mut Rng, shipped: &[String]) -> String {
    let mut text = String::new();
    while text.len() < 6_000 {
        match rng.u8(..12) {
            0..3 => words(rng, &mut text),
            3..6 => excerpt(rng, &mut text, shipped),
            6 => {
                let (mut inside, times) = (String::new(), rng.usize(1..40));
                words(rng, &mut inside);
                text.push_str(&serde_json::json!({ "content": inside, "n": times }).to_string());
            }
            7 => text.extend((0..rng.usize(1..60)).map(|_| rng.char('\u{1f300}'..='\u{1faff}'))),
            8 => text.extend((0..rng.usize(1..80)).map(|_| rng.char(..))),
            9 => {
                let letters = rng.usize(1..4);
                let repeated: String = (0..letters).map(|_| any(rng)).collect();
                text.push_str(&repeated.repeat(rng.usize(1..200)));
            }
            10 => text.extend((0..rng.usize(1..400)).map(|_| rng.lowercase())),
            _ => text.extend((0..rng.usize(1..60)).map(|_| any(rng))),
        }
    }
    text
}

fn any(rng: &mut Rng) -> char {
    match rng.u8(..5) {
        0 => rng.char(' '..='~'),
        1 => *rng.choice(&['\n', '\r', '\t', ' ', '\u{a0}', '\u{3000}', '\'', '/']).unwrap_or(&' '),
        2 => rng.char('\u{80}'..='\u{24f}'),
        3 => rng.char('\u{300}'..='\u{5ff}'),
        _ => rng.char('\u{3040}'..='\u{9fff}'),
    }
}

fn words(rng: &mut Rng, text: &mut String) {
    let language = rng.choice(LANGUAGES).unwrap_or_default();
    let words: Vec<&str> = language.split(' ').collect();
    for _ in 0..rng.usize(1..30) {
        let word = rng.choice(&words).copied().unwrap_or_default();
        match rng.u8(..12) {
            0 => text.push_str(&word.to_uppercase()),
            1 => text.extend(word.chars().rev()),
            2 => text.push_str(&format!("{word}'s {} ", rng.u32(..))),
            _ => text.push_str(word),
        }
        text.push_str(rng.choice([" ", " ", " ", " ", "", "  ", "\n", "_", "-"]).unwrap_or(" "));
    }
}

fn excerpt(rng: &mut Rng, text: &mut String, shipped: &[String]) {
    let Some(source) = rng.choice(shipped) else { return };
    let begin = source.floor_char_boundary(rng.usize(..source.len()));
    let end = source.floor_char_boundary((begin + rng.usize(1..1_500)).min(source.len()));
    text.push_str(source.get(begin..end).unwrap_or_default());
}
