use proptest::prelude::*;

use super::*;

/// Heads of files that Pillow and Python's `wave` wrote, with what those say they are.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zUAAAMAElEQQ==";
const GIF: &str = "R0lGODdhQAHIAIAAAAAAAAAAACwAAAAAQAHIAEAI/wABCBxIsKDBgw==";
const JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAlgBwgDASI=";
const PROGRESSIVE_JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wgARCAH/AgEDASI=";
const LOSSY_WEBP: &str = "UklGRg4BAABXRUJQVlA4IAIBAACwHACdASqQASwBPm02mUmkIyKhIA==";
const LOSSLESS_WEBP: &str = "UklGRiYAAABXRUJQVlA4TBkAAAAvkAFLAAcQEf0PCEiS/v8nI/qf8Q==";
const EXTENDED_WEBP: &str = "UklGRpQCAABXRUJQVlA4WAoAAAAYAAAAkQEALQEAQUxQSBQAAAABBw==";
const WAV: &str =
    "UklGRiR9AABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQB9AAAAAAAAAAAAAAAAAAAAAAAA";

const FILES: [(&str, Head); 8] = [
    (PNG, Head::Picture { width: 1024, height: 1024 }),
    (GIF, Head::Picture { width: 320, height: 200 }),
    (JPEG, Head::Picture { width: 1800, height: 2400 }),
    (PROGRESSIVE_JPEG, Head::Picture { width: 513, height: 511 }),
    (LOSSY_WEBP, Head::Picture { width: 400, height: 300 }),
    (LOSSLESS_WEBP, Head::Picture { width: 401, height: 301 }),
    (EXTENDED_WEBP, Head::Picture { width: 402, height: 302 }),
    (WAV, Head::Sound { bytes_per_second: 32_000, bytes: 32_000 }),
];

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Sight {
    let mut source = Source::default();
    pieces.into_iter().for_each(|piece| source.feed(piece));
    source.end()
}

fn head(text: &str) -> Head {
    let whole = read([text.as_bytes()]);
    for at in 0..=text.len() {
        let (first, second) = text.as_bytes().split_at(at);
        assert_eq!(read([first, second]), whole, "{text} cut at {at}");
    }
    assert_eq!(read(text.as_bytes().chunks(1)), whole, "{text} byte by byte");
    match whole {
        Sight::Inline { head, .. } => head,
        Sight::Elsewhere => Head::Unknown,
    }
}

#[test]
fn the_size_is_found_in_real_files_wherever_they_are_cut() {
    for (file, wanted) in FILES {
        assert_eq!(head(file), wanted, "{file}");
        assert_eq!(head(&format!("data:image/png;base64,{file}")), wanted, "{file}");
        assert_eq!(head(&format!("DATA:;base64,{file}")), wanted, "{file}");
    }
    assert_eq!(head("JVBERi0xLjcKJeLjz9MK"), Head::Pdf);
}

#[test]
fn base64_may_be_written_with_escapes_and_breaks_and_without_padding() {
    for (file, wanted) in FILES {
        assert_eq!(head(&file.replace('/', r"\/")), wanted, "{file}");
        let unicode = file.replace('/', r"\u002F").replace('=', r"\u003d");
        assert_eq!(head(&unicode.replace('+', r"\u002b")), wanted, "{file}");
        assert_eq!(head(&file.replace('/', "_").replace('+', "-")), wanted, "{file}");
        assert_eq!(head(file.trim_end_matches('=')), wanted, "{file}");
        let (first, second) = file.split_at(20);
        assert_eq!(head(&format!(r"{first}\r\n{second}\n")), wanted, "{file}");
    }
}

#[test]
fn a_medium_elsewhere_is_not_read() {
    for url in ["https://a.example/b.png", r"https:\/\/a.example\/", "gs://b/c", "attachment:1"] {
        assert_eq!(read([url.as_bytes()]), Sight::Elsewhere, "{url}");
    }
}

#[test]
fn a_head_cut_short_or_damaged_is_unknown_or_another_size() {
    for (file, _) in FILES {
        // The last character of a size and what follows it may be missing; no other.
        for end in 0..file.len() {
            let _ = head(file.get(..end).unwrap());
        }
        assert_eq!(head(file.get(..12).unwrap()), Head::Unknown, "{file}");
    }
    let no_size = "iVBORw0KGgoAAAANSUhEUgAAAAAAAAQACAIAAAA=";
    assert_eq!(head(no_size), Head::Unknown, "a width of 0");
    assert_eq!(head("data:image/png,not base64"), Head::Unknown);
    assert_eq!(head(&format!("data:{}", "a".repeat(1000))), Head::Unknown);
    assert_eq!(head(""), Head::Unknown);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A JPEG with so many bytes of other things before its size.
fn jpeg_after(bytes: usize) -> String {
    let mut file = vec![0xff, 0xd8];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(65_535);
        file.extend([0xff, 0xe1]);
        file.extend((length as u16).to_be_bytes());
        file.resize(file.len() + length - 2, 0x55);
        left -= length;
    }
    file.extend([0xff, 0xff, 0xc0, 0, 17, 8, 0, 50, 0, 100, 3, 1, 0x22, 0, 2]);
    base64(&file)
}

