//! The `request` of a step and what stands beside it.

use crate::yaml::{Error, Meaning, Object, Reader, Value};

use super::bounds::{self, Bounds};
use super::{Files, body, expect, optional, sendable};
use crate::scenario::step::{Chunks, Cut, Http, Raw, Repetition, Request, RequestStep};

/// `post: /path` is short for `method: POST` and `path: /path`.
const SHORT: [&str; 6] = ["get", "post", "put", "delete", "head", "options"];
/// Reads the fields of a step that sends requests; `reader` is its `request`.
pub(super) fn step(
    step: &mut Object<'_>,
    reader: &Reader<'_>,
    files: &Files<'_>,
    bounds: &Bounds,
) -> Result<RequestStep, Error> {
    let repetition = match step.one_of(&["repeat", "concurrent"])? {
        None => Repetition::InTurn(1),
        Some((name, times)) => bounds::repetition(name, &times)?,
    };
    let background = optional(step, "background", |r| r.boolean())?.unwrap_or(false);
    let request = request(reader, files, bounds)?;
    let expect = match step.optional("expect") {
        Some(reader) => expect::exchange(&reader, files)?,
        None => crate::scenario::expect::Expect::default(),
    };
    Ok(RequestStep { repetition, background, request, expect })
}

fn request(reader: &Reader<'_>, files: &Files<'_>, bounds: &Bounds) -> Result<Request, Error> {
    let mut object = reader.object()?;
    let raw = optional(&mut object, "raw", raw)?;
    let (method, path) = match &raw {
        None => line(&mut object)?,
        Some(raw) => (first_word(raw), String::new()),
    };
    let authority = optional(&mut object, "authority", |r| r.string().map(str::to_owned))?;
    let headers = fields(&mut object, "headers")?;
    let trailers = fields(&mut object, "trailers")?;
    let body = match object.one_of(&["body", "body_file"])? {
        None => None,
        Some(("body", body)) => Some(body::read(&body)?),
        Some((_, file)) => Some(files.body(&file)?),
    };
    let plain = Request::new(&method, &path);
    let request = Request {
        method,
        path,
        authority: authority.unwrap_or_else(|| plain.authority.clone()),
        headers,
        body,
        content_length: optional(&mut object, "content_length", |r| r.boolean())?.unwrap_or(true),
        chunks: optional(&mut object, "chunks", |r| chunks(r, bounds))?.unwrap_or_default(),
        trailers,
        http: optional(&mut object, "http", http)?.unwrap_or_else(|| version(raw.as_ref())),
        expect_continue: optional(&mut object, "expect_continue", |r| r.boolean())?
            .unwrap_or(false),
        listener: optional(&mut object, "listener", |r| r.string().map(str::to_owned))?,
        reset_after: optional(&mut object, "reset_after", |r| bounds.time(r))?,
        give_up_after: optional(&mut object, "give_up_after", |r| bounds.time(r))?
            .unwrap_or(plain.give_up_after),
        raw,
    };
    object.finish()?;
    let usual = Request {
        method: request.method.clone(),
        path: request.path.clone(),
        body: request.body.clone(),
        http: request.http,
        listener: request.listener.clone(),
        give_up_after: request.give_up_after,
        raw: request.raw.clone(),
        ..plain
    };
    if request.raw.is_some() && request != usual {
        let allowed = "`raw` with `body`, `http`, `listener` and `give_up_after`";
        return Err(reader.invalid("other fields beside `raw`", allowed, "write them into it"));
    }
    if let Some((found, allowed, cure)) = sendable::problem(&request) {
        return Err(reader.invalid(&found, allowed, cure));
    }
    Ok(request)
}

fn raw(reader: &Reader<'_>) -> Result<Raw, Error> {
    let lines = reader.list()?;
    let lines = lines.iter().map(|line| line.string().map(str::to_owned));
    Ok(Raw { lines: lines.collect::<Result<_, _>>()? })
}

/// HTTP/1.0 if the request line says so: such an answer may end with the connection.
fn version(raw: Option<&Raw>) -> Http {
    let first = raw.and_then(|raw| raw.lines.first()).map(String::as_str).unwrap_or_default();
    if first.contains("HTTP/") && !first.ends_with("HTTP/1.1") { Http::V1_0 } else { Http::V1_1 }
}

