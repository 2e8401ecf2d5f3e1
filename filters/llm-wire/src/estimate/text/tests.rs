use super::*;

fn count_in(pieces: &[&[u8]]) -> Features {
    let mut counter = TextCounter::default();
    for piece in pieces {
        counter.feed(piece);
    }
    counter.features().clone()
}

fn features(text: &str) -> Features {
    let whole = count_in(&[text.as_bytes()]);
    for size in [1, 2, 3, 7, 63, 64, 65] {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        assert_eq!(count_in(&pieces), whole, "{text} in pieces of {size}");
    }
    whole
}

#[test]
fn words_numbers_and_marks_are_runs() {
    let f = features("The HTTP/1.1 servers, in getUserName(x2)");
    assert_eq!((f.words, f.letters, f.humps), (6, 28, 2));
    assert_eq!((f.numbers, f.digits), (3, 3));
    assert_eq!((f.mark_runs, f.marks), (5, 5));
}

#[test]
fn an_escape_is_one_character_of_the_class_it_means() {
    let f = features(r#"one\ntwo\n\n\tthree \"four\" \\\\five"#);
    assert_eq!((f.words, f.letters), (5, 19));
    assert_eq!((f.line_ends, f.line_end_runs), (3, 2));
    assert_eq!((f.mark_runs, f.marks, f.spaced_marks), (3, 4, 2));
    assert_eq!(f.marked_words, 1);
}

#[test]
fn escaped_characters_count_as_the_same_script_as_unescaped_ones() {
    for text in
        ["服务网格是", "Größe à côté", "Привет, мир", "नमस्ते", "안녕하세요", "😀😀 ok", "“x” — y"]
    {
        let escaped: String = text
            .chars()
            .flat_map(|c| match c {
                c if c.is_ascii() => vec![c.to_string()],
                c => {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect()
                }
            })
            .collect();
        assert_eq!(features(&escaped), features(text), "{escaped}");
    }
}
