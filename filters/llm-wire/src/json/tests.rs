use super::*;

/// Writes down what it is told, and looks into everything but members named `skip` and `bytes`.
#[derive(Default)]
struct Notes {
    out: String,
    key: Vec<u8>,
}

impl Notes {
    fn note(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push(' ');
    }

    fn inside(&mut self, bracket: &str) -> Inside {
        let inside = match &self.key[..] {
            b"skip" => Inside::Nothing,
            b"bytes" => Inside::Bytes,
            _ => Inside::Events,
        };
        self.key.clear();
        self.note(bracket);
        inside
    }
}

impl Visitor for Notes {
    fn key(&mut self, key: Option<&[u8]>) {
        self.key = key.unwrap_or(b"?").to_vec();
        let key = String::from_utf8_lossy(&self.key).into_owned();
        self.note(&format!("{key}:"));
    }
    fn object(&mut self, _: u64) -> Inside {
        self.inside("{")
    }
    fn array(&mut self) -> Inside {
        self.inside("[")
    }
    fn close(&mut self) {
        self.note("end");
    }
    fn string(&mut self) -> Content {
        match &self.key[..] {
            b"skip" => Content::Nothing,
            b"bytes" => Content::Bytes,
            _ => Content::Value,
        }
    }
    fn value(&mut self, value: Option<&[u8]>, _: Range<u64>) {
        let value = value.map_or("?".into(), String::from_utf8_lossy);
        self.note(&format!("'{value}'"));
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.out.push_str(&String::from_utf8_lossy(bytes));
    }
    fn bytes_end(&mut self) {
        self.note("|");
    }
    fn scalar(&mut self, scalar: Scalar, _: Range<u64>) {
        match scalar {
            Scalar::Null => self.note("null"),
            Scalar::Bool(value) => self.note(&value.to_string()),
            Scalar::Number(number) => self.note(&format!("{:?}", number.count())),
        }
    }
}

/// Reads a document in pieces of every size; all must agree.
fn read(text: &[u8]) -> Result<String, (usize, Malformed)> {
    let read_in = |size: usize| {
        let mut reader = Reader::new(8, 16);
        let mut notes = Notes::default();
        let mut at = 0;
        for piece in text.chunks(size) {
            reader.feed(piece, &mut notes).map_err(|(good, why)| (at + good, why))?;
            at += piece.len();
        }
        if !reader.is_complete() {
            return Err((at, Malformed::Truncated));
        }
        Ok(notes.out)
    };
    let whole = read_in(text.len().max(1));
    for size in 1..text.len() {
        let text = String::from_utf8_lossy(text);
        assert_eq!(read_in(size), whole, "{text} in pieces of {size}");
    }
    whole
}

fn notes(text: &str) -> String {
    read(text.as_bytes()).unwrap().trim().to_owned()
}

fn why(text: &str) -> (usize, Malformed) {
    read(text.as_bytes()).unwrap_err()
}

