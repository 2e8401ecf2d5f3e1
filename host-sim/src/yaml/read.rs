//! Typed reads of one node.

use std::time::Duration;

use super::{Error, Meaning, Node, Object, Problem, Scalar, Value, parse_duration, parse_seconds};

/// A node together with its path from the root, ready to be read as something.
///
/// Cheap to make: paths are short and configuration is read once.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a Node, path: String) -> Self {
        Self { node, path }
    }

    /// The node itself.
    #[must_use]
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// The path from the root, such as `listeners[0].name`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An object whose fields are known by name.
    ///
    /// # Errors
    /// When the node is not a mapping.
    pub fn object(&self) -> Result<Object<'a>, Error> {
        match &self.node.value {
            Value::Map(entries) => Ok(Object::new(self.clone(), entries)),
            Value::Scalar(_) | Value::List(_) => Err(self.expected("an object")),
        }
    }

    /// An object whose keys are data: header names, clusters, environment variables.
    ///
    /// # Errors
    /// When the node is not a mapping.
    pub fn entries(&self) -> Result<Vec<(&'a str, Reader<'a>)>, Error> {
        match &self.node.value {
            Value::Map(entries) => {
                let child = |e: &'a super::Entry| (e.key.as_str(), self.child(&e.key, &e.value));
                Ok(entries.iter().map(child).collect())
            }
            Value::Scalar(_) | Value::List(_) => Err(self.expected("an object")),
        }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// When the node is not a list.
    pub fn list(&self) -> Result<Vec<Reader<'a>>, Error> {
        match &self.node.value {
            Value::List(items) => {
                let child = |(index, node)| Reader::new(node, format!("{}[{index}]", self.path));
                Ok(items.iter().enumerate().map(child).collect())
            }
            Value::Scalar(_) | Value::Map(_) => Err(self.expected("a list")),
        }
    }

    /// A string. A plain number or boolean is refused, as Envoy does: `version: 1.10` would
    /// otherwise become `1.1` or not, depending on who reads it.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn string(&self) -> Result<&'a str, Error> {
        match self.scalar("a string")? {
            scalar if scalar.meaning() == Meaning::Text => Ok(&scalar.text),
            scalar if scalar.meaning() == Meaning::Null => Err(self.expected("a string")),
            scalar => Err(self.invalid(
                &scalar.describe(),
                "a string",
                &format!("write \"{}\" in quotes", scalar.text),
            )),
        }
    }

    /// A string that says something: names and paths.
    ///
    /// # Errors
    /// When the node is anything else, or an empty string.
    pub fn name(&self) -> Result<&'a str, Error> {
        match self.string()? {
            "" => Err(self.invalid("an empty string", "a string with something in it", "")),
            name => Ok(name),
        }
    }

    /// The text of any scalar, whatever type it could have: header values in scenarios.
    ///
    /// # Errors
    /// When the node is a list or an object.
    pub fn text(&self) -> Result<&'a str, Error> {
        Ok(&self.scalar("a string")?.text)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When the node is anything else; `yes` and `on` too.
    pub fn boolean(&self) -> Result<bool, Error> {
        match self.scalar("true or false")?.meaning() {
            Meaning::Boolean(value) => Ok(value),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A whole number that fits the type; one in quotes is taken too, as protobuf's JSON allows.
    ///
    /// # Errors
    /// When the node is anything else or does not fit.
    pub fn integer<T: Whole>(&self) -> Result<T, Error> {
        let allowed = || format!("a whole number from {} to {}", T::MIN, T::MAX);
        let scalar = self.scalar(&allowed())?;
        let number = match scalar.meaning() {
            Meaning::Integer(number) => Some(number),
            Meaning::Text if !scalar.plain => scalar.text.parse().ok(),
            _ => None,
        };
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| self.expected(&allowed()))
    }

    /// A number.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn float(&self) -> Result<f64, Error> {
        let scalar = self.scalar("a number")?;
        match scalar.meaning() {
            Meaning::Integer(_) | Meaning::Float(_) => {
                scalar.text.parse().map_err(|_| self.expected("a number"))
            }
            _ => Err(self.expected("a number")),
        }
    }

    /// A duration in Envoy's form: seconds with `s`, as `0.25s`.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn seconds(&self) -> Result<Duration, Error> {
        let allowed = "a duration in seconds such as `0.25s`";
        parse_seconds(&self.scalar(allowed)?.text).ok_or_else(|| self.expected(allowed))
    }

    /// As [`Self::seconds`], where Envoy takes no `0s`.
    ///
    /// # Errors
    /// When the node is anything else, or no time at all.
    pub fn seconds_above_zero(&self) -> Result<Duration, Error> {
        match self.seconds()? {
            Duration::ZERO => Err(self.expected("a duration above `0s`")),
            time => Ok(time),
        }
    }

    /// A duration with any unit: `300us`, `2s`, `24h`.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn duration(&self) -> Result<Duration, Error> {
        let allowed = "a duration with a unit, such as `300us`, `2s` or `24h`";
        parse_duration(&self.scalar(allowed)?.text).ok_or_else(|| self.expected(allowed))
    }

    /// A size: `512`, `512KiB`, `4MiB`.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn size(&self) -> Result<u64, Error> {
        let allowed = "a size such as `512KiB` or `3MB`";
        super::parse_size(&self.scalar(allowed)?.text).ok_or_else(|| self.expected(allowed))
    }

    /// One of a closed set of names.
    ///
    /// # Errors
    /// When the node is anything else.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Result<T, Error> {
        let allowed = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let scalar = self.scalar(&allowed())?;
        choices
            .iter()
            .find(|(name, _)| *name == scalar.text)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| self.expected(&allowed()))
    }

    /// Null, or nothing at all behind the colon.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(scalar) if scalar.meaning() == Meaning::Null)
    }

    /// An error here: what was found is the value itself.
    #[must_use]
    pub fn expected(&self, allowed: &str) -> Error {
        self.invalid(&self.node.describe(), allowed, "")
    }

    /// An error here, with the cure where `allowed` does not already say it.
    #[must_use]
    pub fn invalid(&self, found: &str, allowed: &str, cure: &str) -> Error {
        self.error(Problem::Invalid {
            found: found.to_owned(),
            allowed: allowed.to_owned(),
            cure: cure.to_owned(),
        })
    }

    /// An error here: the real thing has `found`, the model has `has`.
    #[must_use]
    pub fn not_modelled(&self, found: &str, has: &str, cure: &str) -> Error {
        self.error(Problem::NotModelled {
            found: found.to_owned(),
            has: has.to_owned(),
            cure: cure.to_owned(),
        })
    }

    /// Any error here.
    #[must_use]
    pub fn error(&self, problem: Problem) -> Error {
        Error::new(self.node.place.clone(), self.path.clone(), problem)
    }

    /// A reader for a value below this one.
    pub(super) fn child(&self, key: &str, node: &'a Node) -> Reader<'a> {
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let path = match (self.path.as_str(), plain) {
            ("", true) => key.to_owned(),
            (path, true) => format!("{path}.{key}"),
            (path, false) => format!("{path}[\"{key}\"]"),
        };
        Reader::new(node, path)
    }

    fn scalar(&self, allowed: &str) -> Result<&'a Scalar, Error> {
        match &self.node.value {
            Value::Scalar(scalar) => Ok(scalar),
            Value::List(_) | Value::Map(_) => Err(self.expected(allowed)),
        }
    }
}

/// Whole number types that configuration uses.
pub trait Whole: TryFrom<i128> + std::fmt::Display {
    /// The smallest value.
    const MIN: Self;
    /// The largest value.
    const MAX: Self;
}

macro_rules! whole {
    ($($number:ty),*) => {
        $(impl Whole for $number {
            const MIN: Self = <$number>::MIN;
            const MAX: Self = <$number>::MAX;
        })*
    };
}

whole!(u8, u16, u32, u64, i32, i64, usize);
