//! Moments that a scenario names by how long they are after the proxy's start: `in(3s)` in a plugin's
//! configuration.
//!
//! A date in a file is in the past on one host and in the future on the other, and on the same one next year. So
//! what is to happen while a scenario runs is told from its beginning.

use std::time::Duration;

use serde_json::Value as Json;

use crate::model::date::iso_seconds;
use crate::yaml::parse_duration;

/// The same patches with dates in the place of `in(TIME)`; `wall` is the time since 1970, and rounded up to a
/// second before.
pub(super) fn fixed(patches: &[(String, Json)], wall: Duration) -> Vec<(String, Json)> {
    let seconds = wall.as_secs() + u64::from(wall.subsec_nanos() > 0);
    let mut patches = patches.to_vec();
    patches.iter_mut().for_each(|(_, patch)| fix(patch, seconds));
    patches
}

fn fix(value: &mut Json, seconds: u64) {
    match value {
        Json::String(text) => {
            let time = text.strip_prefix("in(").and_then(|rest| rest.strip_suffix(')'));
            if let Some(Some(time)) = time.map(parse_duration) {
                *text = iso_seconds(seconds + time.as_secs());
            }
        }
        Json::Array(values) => values.iter_mut().for_each(|value| fix(value, seconds)),
        Json::Object(fields) => fields.values_mut().for_each(|value| fix(value, seconds)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_after_the_start_becomes_a_date_and_nothing_else_changes() {
        let patch = json!({"a": [{"start_at": "in(90s)", "other": "in(side)", "number": 1}]});
        let patches = [("plugin".to_owned(), patch)];
        let [(_, fixed)] = &fixed(&patches, Duration::from_millis(1_767_225_599_100))[..] else {
            panic!("one patch");
        };
        let expected =
            json!({"a": [{"start_at": "2026-01-01T00:01:30Z", "other": "in(side)", "number": 1}]});
        assert_eq!(*fixed, expected);
    }
}
