//! Reads scenario files.
//!
//! A mistake is reported with file, line, column, path, what was found and what is allowed: whoever
//! writes a scenario should never have to read this module to learn the format.
//!
//! Files that a scenario names (`envoy`, `istio`, `body_file`) are looked for beside the scenario
//! and then in every folder above it, so that `manifests/envoy/chain.yaml` and
//! `wire/chat_short.json` mean the same from every folder of scenarios, and a user's own scenarios
//! need no root to be declared.

mod body;
mod bounds;
mod expect;
mod fault;
mod plugin;
mod request;
mod sendable;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::model::EnvoyVersion;
use crate::upstream::Script;
use crate::yaml::{self, Error, Object, Place, Problem, Reader};

use super::step::{Act, Step, Update};
use super::{Control, Endpoints, Hosts, Scenario};
use bounds::Bounds;

/// What a scenario file may say, as a JSON schema for editors.
pub const SCHEMA: &str = include_str!("../../../tests/scenarios/schema.json");
/// Versions of Envoy whose behaviour is known.
pub const ENVOYS: [(&str, EnvoyVersion); 4] = [
    ("1.36", EnvoyVersion::V1_36),
    ("1.37", EnvoyVersion::V1_37),
    ("1.39", EnvoyVersion::V1_39),
    ("1.40", EnvoyVersion::V1_40),
];

const OLDEST: EnvoyVersion = EnvoyVersion::V1_36;

/// Reads one scenario file.
///
/// # Errors
/// Returns the place of the first mistake.
pub fn read(path: &Path) -> Result<Scenario, Error> {
    read_with(path, None)
}

/// As [`read`], with a module for a scenario that names none of its own.
///
/// # Errors
/// Returns the place of the first mistake; a scenario with an Envoy file has no use for a module.
pub fn read_with(path: &Path, module: Option<&Path>) -> Result<Scenario, Error> {
    let text = yaml::read_text(path)?;
    read_text(path, &text, module)
}

/// Reads the text of a scenario; `path` is where files that it names are looked for.
///
/// # Errors
/// Returns the place of the first mistake.
pub fn read_text(path: &Path, text: &str, module: Option<&Path>) -> Result<Scenario, Error> {
    let name = path.display().to_string();
    let whole_file = || Place { file: name.as_str().into(), line: 0, column: 0 };
    // Editors on Windows begin files with a byte-order mark.
    let text = text.trim_start_matches('\u{feff}');
    let sentence = sentence(text).ok_or_else(|| {
        Error::new(
            Place { line: 1, column: 1, ..whole_file() },
            "",
            Problem::Invalid {
                found: "no comment in the first line".to_owned(),
                allowed: "a comment that says the behaviour in a sentence".to_owned(),
                cure: "start the file with `# ...`".to_owned(),
            },
        )
    })?;
    let documents = yaml::parse(&name, text)?;
    let [document] = documents.as_slice() else {
        let (place, found, cure) = match documents.get(1) {
            None => (Place { line: 1, column: 1, ..whole_file() }, "a file of comments", "add it"),
            Some(second) => (second.place.clone(), "a second document", "make a file of each"),
        };
        let (found, cure) = (found.to_owned(), cure.to_owned());
        let allowed = "one document, with `steps`".to_owned();
        return Err(Error::new(place, "", Problem::Invalid { found, allowed, cure }));
    };
    let files = Files { scenario: path, module };
    let object = document.reader().object()?;
    scenario(object, sentence, &files)
}

fn sentence(text: &str) -> Option<String> {
    let sentence = text.lines().next()?.strip_prefix('#')?.trim();
    (!sentence.is_empty()).then(|| sentence.to_owned())
}