/// The method: a client reads an answer to HEAD in another way.
fn first_word(raw: &Raw) -> String {
    let first = raw.lines.first().map(String::as_str).unwrap_or_default();
    let first = first.strip_prefix(":method: ").unwrap_or(first);
    first.split(' ').next().unwrap_or_default().to_owned()
}

fn line(object: &mut Object<'_>) -> Result<(String, String), Error> {
    let short = object.one_of(&SHORT)?;
    let (method, path) = (object.optional("method"), object.optional("path"));
    match (short, method, path) {
        (Some((method, path)), None, None) => {
            Ok((method.to_ascii_uppercase(), path.string()?.to_owned()))
        }
        (Some((short, _)), Some(long), _) | (Some((short, _)), None, Some(long)) => {
            let allowed = format!("`{short}: PATH`, or `method` and `path`");
            Err(long.invalid(&format!("it beside `{short}`"), &allowed, "remove one"))
        }
        (None, Some(method), path) => {
            let path = path.map_or(Ok(""), |path| path.string())?;
            Ok((method.string()?.to_owned(), path.to_owned()))
        }
        (None, None, _) => {
            let allowed = format!("one of {}, or `method` and `path`", SHORT.join(", "));
            Err(object.reader().invalid("no method", &allowed, "add one"))
        }
    }
}

/// Header fields: a name with one value or a list of them.
pub(super) fn fields(
    object: &mut Object<'_>,
    name: &'static str,
) -> Result<Vec<(String, String)>, Error> {
    let mut fields = Vec::new();
    let Some(reader) = object.optional(name) else { return Ok(fields) };
    for (name, value) in reader.entries()? {
        let name = name.to_ascii_lowercase();
        if let Value::List(_) = value.node().value {
            for value in value.list()? {
                fields.push((name.clone(), value.text()?.to_owned()));
            }
        } else {
            fields.push((name, value.text()?.to_owned()));
        }
    }
    Ok(fields)
}

fn chunks(reader: &Reader<'_>, bounds: &Bounds) -> Result<Chunks, Error> {
    match &reader.node().value {
        Value::Scalar(_) => {
            let cut = reader.choice(&[("whole", Cut::Whole), ("every_byte", Cut::Frames(1))])?;
            Ok(Chunks { cut, ..Chunks::default() })
        }
        Value::List(_) => Ok(Chunks { cut: sizes(reader)?, ..Chunks::default() }),
        Value::Map(_) => {
            let mut object = reader.object()?;
            let cut = match object.one_of(&["frames", "sizes"])? {
                None => Cut::Whole,
                Some(("frames", size)) => Cut::Frames(frame(&size)?),
                Some((_, list)) => sizes(&list)?,
            };
            let chunks = Chunks {
                cut,
                every: optional(&mut object, "every", |r| bounds.time(r))?.unwrap_or_default(),
                after: optional(&mut object, "after", |r| bounds.time(r))?.unwrap_or_default(),
                separate_end: optional(&mut object, "separate_end", |r| r.boolean())?
                    .unwrap_or(false),
            };
            object.finish()?;
            Ok(chunks)
        }
    }
}

fn sizes(reader: &Reader<'_>) -> Result<Cut, Error> {
    Ok(Cut::Sizes(reader.list()?.iter().map(frame).collect::<Result<_, _>>()?))
}

fn frame(reader: &Reader<'_>) -> Result<usize, Error> {
    let allowed = "a size of at least one byte, such as `16KiB`";
    match usize::try_from(reader.size()?) {
        Ok(0) | Err(_) => Err(reader.expected(allowed)),
        Ok(size) => Ok(size),
    }
}

/// The version is a number for YAML and a name for people: `1.1`, `2`.
fn http(reader: &Reader<'_>) -> Result<Http, Error> {
    let versions = [("1.0", Http::V1_0), ("1.1", Http::V1_1), ("2", Http::V2)];
    match &reader.node().value {
        Value::Scalar(scalar) if scalar.meaning() != Meaning::Null => reader.choice(&versions),
        _ => Err(reader.expected("1.0, 1.1, 2")),
    }
}