#[test]
fn the_size_of_a_jpeg_may_stand_after_a_thumbnail_but_not_after_everything() {
    let wanted = Head::Picture { width: 100, height: 50 };
    let found = |bytes| match read(jpeg_after(bytes).as_bytes().chunks(1000)) {
        Sight::Inline { head, .. } => head,
        Sight::Elsewhere => Head::Unknown,
    };
    assert_eq!(found(496), wanted);
    assert_eq!(found(200_000), wanted);
    assert_eq!(found(300_000), Head::Unknown);
}

fn price(model: &str, kind: MediaKind, file: &str) -> (u64, u64) {
    let sight = read([file.as_bytes()]);
    let medium = Media::price(Family::OpenAi, Some(model), kind, Detail::High, sight);
    assert_eq!(medium.kind, kind);
    (medium.tokens, medium.doubt)
}

#[test]
fn audio_costs_by_its_seconds() {
    let wav = base64(&wav_bytes(80_000, 32_000, 80_000));
    assert_eq!(price("gpt-4o-audio-preview", MediaKind::Audio, &wav), (25, 3));
    // A stream's head promises more than comes.
    let stream = base64(&wav_bytes(u32::MAX, 32_000, 64_000));
    assert!((20..=21).contains(&price("openai/gpt-audio", MediaKind::Audio, &stream).0));
    assert_eq!(price("qwen-omni", MediaKind::Audio, &wav), (25, 75));
    let mp3 = "SUQz".repeat(40_000);
    assert_eq!(price("gpt-audio", MediaKind::Audio, &mp3), (75, 225));
    let url = "https://a.example/b.mp3";
    assert_eq!(price("gpt-audio", MediaKind::Audio, url), (600, 600));
}

/// With a chunk of an odd length before its format.
fn wav_bytes(said: u32, bytes_per_second: u32, bytes: usize) -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVELIST\x05\0\0\0abcde\0fmt \x10\0\0\0".to_vec();
    file.extend([1, 0, 1, 0, 0, 0, 0, 0]);
    file.extend(bytes_per_second.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(said.to_le_bytes());
    file.resize(file.len() + bytes, 0);
    file
}

#[test]
fn files_cost_by_their_bytes() {
    let pdf = base64(&[b"%PDF-1.7".as_slice(), &[0; 99_992]].concat());
    assert_eq!(price("gpt-4o", MediaKind::File, &pdf), (6000, 18_000));
    let text = base64(&[b' '; 4000]);
    assert_eq!(price("gpt-4o", MediaKind::File, &text), (1001, 1001));
    assert_eq!(price("gpt-4o", MediaKind::File, PNG), (765, 77));
    let url = "https://a.example/b.pdf";
    assert_eq!(price("gpt-4o", MediaKind::File, url), (30_000, 30_000));
}

#[test]
fn what_is_read_takes_no_memory() {
    assert!(size_of::<Source>() <= 192, "{}", size_of::<Source>());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes, they are the same in any pieces, and have a price.
    #[test]
    fn any_split_of_any_string_gives_the_same_price(
        begin in prop::sample::select(vec!["", "data:image/png;base64,", "data:,", "https://", "\\u"]),
        file in prop::sample::select(FILES.as_slice()),
        keep in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
        piece in 1..70_usize,
    ) {
        let kept = file.0.get(..keep.index(file.0.len())).unwrap();
        let string = [begin.as_bytes(), kept.as_bytes(), &noise].concat();
        let whole = read([string.as_slice()]);
        prop_assert_eq!(read(string.chunks(1)), whole);
        prop_assert_eq!(read(string.chunks(piece)), whole);
        for kind in [MediaKind::Image, MediaKind::Audio, MediaKind::File] {
            for family in [Family::OpenAi, Family::Anthropic] {
                let medium = Media::price(family, None, kind, Detail::Auto, whole);
                prop_assert!(medium.doubt > 0);
                prop_assert!(medium.tokens <= 60_000, "{:?}", medium);
            }
        }
    }

    /// Any size in a header, even one that nobody can paint.
    #[test]
    fn any_size_has_a_price_and_a_larger_image_is_never_cheaper_than_the_least(
        width in any::<u32>(),
        height in any::<u32>(),
        model in prop::sample::select(vec!["gpt-4o", "gpt-4.1-mini", "claude-3", "llava", "o4-mini"]),
        detail in prop::sample::select(vec![Detail::Auto, Detail::Low, Detail::High]),
    ) {
        let head = Head::Picture { width: width.max(1), height: height.max(1) };
        let sight = Sight::Inline { head, bytes: 100 };
        let medium = Media::price(Family::OpenAi, Some(model), MediaKind::Image, detail, sight);
        prop_assert!((1..=3800).contains(&medium.tokens), "{:?}", medium);
    }
}
