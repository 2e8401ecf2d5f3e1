//! Access logs: a line for each finished stream, to standard output, standard error or a file.

use std::path::PathBuf;

use super::{
    format::{self, Format},
    message::Message,
};
use crate::yaml::{Error, Place, Reader};

/// An access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub sink: Sink,
    /// A line, its newline included.
    pub format: Format,
    /// Where it stands in the file, for whoever cannot render an operator.
    pub place: Place,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file.
    File(PathBuf),
}

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT: &str = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR: &str = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

pub(super) fn read(reader: &Reader<'_>) -> Result<AccessLog, Error> {
    let mut message = Message::read(reader, "envoy.config.accesslog.v3.AccessLog")?;
    message.maybe("name", |name| name.string().map(drop))?;
    let mut config = Message::unpack(&message.required("typed_config")?, &[FILE, STDOUT, STDERR])?;
    message.finish()?;
    let sink = match config.name() {
        FILE => Sink::File(config.required("path")?.name()?.into()),
        STDOUT => Sink::Stdout,
        _ => Sink::Stderr,
    };
    let format = config.required("log_format")?;
    let format = log_format(&format)?;
    config.finish()?;
    Ok(AccessLog { sink, format, place: reader.node().place.clone() })
}

fn log_format(reader: &Reader<'_>) -> Result<Format, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.SubstitutionFormatString")?;
    let source = message.required("text_format_source")?;
    message.finish()?;
    let mut source = Message::read(&source, "envoy.config.core.v3.DataSource")?;
    let format = format::read(&source.required("inline_string")?)?;
    source.finish()?;
    Ok(format)
}
