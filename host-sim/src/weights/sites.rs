//! Where weights stand in a file.

use crate::yaml::{Error, Node, Place, Reader, Scalar, Value, parse};

use super::MOST_WEIGHT;

/// What shares traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The filter's section, which keeps each user at one version.
    CanarySplit,
    /// A route of Istio's, which draws anew for each request.
    VirtualService,
}

impl Kind {
    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CanarySplit => "canary_split",
            Self::VirtualService => "virtual_service",
        }
    }
}

/// Weights that belong together.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) arms: Vec<Arm>,
    /// A rollout gives weights of its own.
    pub(super) has_rollout: bool,
}

/// A version and its weight.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    pub(super) version: String,
    pub(super) weight: u32,
    /// Where the number stands; a destination of Istio's may have none.
    pub(super) spot: Option<Spot>,
}

/// Where a number stands.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// As it is written.
    pub(super) digits: String,
    /// The scalar of the file: the number, or the text in which it is.
    pub(super) scalar: Place,
    /// Its place in that text.
    pub(super) inside: Option<Place>,
}

/// All of them, in the order of the file.
pub(super) fn find(documents: &[Node]) -> Result<Vec<Site>, Error> {
    let mut search = Search { sites: Vec::new(), text: None };
    documents.iter().try_for_each(|document| search.visit(&document.reader()))?;
    Ok(search.sites)
}

struct Search {
    sites: Vec<Site>,
    /// The text that is being searched: its place in the file, and its path.
    text: Option<(Place, String)>,
}

const SECTION: &str = "canary_split";

impl Search {
    fn visit(&mut self, reader: &Reader<'_>) -> Result<(), Error> {
        match &reader.node().value {
            Value::List(_) => reader.list()?.iter().try_for_each(|item| self.visit(item)),
            Value::Scalar(scalar) => self.scalar(reader, scalar),
            Value::Map(_) => {
                if is_virtual_service(reader.node()) {
                    return self.virtual_service(reader);
                }
                for (key, child) in reader.entries()? {
                    match (key, &child.node().value) {
                        (SECTION, Value::List(_)) => {
                            child.list()?.iter().try_for_each(|entry| self.split(entry))?;
                        }
                        _ => self.visit(&child)?,
                    }
                }
                Ok(())
            }
        }
    }

    /// A text may be the configuration of a plugin.
    fn scalar(&mut self, reader: &Reader<'_>, scalar: &Scalar) -> Result<(), Error> {
        if self.text.is_some()
            || !scalar.text.contains(SECTION)
            || !scalar.text.trim_start().starts_with('{')
        {
            return Ok(());
        }
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&scalar.text) {
            let found = format!("a text that is no JSON ({error})");
            return Err(reader.invalid(&found, "JSON, as the plugin reads it", "correct it"));
        }
        let place = reader.node().place.clone();
        self.text = Some((place, reader.path().to_owned()));
        for document in parse(reader.path(), &scalar.text)? {
            self.visit(&document.reader())?;
        }
        self.text = None;
        Ok(())
    }

    /// An entry of `canary_split`.
    fn split(&mut self, reader: &Reader<'_>) -> Result<(), Error> {
        // What else an entry has is the plugin's affair.
        let mut entry = reader.object()?;
        let name = entry.required("pool")?.name()?.to_owned();
        let has_rollout = entry.optional("rollout").is_some();
        let mut arms = Vec::new();
        for arm in entry.required("weights")?.list()? {
            let mut arm = arm.object()?;
            let version = arm.required("version")?.name()?.to_owned();
            let weight = arm.required("weight")?;
            arms.push(self.arm(version, Some(&weight))?);
        }
        self.add(Kind::CanarySplit, name, reader, arms, has_rollout);
        Ok(())
    }

    fn virtual_service(&mut self, reader: &Reader<'_>) -> Result<(), Error> {
        let spec = reader.object()?.required("spec")?;
        for http in spec.object()?.items("http")? {
            let mut route = http.object()?;
            let destinations = route.items("route")?;
            if destinations.len() < 2 {
                continue;
            }
            let mut arms = Vec::new();
            let mut hosts = Vec::new();
            for destination in &destinations {
                let mut destination = destination.object()?;
                let mut target = destination.required("destination")?.object()?;
                let host = target.required("host")?.name()?;
                let subset = target.optional("subset").map(|subset| subset.name()).transpose()?;
                hosts.push(host.to_owned());
                let weight = destination.optional("weight");
                arms.push(self.arm(subset.unwrap_or(host).to_owned(), weight.as_ref())?);
            }
            let name = route.optional("name").map(|name| name.name().map(str::to_owned));
            let name = name.transpose()?.or(hosts.into_iter().next()).unwrap_or_default();
            self.add(Kind::VirtualService, name, &http, arms, false);
        }
        Ok(())
    }

    fn arm(&self, version: String, weight: Option<&Reader<'_>>) -> Result<Arm, Error> {
        let Some(reader) = weight else { return Ok(Arm { version, weight: 0, spot: None }) };
        let allowed = || format!("a whole number from 0 to {MOST_WEIGHT}");
        let (Value::Scalar(scalar), number) = (&reader.node().value, reader.integer::<u32>())
        else {
            return Err(self.outside(reader, &allowed()));
        };
        let is_plain = scalar.plain && scalar.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.ok().filter(|number| is_plain && *number <= MOST_WEIGHT);
        let weight = number.ok_or_else(|| self.outside(reader, &allowed()))?;
        let place = reader.node().place.clone();
        let (scalar_place, inside) = match &self.text {
            Some((outer, _)) => (outer.clone(), Some(place)),
            None => (place, None),
        };
        let spot = Spot { digits: scalar.text.clone(), scalar: scalar_place, inside };
        Ok(Arm { version, weight, spot: Some(spot) })
    }

    /// An error that points into the file, also where the value stands in a text.
    fn outside(&self, reader: &Reader<'_>, allowed: &str) -> Error {
        let error = match &reader.node().value {
            Value::Scalar(scalar) if !scalar.plain => {
                reader.invalid(&format!("{}, in quotes", scalar.describe()), allowed, "")
            }
            _ => reader.expected(allowed),
        };
        match &self.text {
            Some((place, path)) => {
                let path = format!("{path}: {}", error.path());
                Error::new(place.clone(), path, error.problem().clone())
            }
            None => error,
        }
    }

    fn add(
        &mut self,
        kind: Kind,
        name: String,
        reader: &Reader<'_>,
        arms: Vec<Arm>,
        has_rollout: bool,
    ) {
        let (place, path) = match &self.text {
            Some((place, path)) => (place.clone(), format!("{path}: {}", reader.path())),
            None => (reader.node().place.clone(), reader.path().to_owned()),
        };
        self.sites.push(Site { kind, name, place, path, arms, has_rollout });
    }
}

fn is_virtual_service(node: &Node) -> bool {
    let kind = node.get("kind").map(|kind| kind.reader());
    kind.is_some_and(|kind| kind.text().is_ok_and(|kind| kind == "VirtualService"))
        && node.get("spec").is_some()
}
