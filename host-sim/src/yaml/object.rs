//! Objects with a closed set of fields.

use super::{Entry, Error, Problem, Reader};

/// A mapping that is asked for its fields one by one; [`Object::finish`] refuses the rest.
///
/// What was asked for is at the same time the list of what is allowed, so that the two cannot
/// drift apart.
#[derive(Debug)]
#[must_use = "call finish(), or unknown fields pass unseen"]
pub struct Object<'a> {
    reader: Reader<'a>,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

impl<'a> Object<'a> {
    pub(super) fn new(reader: Reader<'a>, entries: &'a [Entry]) -> Self {
        Self { reader, entries, asked: Vec::new() }
    }

    /// The object as a value, for errors about the whole of it.
    #[must_use]
    pub fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    /// A field that must be there and not be null.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&mut self, name: &'static str) -> Result<Reader<'a>, Error> {
        self.optional(name)
            .ok_or_else(|| self.reader.error(Problem::Missing { field: name.to_owned() }))
    }

    /// A field that may be absent; null counts as absent.
    pub fn optional(&mut self, name: &'static str) -> Option<Reader<'a>> {
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(self.reader.child(name, &entry.value)).filter(|reader| !reader.is_null())
    }

    /// The items of an optional list; absent is empty.
    ///
    /// # Errors
    /// When the field is there and not a list.
    pub fn items(&mut self, name: &'static str) -> Result<Vec<Reader<'a>>, Error> {
        self.optional(name).map_or(Ok(Vec::new()), |reader| reader.list())
    }

    /// At most one of several fields, of which each means another variant (a protobuf `oneof`).
    ///
    /// # Errors
    /// When there are two.
    pub fn one_of(
        &mut self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, Reader<'a>)>, Error> {
        let mut found: Option<(&'static str, Reader<'a>)> = None;
        for name in names {
            let Some(reader) = self.optional(name) else { continue };
            if let Some((first, _)) = found {
                let both = format!("`{first}` and `{name}`");
                let allowed = format!("one of {}", quoted(names));
                return Err(reader.invalid(&both, &allowed, "remove one"));
            }
            found = Some((*name, reader));
        }
        Ok(found)
    }

    /// Exactly one of several fields.
    ///
    /// # Errors
    /// When there are two or none.
    pub fn exactly_one_of(
        &mut self,
        names: &[&'static str],
    ) -> Result<(&'static str, Reader<'a>), Error> {
        self.one_of(names)?.ok_or_else(|| {
            self.reader.invalid("none of them", &format!("one of {}", quoted(names)), "add it")
        })
    }

    /// Refuses a field that the real thing has and the model has not.
    ///
    /// # Errors
    /// When the field is there.
    pub fn not_modelled(&mut self, names: &[&str], has: &str, cure: &str) -> Result<(), Error> {
        for name in names {
            if let Some(entry) = self.entries.iter().find(|entry| entry.key == *name) {
                let problem = Problem::NotModelled {
                    found: format!("`{name}`"),
                    has: has.to_owned(),
                    cure: cure.to_owned(),
                };
                let path = self.reader.path();
                return Err(Error::new(entry.key_place.clone(), path, problem));
            }
        }
        Ok(())
    }

    /// Refuses the first field that nobody asked for.
    ///
    /// # Errors
    /// When there is one.
    pub fn finish(self) -> Result<(), Error> {
        self.finish_with(|_, _| None)
    }

    /// As [`Object::finish`]; `explain` may say more about a field, given those asked for.
    ///
    /// # Errors
    /// When there is one.
    pub fn finish_with(
        mut self,
        explain: impl FnOnce(&str, &[&'static str]) -> Option<Problem>,
    ) -> Result<(), Error> {
        let Some(entry) = self.entries.iter().find(|entry| !self.knows(&entry.key)) else {
            return Ok(());
        };
        self.asked.sort_unstable();
        let problem = explain(&entry.key, &self.asked).unwrap_or_else(|| {
            let cure = match nearest(&entry.key, &self.asked) {
                Some(name) => format!("write `{name}`, or remove it"),
                None => "remove it".to_owned(),
            };
            Problem::UnknownField { field: entry.key.clone(), allowed: self.asked.join(", "), cure }
        });
        Err(Error::new(entry.key_place.clone(), self.reader.path(), problem))
    }

    fn knows(&self, key: &str) -> bool {
        self.asked.contains(&key)
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The field that was probably meant: the closest one, if at most a third of it is different.
fn nearest<'n>(key: &str, names: &[&'n str]) -> Option<&'n str> {
    let (distance, name) = names
        .iter()
        .map(|name| (distance(key, name), *name))
        .min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= name.len() + 1).then_some(name)
}

/// Levenshtein's edit distance.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(before + 1).min(*cell + 1);
            before = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}