fn scenario(mut top: Object<'_>, sentence: String, files: &Files<'_>) -> Result<Scenario, Error> {
    let target = plugin::target(&mut top, files)?;
    let main = target.main_plugin().to_owned();
    let hosts = hosts(&mut top)?;
    let mut bounds = Bounds::new(&hosts);
    let workers = optional(&mut top, "workers", bounds::workers)?.unwrap_or(1);
    let seed = optional(&mut top, "seed", |r| r.integer())?.unwrap_or(1);
    let controls = [("fails", Control::Fails), ("passes", Control::Passes)];
    let control = optional(&mut top, "control", |r| r.choice(&controls))?.unwrap_or_default();
    let since = optional(&mut top, "since", |r| r.choice(&ENVOYS))?.unwrap_or(OLDEST);
    let envoys = envoys(&mut top, since)?;
    let features = features(&mut top)?;
    let mut patches = Vec::new();
    if let Some(patch) = top.optional("config") {
        patches.push((main.clone(), patch.node().to_json()?));
    }
    if let Some(plugins) = top.optional("plugin_config") {
        for (plugin, patch) in plugins.entries()? {
            patches.push((plugin.to_owned(), patch.node().to_json()?));
        }
    }
    let upstreams = match top.optional("upstreams") {
        None => Vec::new(),
        Some(upstreams) => upstreams
            .entries()?
            .into_iter()
            .map(|(cluster, script)| Ok((cluster.to_owned(), endpoints(&script)?)))
            .collect::<Result<_, Error>>()?,
    };
    let faults = fault::read(&mut top, &main, matches!(hosts, Hosts::Sim { .. }), &bounds)?;
    let silenced = fault::silence(&mut top)?;
    let list = top.required("steps")?;
    let mut steps = Vec::new();
    for item in list.list()? {
        steps.push(step(&item, files, &main, &mut bounds)?);
    }
    let finally = match top.optional("finally") {
        Some(finally) => expect::finally(&finally)?,
        None => super::expect::Finally::default(),
    };
    top.finish()?;
    if steps.is_empty() {
        return Err(list.invalid("no step", "one or more", "add a `request`"));
    }
    Ok(Scenario {
        path: files.scenario.to_owned(),
        name: files.name(),
        sentence,
        target,
        hosts,
        workers,
        seed,
        ties: super::Ties::default(),
        control,
        envoys,
        since,
        features,
        patches,
        upstreams,
        events: faults.events,
        guest_faults: faults.guests,
        silenced,
        steps,
        finally,
    })
}

fn endpoints(reader: &Reader<'_>) -> Result<Endpoints, Error> {
    if let yaml::Value::Scalar(_) = reader.node().value {
        return reader.choice(&[("down", Endpoints::Down)]);
    }
    for reply in reader.list()? {
        script(&reply)?;
    }
    Script::from_json(reader.node().to_json()?)
        .map(Endpoints::Scripted)
        .map_err(|error| reader.invalid(&error.to_string(), "a list of replies, or `down`", ""))
}

/// Reads a reply field by field, so that a mistake has its place: a derived reader knows none.
fn script(reply: &Reader<'_>) -> Result<(), Error> {
    for (name, value) in reply.entries()? {
        let alone = serde_json::json!([{ name: value.node().to_json()? }]);
        if let Err(error) = Script::from_json(alone) {
            let text = error.to_string();
            let text = text.trim_start_matches("upstream script: ");
            let text = text.trim_start_matches("reply 0: ").trim_start_matches("found ");
            return Err(value.invalid(text, "a field of a reply with a value of its type", ""));
        }
    }
    Ok(())
}

fn hosts(top: &mut Object<'_>) -> Result<Hosts, Error> {
    let because = optional(top, "because", |r| r.string().map(str::to_owned))?;
    let Some(hosts) = top.optional("hosts") else { return Ok(Hosts::Both) };
    match (hosts.choice(&[("both", "both"), ("each", "each"), ("sim", "sim")])?, because) {
        ("both", None) => Ok(Hosts::Both),
        ("each", Some(because)) => Ok(Hosts::Each { because }),
        ("sim", Some(because)) => Ok(Hosts::Sim { because }),
        ("both", Some(_)) => Err(hosts.invalid(
            "`because` with `both`",
            "`because` with `each` or `sim`",
            "remove `because`",
        )),
        (word, _) => Err(hosts.invalid(
            &format!("`{word}` without a reason"),
            &format!("`{word}` together with `because`"),
            "say why the hosts cannot be compared",
        )),
    }
}

