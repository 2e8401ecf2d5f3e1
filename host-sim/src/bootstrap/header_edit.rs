//! Headers that routes add and remove.

use super::{
    format::{self, Format},
    message::Message,
};
use crate::yaml::{Error, Reader};

/// What is done to the headers of one direction at one level (route table, virtual host, route).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Added, in order.
    pub add: Vec<HeaderAdd>,
    /// Removed, lower case.
    pub remove: Vec<String>,
}

/// One header to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderAdd {
    /// Lower case.
    pub name: String,
    /// With operators.
    pub value: Format,
    /// What happens where the header is there already.
    pub action: AppendAction,
    /// Added even where the value comes out empty.
    pub keep_empty_value: bool,
}

/// `HeaderAppendAction`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendAction {
    /// A further value. The default.
    Append,
    /// Only where it is missing.
    AddIfAbsent,
    /// In the place of what is there.
    Overwrite,
    /// Only where it is there.
    OverwriteIfExists,
}

/// Reads the fields `<direction>_headers_to_add` and `<direction>_headers_to_remove`.
pub(super) fn read(
    message: &mut Message<'_>,
    add: &'static str,
    remove: &'static str,
) -> Result<HeaderEdits, Error> {
    let lower = |reader: &Reader<'_>| Ok(reader.string()?.to_ascii_lowercase());
    Ok(HeaderEdits { add: message.each(add, one)?, remove: message.each(remove, lower)? })
}

fn one(reader: &Reader<'_>) -> Result<HeaderAdd, Error> {
    let actions = [
        ("APPEND_IF_EXISTS_OR_ADD", AppendAction::Append),
        ("ADD_IF_ABSENT", AppendAction::AddIfAbsent),
        ("OVERWRITE_IF_EXISTS_OR_ADD", AppendAction::Overwrite),
        ("OVERWRITE_IF_EXISTS", AppendAction::OverwriteIfExists),
    ];
    let mut message = Message::read(reader, "envoy.config.core.v3.HeaderValueOption")?;
    let header = message.required("header")?;
    let action =
        message.or("append_action", AppendAction::Append, |reader| reader.choice(&actions))?;
    let keep_empty_value = message.or("keep_empty_value", false, Reader::boolean)?;
    message.finish()?;
    let mut header = Message::read(&header, "envoy.config.core.v3.HeaderValue")?;
    let name = header.required("key")?.name()?.to_ascii_lowercase();
    let value = header.or("value", Format::default(), format::read)?;
    header.finish()?;
    Ok(HeaderAdd { name, value, action, keep_empty_value })
}
