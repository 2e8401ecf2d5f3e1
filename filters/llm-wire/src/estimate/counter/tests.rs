use super::*;

fn count_in(pieces: &[&[u8]]) -> Features {
    let mut counter = Counter::default();
    for piece in pieces {
        counter.feed(piece);
    }
    counter.features()
}

fn features(text: &str) -> Features {
    let whole = count_in(&[text.as_bytes()]);
    for size in [1, 2, 3, 4, 7, 63, 64, 65, 66, 67, 127, 128] {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        assert_eq!(count_in(&pieces), whole, "{text} in pieces of {size}");
    }
    whole
}

#[test]
fn words_begin_after_anything_but_letters() {
    let f = features("The HTTP/1.1 servers, in getUserName(x2)");
    assert_eq!(f.words, 6);
    assert_eq!((f.early_letters, f.late_letters), (14, 14));
    assert_eq!((f.humps, f.numbers), (1, 3));
    assert_eq!((f.closing_marks, f.rare_late_letters), (5, 1));
}

#[test]
fn escapes_are_told_by_the_byte_after_the_backslash() {
    let f = features(r#"one;\ntwo\n\n\tthree \"four\""#);
    assert_eq!((f.line_ends, f.marked_escapes), (3, 2));
}

#[test]
fn scripts_are_told_by_the_first_byte_of_a_character() {
    let f = features("服务网格是 Größe naïve Привет мир नमस्ते 안녕 😀 “x”，カナ");
    assert_eq!((f.han, f.latin, f.cyrillic, f.indic), (5, 3, 9, 6));
    assert_eq!((f.hangul, f.astral, f.symbols, f.kana, f.compatibility), (2, 1, 2, 2, 1));
}

#[test]
fn unicode_escapes_are_told_by_their_first_digits() {
    let f = features(
        r"menu00 u04 \u4e2d\u6587\u00e9\ud83d\ude00\uac00\u3042\uff0c\u043f\u0e01\u0639\u2014\u0939 u0e",
    );
    assert_eq!(f.unicode_escapes, 13);
    assert_eq!((f.u00, f.u03, f.u04, f.u09), (1, 3, 2, 1));
    assert_eq!((f.u1, f.u3, f.ua, f.ud8), (1, 3, 4, 1));
}

#[test]
fn long_texts_are_counted_to_the_end() {
    let f = features(&"a word, ".repeat(10_000));
    assert_eq!((f.words, f.closing_marks), (20_000, 10_000));
}

#[test]
fn the_end_of_a_text_is_the_end_of_a_word() {
    let mut counter = Counter::default();
    counter.feed(b"one");
    counter.feed(b"more");
    assert_eq!(counter.features().words, 1);
    counter.end();
    counter.feed(b"two");
    assert_eq!(counter.features().words, 2);
}
