//! `envoy`, `istio` or `plugin`: what the host is configured with.

use std::path::Path;

use crate::scenario::Target;
use crate::scenario::plugin::Plugin;
use crate::yaml::{Error, Object, Reader, Value};

use super::{Files, optional};

/// Reads the configuration under test.
pub(super) fn target(top: &mut Object<'_>, files: &Files<'_>) -> Result<Target, Error> {
    let found = top.one_of(&["envoy", "istio", "plugin"])?;
    let module = files.module.map(Path::to_owned);
    match found {
        None if module.is_some() => {
            Ok(Target::Plugin(Plugin { file: module, ..Plugin::default() }))
        }
        None => Err(top.reader().invalid(
            "none of them",
            "one of `envoy`, `istio`, `plugin`",
            "add it, or name a module with `--plugin FILE.wasm`",
        )),
        Some(("plugin", reader)) => {
            let mut plugin = plugin(&reader, files)?;
            plugin.file = module.or(plugin.file);
            if plugin.file.is_none() {
                return Err(reader.invalid(
                    "a plugin without `file`",
                    "a module",
                    "add `file: FILE.wasm`, or name a module with `--plugin FILE.wasm`",
                ));
            }
            Ok(Target::Plugin(plugin))
        }
        Some((kind, reader)) if module.is_some() => Err(reader.invalid(
            &format!("`{kind}` together with `--plugin`"),
            "a scenario that leaves the file around the plugin to be made",
            "run it without `--plugin`, which would have no place in that file",
        )),
        Some(("envoy", file)) => Ok(Target::Envoy(files.find(&file)?)),
        Some((_, list)) => Ok(Target::Istio(
            list.list()?.iter().map(|file| files.find(file)).collect::<Result<_, _>>()?,
        )),
    }
}

/// A file, or an object of what Envoy's configuration of a plugin has.
fn plugin(reader: &Reader<'_>, files: &Files<'_>) -> Result<Plugin, Error> {
    if let Value::Scalar(_) = reader.node().value {
        return Ok(Plugin { file: Some(files.find(reader)?), ..Plugin::default() });
    }
    let mut object = reader.object()?;
    let environment = match object.optional("environment") {
        None => Vec::new(),
        Some(variables) => variables
            .entries()?
            .into_iter()
            .map(|(name, value)| Ok((name.to_owned(), value.text()?.to_owned())))
            .collect::<Result<_, Error>>()?,
    };
    let plugin = Plugin {
        file: match object.optional("file") {
            // What the command line names stands in its place, so it need not be there.
            Some(_) if files.module.is_some() => None,
            Some(file) => Some(files.find(&file)?),
            None => None,
        },
        root_id: optional(&mut object, "root_id", |r| r.string().map(str::to_owned))?
            .unwrap_or_default(),
        configuration: optional(&mut object, "configuration", text_or_json)?,
        vm_configuration: optional(&mut object, "vm_configuration", text_or_json)?,
        environment,
    };
    object.finish()?;
    Ok(plugin)
}

/// A configuration is a text; an object is one in JSON.
fn text_or_json(reader: &Reader<'_>) -> Result<String, Error> {
    match &reader.node().value {
        Value::Scalar(text) => Ok(text.text.clone()),
        Value::List(_) | Value::Map(_) => Ok(reader.node().to_json()?.to_string()),
    }
}