fn envoys(top: &mut Object<'_>, since: EnvoyVersion) -> Result<Vec<EnvoyVersion>, Error> {
    let mut versions = Vec::new();
    for item in top.items("envoys")? {
        let version = item.choice(&ENVOYS)?;
        if version < since {
            let found = "a version before the one that `since` names";
            return Err(item.invalid(found, "that one or a later one", "remove one of the two"));
        }
        versions.push(version);
    }
    Ok(if versions.is_empty() { vec![EnvoyVersion::default()] } else { versions })
}

/// The features of cargo that the module is built with. Which ones there are is cargo's to say.
fn features(top: &mut Object<'_>) -> Result<Vec<String>, Error> {
    let mut features = BTreeSet::new();
    if optional(top, "fault_injection", |r| r.boolean())?.unwrap_or(false) {
        features.insert("fault-injection".to_owned());
    }
    for item in top.items("features")? {
        let name = item.string()?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !name.bytes().all(is_name) || !name.starts_with(|first: char| first != '-') {
            let allowed = "the name of a cargo feature of llm-mesh: letters, digits, `-`, `_`";
            return Err(item.expected(allowed));
        }
        features.insert(name.to_owned());
    }
    Ok(features.into_iter().collect())
}

fn step(
    reader: &Reader<'_>,
    files: &Files<'_>,
    main: &str,
    bounds: &mut Bounds,
) -> Result<Step, Error> {
    let mut step = reader.object()?;
    let at = optional(&mut step, "at", |r| bounds.time(r))?.unwrap_or_default();
    let act = match step.exactly_one_of(&["request", "drain", "update"])? {
        ("request", request) => {
            let read = request::step(&mut step, &request, files, bounds)?;
            bounds.add(&request, &read)?;
            Act::Request(Box::new(read))
        }
        ("drain", how) => {
            how.choice(&[("graceful", ())])?;
            Act::Drain
        }
        (_, update) => {
            let mut update = update.object()?;
            let plugin = optional(&mut update, "plugin", |r| r.string().map(str::to_owned))?
                .unwrap_or_else(|| main.to_owned());
            let patch = update.required("config")?.node().to_json()?;
            let refused = optional(&mut update, "refused", |r| r.boolean())?.unwrap_or(false);
            update.finish()?;
            Act::Update(Update { plugin, patch, refused })
        }
    };
    step.finish()?;
    Ok(Step { at, act })
}

/// A field that may be absent, read by `read` when it is there.
fn optional<'a, T>(
    object: &mut Object<'a>,
    name: &'static str,
    read: impl FnOnce(&Reader<'a>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    object.optional(name).map(|reader| read(&reader)).transpose()
}

/// Where a scenario's files are.
struct Files<'a> {
    scenario: &'a Path,
    /// The module that the command line names.
    module: Option<&'a Path>,
}

impl Files<'_> {
    fn name(&self) -> String {
        let stem = |path: &Path| {
            path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        };
        match self.scenario.parent().map(stem) {
            Some(folder) if !folder.is_empty() => format!("{folder}/{}", stem(self.scenario)),
            _ => stem(self.scenario),
        }
    }

    /// The bytes of a body's file.
    fn body(&self, reader: &Reader<'_>) -> Result<Bytes, Error> {
        let path = self.find(reader)?;
        let unreadable = |error: std::io::Error| {
            reader.invalid(
                &format!("`{}`: {error}", path.display()),
                "a file that can be read",
                "change its permissions, or name another",
            )
        };
        bounds::body(reader, std::fs::metadata(&path).map_err(unreadable)?.len())?;
        std::fs::read(&path).map(Bytes::from).map_err(unreadable)
    }

    /// The file of that name beside the scenario or in the nearest folder above it.
    fn find(&self, reader: &Reader<'_>) -> Result<PathBuf, Error> {
        let name = reader.string()?;
        let scenario =
            std::path::absolute(self.scenario).unwrap_or_else(|_| self.scenario.to_owned());
        scenario
            .ancestors()
            .skip(1)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                let is_folder = scenario.ancestors().skip(1).any(|from| from.join(name).is_dir());
                let what = if is_folder { "is a folder" } else { "is not there" };
                reader.invalid(
                    &format!("`{name}`, which {what}"),
                    "a file beside the scenario or in a folder above it",
                    "correct the name",
                )
            })
    }
}

#[cfg(test)]
mod tests;
