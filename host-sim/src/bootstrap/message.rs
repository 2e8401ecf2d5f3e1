//! Reads one protobuf message of Envoy's in its YAML form.
//!
//! A field that is in the file and not read is refused, and the refusal says which of two mistakes
//! it is: Envoy has no such field (probably misspelt), or Envoy has it and the model has not.

use std::ops::{Deref, DerefMut};

use super::fields::FIELDS;
use crate::yaml::{Error, Object, Problem, Reader};

/// What to do about something that only Envoy can do.
pub(super) const CURE: &str = "remove it, or use a real Envoy";

/// A message that is being read.
pub(super) struct Message<'a> {
    name: &'static str,
    object: Object<'a>,
}

impl<'a> Message<'a> {
    /// The message `name` (as in the table of fields) at this place.
    pub(super) fn read(reader: &Reader<'a>, name: &'static str) -> Result<Self, Error> {
        Ok(Self { name, object: reader.object()? })
    }

    /// A message inside an `Any`: its type is checked, and an unknown one refused with what the
    /// model has at this place.
    pub(super) fn unpack(reader: &Reader<'a>, names: &[&'static str]) -> Result<Self, Error> {
        let mut object = reader.object()?;
        let url = object.required("@type")?;
        let found = url.string()?;
        let found = found.rsplit_once('/').map_or(found, |(_, name)| name);
        match names.iter().find(|name| **name == found) {
            Some(name) => Ok(Self { name, object }),
            None => Err(url.not_modelled(&format!("`{found}`"), &names.join(", "), CURE)),
        }
    }

    /// Which message it is.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Reads an optional field, or takes the default.
    pub(super) fn or<T>(
        &mut self,
        field: &'static str,
        default: T,
        read: impl FnOnce(&Reader<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.optional(field).map_or(Ok(default), |reader| read(&reader))
    }

    /// Reads an optional field.
    pub(super) fn maybe<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Reader<'a>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.optional(field).map(|reader| read(&reader)).transpose()
    }

    /// Reads a repeated field.
    pub(super) fn each<T>(
        &mut self,
        field: &'static str,
        read: impl FnMut(&Reader<'a>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.items(field)?.iter().map(read).collect()
    }

    /// Refuses the first field that was not read.
    pub(super) fn finish(self) -> Result<(), Error> {
        let envoy = FIELDS
            .iter()
            .find(|(name, _)| *name == self.name)
            .map(|(_, fields)| fields.split_whitespace().collect::<Vec<_>>())
            .unwrap_or_default();
        self.object.finish_with(|field, read| {
            envoy.contains(&field).then(|| Problem::NotModelled {
                found: format!("`{field}`"),
                has: read.join(", "),
                cure: CURE.to_owned(),
            })
        })
    }
}

impl<'a> Deref for Message<'a> {
    type Target = Object<'a>;

    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}

impl DerefMut for Message<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.object
    }
}