#[test]
fn every_kind_of_value_is_told_in_order() {
    assert_eq!(
        notes(r#" { "a" : [ 1 , "x" , true , null , false , { } , [ ] ] , "b" : -2.5 } "#),
        "{ a: [ Some(1) 'x' true null false { end [ end end b: None end"
    );
}

#[test]
fn what_is_skipped_is_silent_but_its_brackets_still_match() {
    assert_eq!(notes(r#"{"skip":{"a":[{"b":"]}\""}],"c":1},"d":2}"#), "{ skip: { d: Some(2) end");
    assert_eq!(why(r#"{"skip":{"a":[}]}}"#), (14, Malformed::UnexpectedByte));
}

#[test]
fn what_is_wanted_as_bytes_comes_as_it_stands() {
    assert_eq!(
        notes(r#"{"bytes": { "a" : [1, "\n}" ] } ,"bytes":[ ],"bytes":"x\"y","d":2}"#),
        r#"{ bytes: { { "a" : [1, "\n}" ] }| bytes: [ [ ]| bytes: x\"y| d: Some(2) end"#
    );
}

#[test]
fn escaped_names_are_the_names_they_mean() {
    assert_eq!(notes(r#"{"\u0061\u006C":"\ud83d\ude00"}"#), "{ al: '😀' end");
}

#[test]
fn strings_over_the_limit_are_passed_over() {
    assert_eq!(
        notes(r#"{"12345678901234567":"12345678901234567","a":"1234567890123456"}"#),
        "{ ?: '?' a: '1234567890123456' end"
    );
}

#[test]
fn a_byte_order_mark_is_passed_over_and_half_of_one_is_not() {
    assert_eq!(notes("\u{feff} {}"), "{ end");
    assert_eq!(notes("\u{feff}{}"), "{ end");
    assert_eq!(read(b"\xef\xbb{}"), Err((2, Malformed::NotAnObject)));
    assert_eq!(read(b"\xef\xbb"), Err((2, Malformed::Truncated)));
    assert_eq!(why("\u{feff}\u{feff}{}").1, Malformed::NotAnObject);
    assert_eq!(why(" \u{feff}{}").1, Malformed::NotAnObject);
}

#[test]
fn only_an_object_is_a_body() {
    for text in ["[]", "1", "\"{}\"", "null", "x{}"] {
        assert_eq!(why(text), (0, Malformed::NotAnObject), "{text}");
    }
    for text in ["", " ", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":[1,{\"b\":\"\\"] {
        assert_eq!(why(text), (text.len(), Malformed::Truncated), "{text}");
    }
}

#[test]
fn broken_structure_is_found_where_it_breaks() {
    for (text, at) in [
        ("{a:1}", 1),
        ("{,}", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\"::1}", 5),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{\"a\":1 \"b\":2}", 7),
        ("{\"a\":[1,]}", 8),
        ("{\"a\":[,1]}", 6),
        ("{\"a\":[1 2]}", 8),
        ("{\"a\":[1}}", 7),
        ("{\"a\":1]", 6),
        ("{\"a\":'x'}", 5),
        ("{\"a\":+1}", 5),
        ("{\"a\":NaN}", 5),
        ("{\"a\":Infinity}", 5),
        ("{\"a\":\u{c}1}", 5),
    ] {
        assert_eq!(why(text), (at, Malformed::UnexpectedByte), "{text}");
    }
}

#[test]
fn misspelled_literals_and_numbers_are_found() {
    for text in ["tru}", "nulL", "falsy", "-}", "1.}", "1e}", "1e+}", "-x"] {
        assert_eq!(why(&format!("{{\"a\":{text}")).1, Malformed::BadLiteral, "{text}");
    }
    assert_eq!(why("{\"a\":01}").1, Malformed::UnexpectedByte);
}

#[test]
fn nothing_but_whitespace_may_follow() {
    assert_eq!(notes("{} \r\n\t"), "{ end");
    for text in ["{}x", "{} {}", "{}\0", "{},"] {
        assert_eq!(why(text).1, Malformed::TrailingBytes, "{text}");
    }
}

#[test]
fn nesting_over_the_limit_ends_the_reading() {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(read(nested(8).as_bytes()).is_ok());
    assert_eq!(why(&nested(9)), (8 * 5, Malformed::TooDeep));
    let skipped = format!("{{\"skip\":{}", "[".repeat(100));
    assert_eq!(why(&skipped).1, Malformed::TooDeep);
}

#[test]
fn escapes_are_checked_where_they_are_decoded_and_nowhere_else() {
    assert_eq!(why(r#"{"\x":1}"#).1, Malformed::BadEscape);
    assert_eq!(why(r#"{"a":"\u12"}"#).1, Malformed::BadEscape);
    assert_eq!(notes(r#"{"skip":"\x","bytes":"\x\u12"}"#), r"{ skip: bytes: \x\u12| end");
}

#[test]
fn invalid_utf8_passes_through() {
    assert_eq!(
        read(b"{\"a\xff\":\"\xc3\",\"skip\":\"\xf0\x28\"}").unwrap(),
        "{ a\u{fffd}: '\u{fffd}' skip: end "
    );
}
