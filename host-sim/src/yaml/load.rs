//! From text to a tree: parser events, anchors, merge keys, limits.
//!
//! The events come from `saphyr-parser`; its companion crate builds trees too, but lets the second
//! of two equal keys win silently.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use saphyr_parser::{Event, Parser, Span};

use super::{Entry, Error, Node, Place, Problem, Scalar, Value};

/// Deeper than any real file, shallow enough for readers that recurse.
const DEPTH_MAX: usize = 64;
/// Nodes after aliases have been resolved: a nest of aliases multiplies.
const NODES_MAX: usize = 1_000_000;
/// No file that a person writes is larger, and one that is read whole should not take all memory.
const TEXT_MAX: u64 = 64 * 1024 * 1024;

/// Whether `<<` merges an object into another, as most readers do, or is refused, as Envoy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeKeys {
    /// The fields of the other object are taken over.
    Resolve,
    /// There is no such thing.
    Refuse,
}

/// Reads every document of a file, merge keys resolved.
///
/// # Errors
/// Returns the place of the first mistake, or why the file cannot be read.
pub fn read_file(path: &Path) -> Result<Vec<Node>, Error> {
    read_file_as(path, MergeKeys::Resolve)
}

/// Reads every document of a file.
///
/// # Errors
/// Returns the place of the first mistake, or why the file cannot be read.
pub fn read_file_as(path: &Path, merge_keys: MergeKeys) -> Result<Vec<Node>, Error> {
    parse_as(&path.display().to_string(), &read_text(path)?, merge_keys)
}

/// The text of a file.
///
/// # Errors
/// Returns why it cannot be read, and where it is no text.
pub fn read_text(path: &Path) -> Result<String, Error> {
    let at = |line, column| Place { file: path.display().to_string().into(), line, column };
    let unreadable = |text: String| Problem::Unreadable(text);
    let size = std::fs::metadata(path).map_or(0, |data| data.len());
    if size > TEXT_MAX {
        let text = format!("{size} bytes; allowed at most {TEXT_MAX}; is this the file you mean?");
        return Err(Error::new(at(0, 0), "", unreadable(text)));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| Error::new(at(0, 0), "", unreadable(error.to_string())))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').next_back().unwrap_or_default();
        let column = String::from_utf8_lossy(line).chars().count();
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let text = "a byte that is not UTF-8; save the file as UTF-8".to_owned();
        Error::new(at(line + 1, column + 1), "", unreadable(text))
    })
}

/// Parses every document of a text, merge keys resolved; `file` is the name that errors carry.
///
/// Empty documents are left out.
///
/// # Errors
/// Returns the place of the first mistake.
pub fn parse(file: &str, text: &str) -> Result<Vec<Node>, Error> {
    parse_as(file, text, MergeKeys::Resolve)
}

fn parse_as(file: &str, text: &str, merge_keys: MergeKeys) -> Result<Vec<Node>, Error> {
    let mut tree = Tree {
        file: file.into(),
        merge_keys,
        documents: Vec::new(),
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event.map_err(|error| {
            tree.error_at(*error.marker(), Problem::Syntax(error.info().to_owned()))
        })?;
        tree.accept(event, span)?;
    }
    Ok(tree.documents)
}

/// A list or mapping whose end has not come yet.
struct Open {
    value: Value,
    /// In a mapping: the key that waits for its value.
    key: Option<(String, Place)>,
    place: Place,
    anchor: usize,
}

