//! Nodes as JSON values, for merge patches and for files that are written out again.

use serde_json::{Map, Number, Value as Json};

use super::{Error, Meaning, Node, Problem, Value};

impl Node {
    /// The node as JSON; types of plain scalars by the YAML 1.2 core schema.
    ///
    /// # Errors
    /// When a plain `yes`, `no`, `on`, `off` or `0123` would be one thing for one reader and another
    /// for the next, or a number does not fit JSON.
    pub fn to_json(&self) -> Result<Json, Error> {
        Ok(match &self.value {
            Value::List(items) => {
                Json::Array(items.iter().map(Node::to_json).collect::<Result<_, _>>()?)
            }
            Value::Map(entries) => {
                let pairs = entries.iter().map(|e| Ok((e.key.clone(), e.value.to_json()?)));
                Json::Object(pairs.collect::<Result<Map<_, _>, Error>>()?)
            }
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => Json::Null,
                Meaning::Boolean(value) => Json::Bool(value),
                Meaning::Text => Json::String(scalar.text.clone()),
                Meaning::Integer(value) => {
                    Json::Number(Number::from_i128(value).ok_or_else(|| self.too_large())?)
                }
                Meaning::Float(value) => {
                    Json::Number(Number::from_f64(value).ok_or_else(|| self.too_large())?)
                }
                Meaning::Ambiguous => {
                    let cure = "write true, false or a plain number, or put it in quotes";
                    return Err(self.wrong("a value that all readers agree on", cure));
                }
            },
        })
    }

    fn too_large(&self) -> Error {
        self.wrong("a number that JSON can carry", "put it in quotes")
    }

    fn wrong(&self, allowed: &str, cure: &str) -> Error {
        let problem = Problem::Invalid {
            found: self.describe(),
            allowed: allowed.to_owned(),
            cure: cure.to_owned(),
        };
        Error::new(self.place.clone(), "", problem)
    }
}
