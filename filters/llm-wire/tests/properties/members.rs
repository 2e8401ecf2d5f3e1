//! Random bodies in which some fields are replaced where [`Members`] says that they stand: what a parser reads then
//! is the same object with other values.

use std::rc::Rc;

use llm_wire::{Found, Members};
use proptest::prelude::*;
use serde_json::Value;

use crate::bodies::{self, body, write_json};

/// The body with this value in the place of every wanted member.
fn replaced(json: &str, members: &Members, by: &str) -> String {
    let mut places: Vec<_> = members.found().map(|(_, place)| place.clone()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.start));
    let mut json = json.to_owned();
    for place in places {
        json.replace_range(place.start as usize..place.end as usize, by);
    }
    json
}

proptest! {
    #![proptest_config(bodies::cases(1_000))]

    #[test]
    fn replaced_fields_are_the_only_ones_that_change(
        value in body(),
        style in any::<u64>(),
        piece in 1..200_usize,
        pick in any::<prop::sample::Index>(),
    ) {
        let json = write_json(&value, style);
        let keys: Vec<String> = value.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
        prop_assume!(!keys.is_empty());
        let names: Rc<[String]> = [pick.get(&keys).clone(), "model".into(), "absent".into()].into();
        let mut members = Members::new(names.clone());
        let mut found = Found::Reading;
        for piece in json.as_bytes().chunks(piece) {
            found = members.feed(piece);
        }
        prop_assert_eq!(found, Found::All);
        let mut wanted = value.clone();
        for name in names.iter().filter(|name| value.get(name.as_str()).is_some()) {
            wanted[name] = Value::from(7);
        }
        let read: Value = serde_json::from_str(&replaced(&json, &members, "7")).unwrap();
        prop_assert_eq!(read, wanted);
        let (place, others_follow) = members.place_for_more().unwrap();
        prop_assert!(others_follow);
        let with_more = format!("{}\"absent\":8,{}", &json[..place as usize], &json[place as usize..]);
        let read: Value = serde_json::from_str(&with_more).unwrap();
        prop_assert_eq!(&read["absent"], &Value::from(8));
    }

    #[test]
    fn any_bytes_have_places_inside_of_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut members = Members::new(["a".to_owned()].into());
        let text = [b"{\"a\":".as_slice(), &bytes].concat();
        members.feed(&text);
        for (_, place) in members.found() {
            prop_assert!(place.start < place.end && place.end <= text.len() as u64);
        }
    }
}