struct Tree {
    file: Arc<str>,
    merge_keys: MergeKeys,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl Tree {
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let place = self.place(span.start);
        match event {
            Event::Scalar(text, style, anchor, _tag) => {
                let value = Value::Scalar(Scalar::new(text.into_owned(), style));
                self.add(Node { value, place }, anchor, 1)
            }
            Event::SequenceStart(anchor, _tag) => self.begin(Value::List(vec![]), place, anchor),
            Event::MappingStart(anchor, _tag) => self.begin(Value::Map(vec![]), place, anchor),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let text = "an alias inside the value it stands for".to_owned();
                    return Err(Error::new(place, "", Problem::Syntax(text)));
                };
                let added = size(&node);
                self.add(node, 0, added)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, place: Place, anchor: usize) -> Result<(), Error> {
        if self.open.len() >= DEPTH_MAX {
            return Err(limit(place, format!("deeper than {DEPTH_MAX} levels")));
        }
        self.open.push(Open { value, key: None, place, anchor });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        if let Value::Map(entries) = &mut open.value {
            match self.merge_keys {
                MergeKeys::Resolve => merge(entries)?,
                MergeKeys::Refuse => no_merge(entries)?,
            }
        }
        self.add(Node { value: open.value, place: open.place }, open.anchor, 1)
    }

    /// Puts a node where it belongs; `added` is how many nodes the tree did not have before.
    fn add(&mut self, node: Node, anchor: usize, added: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(added);
        if self.nodes > NODES_MAX {
            return Err(limit(node.place, format!("more than {NODES_MAX} values")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if !node.reader().is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match (&mut parent.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some((key, key_place))) => {
                entries.push(Entry { key, key_place, value: node });
            }
            (Value::Map(entries), None) => parent.key = Some(key(entries, node)?),
            (Value::Scalar(_), _) => {}
        }
        Ok(())
    }

    fn place(&self, marker: saphyr_parser::Marker) -> Place {
        let column = marker.col().saturating_add(1);
        Place { file: Arc::clone(&self.file), line: marker.line(), column }
    }

    fn error_at(&self, marker: saphyr_parser::Marker, problem: Problem) -> Error {
        Error::new(self.place(marker), "", problem)
    }
}

/// Checks a key: a scalar, and not there yet.
fn key(entries: &[Entry], node: Node) -> Result<(String, Place), Error> {
    let Value::Scalar(scalar) = node.value else {
        let found = node.describe();
        let problem = Problem::Syntax(format!("{found} as a key; a key is a string"));
        return Err(Error::new(node.place, "", problem));
    };
    if scalar.text != MERGE
        && let Some(first) = entries.iter().find(|entry| entry.key == scalar.text)
    {
        let line = first.key_place.line;
        let problem = Problem::Syntax(format!(
            "`{}` is here a second time, the first is in line {line}; remove one",
            scalar.text
        ));
        return Err(Error::new(node.place, "", problem));
    }
    Ok((scalar.text, node.place))
}

const MERGE: &str = "<<";

/// Resolves merge keys: what the mapping says itself wins, then earlier merges over later ones.
fn merge(entries: &mut Vec<Entry>) -> Result<(), Error> {
    let mut merged = Vec::new();
    for entry in entries.extract_if(.., |entry| entry.key == MERGE) {
        let sources = match entry.value.value {
            Value::List(items) => items,
            Value::Map(_) | Value::Scalar(_) => vec![entry.value],
        };
        for source in sources {
            match source.value {
                Value::Map(entries) => merged.extend(entries),
                Value::Scalar(_) | Value::List(_) => {
                    let text = format!("{} as a merge; merge an object", source.describe());
                    return Err(Error::new(source.place, "", Problem::Syntax(text)));
                }
            }
        }
    }
    for entry in merged {
        if entries.iter().all(|own| own.key != entry.key) {
            entries.push(entry);
        }
    }
    Ok(())
}

fn no_merge(entries: &[Entry]) -> Result<(), Error> {
    let Some(entry) = entries.iter().find(|entry| entry.key == MERGE) else { return Ok(()) };
    let text = "a merge key, which Envoy does not read; write the fields out".to_owned();
    Err(Error::new(entry.key_place.clone(), "", Problem::Syntax(text)))
}

/// How many nodes an alias brings at once.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => items.iter().map(size).sum::<usize>().saturating_add(1),
        Value::Map(entries) => {
            entries.iter().map(|entry| size(&entry.value)).sum::<usize>().saturating_add(1)
        }
    }
}

fn limit(place: Place, text: String) -> Error {
    Error::new(place, "", Problem::Syntax(format!("{text}; simplify the file")))
}
