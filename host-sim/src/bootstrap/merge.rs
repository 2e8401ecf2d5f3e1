//! JSON merge patches (RFC 7396): what a scenario changes in a plugin's configuration.

use serde_json::{Map, Value};

/// Merges objects field by field; null removes a field; everything else, lists too, replaces.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            merge_patch(fields.entry(key).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_merge_null_removes_and_lists_replace() {
        let mut value = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "text": "x"});
        merge_patch(&mut value, &json!({"a": {"b": null, "d": 3}, "list": [9], "text": {"y": 1}}));
        assert_eq!(value, json!({"a": {"c": 2, "d": 3}, "list": [9], "text": {"y": 1}}));
    }

    #[test]
    fn nulls_inside_a_new_object_do_not_arrive() {
        let mut value = json!({});
        merge_patch(&mut value, &json!({"a": {"b": null, "c": 1}}));
        assert_eq!(value, json!({"a": {"c": 1}}));
    }
}
