//! Changes to a tree: what a run puts in the place of what the file says.
//!
//! What is put in keeps the place of what it replaces, so that later errors still point into the
//! file that the user can see.

use serde_json::Value as Json;

use super::{Entry, Node, Place, Scalar, Value};

impl Node {
    /// A string.
    #[must_use]
    pub fn string(text: impl Into<String>, place: &Place) -> Self {
        let value = Value::Scalar(Scalar { text: text.into(), plain: false });
        Self { value, place: place.clone() }
    }

    /// A tree from JSON, all of it at one place.
    #[must_use]
    pub fn from_json(json: &Json, place: &Place) -> Self {
        let plain = |text: String| Value::Scalar(Scalar { text, plain: true });
        let value = match json {
            Json::Null => plain("null".to_owned()),
            Json::Bool(value) => plain(value.to_string()),
            Json::Number(value) => plain(value.to_string()),
            Json::String(text) => return Self::string(text, place),
            Json::Array(items) => {
                Value::List(items.iter().map(|item| Self::from_json(item, place)).collect())
            }
            Json::Object(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        value: Self::from_json(value, place),
                    })
                    .collect(),
            ),
        };
        Self { value, place: place.clone() }
    }

    /// The value under a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => {
                entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
            }
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// Puts a value under a key of an object; anything else than an object is left as it is.
    pub fn set(&mut self, key: &str, value: Self) {
        if let Some(old) = self.get_mut(key) {
            *old = value;
        } else if let Value::Map(entries) = &mut self.value {
            let key_place = self.place.clone();
            entries.push(Entry { key: key.to_owned(), key_place, value });
        }
    }

    /// The items of a list, to be changed; nothing for anything else.
    pub fn items_mut(&mut self) -> &mut [Self] {
        match &mut self.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => &mut [],
        }
    }

    /// Visits every node, this one first.
    pub fn visit_mut<E>(
        &mut self,
        visit: &mut impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        visit(self)?;
        match &mut self.value {
            Value::Scalar(_) => Ok(()),
            Value::List(items) => items.iter_mut().try_for_each(|item| item.visit_mut(visit)),
            Value::Map(entries) => {
                entries.iter_mut().try_for_each(|entry| entry.value.visit_mut(visit))
            }
        }
    }
}
