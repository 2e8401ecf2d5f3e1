use std::time::Duration;

use super::*;

fn one(text: &str) -> Node {
    let mut documents = parse("f.yaml", text).expect("parses");
    assert_eq!(documents.len(), 1, "one document");
    documents.remove(0)
}

fn refused(text: &str) -> String {
    parse("f.yaml", text).expect_err("refused").to_string()
}

#[test]
fn places_are_the_first_character_of_key_and_value() {
    let node = one("a:\n  - b: 1\n    c: {d: x}\n");
    let item = node.reader().object().unwrap().required("a").unwrap().list().unwrap().remove(0);
    let c = item.object().unwrap().required("c").unwrap();
    assert_eq!(c.node().place.to_string(), "f.yaml:3:8");
    assert_eq!(c.path(), "a[0].c");
    let mut object = item.object().unwrap();
    object.required("b").unwrap();
    let error = object.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "f.yaml:3:5: a[0]: found unknown field `c`; allowed b; remove it"
    );
}

#[test]
fn json_is_yaml() {
    let node = one("{\"a\": [1, \"2\", null], \"b\\n\": \"\\u00e9\"}");
    assert_eq!(node.to_json().unwrap(), serde_json::json!({"a": [1, "2", null], "b\n": "é"}));
}

#[test]
fn several_documents_come_in_order_and_empty_ones_are_left_out() {
    let documents = parse("f", "---\na: 1\n---\n---\nb: 2\n").unwrap();
    assert_eq!(documents.len(), 2);
    assert!(documents[1].get("b").is_some());
}

#[test]
fn aliases_and_merge_keys_are_resolved_and_own_fields_win() {
    let node = one("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: [*b]\n");
    assert_eq!(
        node.to_json().unwrap(),
        serde_json::json!({"base": {"x": 1, "y": 2}, "use": {"x": 1, "y": 3}, "list": [{"x": 1, "y": 2}]})
    );
}

#[test]
fn the_same_key_twice_is_refused_with_both_places() {
    assert_eq!(
        refused("a: 1\nb: 2\na: 3\n"),
        "f.yaml:3:1: not YAML: `a` is here a second time, the first is in line 1; remove one"
    );
}

#[test]
fn aliases_cannot_multiply_without_end() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    assert!(refused(&bomb).contains("more than 1000000 values"));
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    assert!(refused(&"[".repeat(70)).contains("deeper than 64 levels"));
    assert!(refused(&"[".repeat(100_000)).contains("f.yaml:1:"));
    assert!(refused(&"{a: ".repeat(100_000)).contains("f.yaml:1:"));
}

#[test]
fn broken_yaml_says_where() {
    let message = refused("a: 1\nb: [1, 2\nc: 3\n");
    assert!(message.starts_with("f.yaml:3:"), "{message}");
}

#[test]
fn an_alias_in_its_own_value_is_refused() {
    assert!(refused("a: &a [*a]\n").contains("f.yaml:1:8"));
}

#[test]
fn a_plain_number_is_no_string() {
    let node = one("version: 1.10\n");
    let version = node.reader().object().unwrap().required("version").unwrap();
    assert_eq!(
        version.string().unwrap_err().to_string(),
        "f.yaml:1:10: version: found `1.10`, a number; allowed a string; write \"1.10\" in quotes"
    );
    assert_eq!(version.text().unwrap(), "1.10");
}

#[test]
fn yes_and_no_are_neither_string_nor_boolean() {
    let node = one("on_error: no\n");
    let value = node.get("on_error").unwrap().reader();
    assert!(value.string().is_err());
    assert!(value.boolean().is_err());
    assert_eq!(
        node.to_json().unwrap_err().to_string(),
        "f.yaml:1:11: found `no`, which YAML 1.1 and 1.2 read differently; \
         allowed a value that all readers agree on; \
         write true, false or a plain number, or put it in quotes"
    );
}

#[test]
fn integers_must_fit_their_type() {
    let node = one("[255, 256, -1, 0x10, '7', 1.0, seven]");
    let read: Vec<Option<u8>> =
        node.reader().list().unwrap().iter().map(|item| item.integer().ok()).collect();
    assert_eq!(read, [Some(255), None, None, Some(16), Some(7), None, None]);
    assert_eq!(
        node.reader().list().unwrap()[1].integer::<u8>().unwrap_err().to_string(),
        "f.yaml:1:7: [1]: found `256`, a number; allowed a whole number from 0 to 255"
    );
}

#[test]
fn durations_come_in_both_forms() {
    let node = one("[0.25s, 300us]");
    let items = node.reader().list().unwrap();
    assert_eq!(items[0].seconds().unwrap(), Duration::from_millis(250));
    assert_eq!(items[1].duration().unwrap(), Duration::from_micros(300));
    assert!(items[1].seconds().is_err());
}

#[test]
fn a_misspelt_field_gets_its_name_back() {
    let node = one("adress: x\n");
    let mut object = node.reader().object().unwrap();
    object.optional("address");
    object.optional("name");
    assert_eq!(
        object.finish().unwrap_err().to_string(),
        "f.yaml:1:1: found unknown field `adress`; allowed address, name; \
         write `address`, or remove it"
    );
}

#[test]
fn two_of_a_oneof_are_refused() {
    let node = one("route: {prefix: /, path: /x}\n");
    let mut object = node.get("route").unwrap().reader().object().unwrap();
    assert_eq!(
        object.exactly_one_of(&["prefix", "path"]).unwrap_err().to_string(),
        "f.yaml:1:26: path: found `prefix` and `path`; allowed one of `prefix`, `path`; remove one"
    );
}

#[test]
fn a_null_field_is_an_absent_one() {
    let node = one("a:\nb: ~\n");
    let mut object = node.reader().object().unwrap();
    assert!(object.optional("a").is_none());
    assert_eq!(object.required("b").unwrap_err().to_string(), "f.yaml:1:1: `b` is missing; add it");
    object.finish().unwrap();
}

#[test]
fn numbers_of_plain_words_are_words() {
    for word in ["inf", "nan", "+", ".", "1.2.3", "1s", "e5", "127.0.0.1"] {
        let node = one(&format!("- {word}\n"));
        assert_eq!(node.to_json().unwrap(), serde_json::json!([word]));
    }
    assert_eq!(one("[1e3, -4, .5]").to_json().unwrap(), serde_json::json!([1000.0, -4, 0.5]));
}

#[test]
fn a_missing_file_is_named() {
    let error = read_file(std::path::Path::new("/does/not/exist.yaml")).unwrap_err();
    assert!(error.to_string().starts_with("/does/not/exist.yaml: cannot be read: "));
}

#[test]
fn a_leading_zero_is_neither_octal_nor_decimal() {
    let node = one("[0123, 0, 0.5, '0123']");
    let items = node.reader().list().unwrap();
    assert!(items[0].integer::<u32>().is_err());
    assert_eq!(items[1].integer::<u32>(), Ok(0));
    assert_eq!(items[2].float(), Ok(0.5));
    assert_eq!(items[3].string(), Ok("0123"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-z0-9:{}\\[\\],&*<>|'\"#!%@? \n\t\\\\é]{0,80}") {
        if let Ok(documents) = parse("f", &text) {
            for document in documents {
                let _ = document.to_json();
            }
        }
    }
}
