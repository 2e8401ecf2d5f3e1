//! The frame that all Kubernetes resources have.

use crate::yaml::{Error, Node, Place, Reader};

/// A resource.
pub(super) struct Resource<'a> {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) spec: Reader<'a>,
    pub(super) place: Place,
    kind_reader: Reader<'a>,
}

/// Kind and the group of its API.
const KINDS: [(&str, &str); 7] = [
    ("WasmPlugin", "extensions.istio.io"),
    ("TrafficExtension", "extensions.istio.io"),
    ("VirtualService", "networking.istio.io"),
    ("DestinationRule", "networking.istio.io"),
    ("EnvoyFilter", "networking.istio.io"),
    ("Telemetry", "telemetry.istio.io"),
    ("IstioOperator", "install.istio.io"),
];

pub(super) const CURE: &str = "remove it, or put it into a file that is not run here";

impl<'a> Resource<'a> {
    pub(super) fn read(document: &'a Node) -> Result<Self, Error> {
        let reader = document.reader();
        let mut object = reader.object()?;
        let api = object.required("apiVersion")?;
        let kind_reader = object.required("kind")?;
        let kind = kind_reader.string()?;
        let metadata = object.required("metadata")?;
        let spec = object.required("spec")?;
        object.optional("status");
        object.finish()?;
        let mut metadata = metadata.object()?;
        let name = metadata.required("name")?.string()?.to_owned();
        let namespace =
            metadata.optional("namespace").map_or(Ok("default"), |namespace| namespace.string())?;
        for ignored in ["labels", "annotations"] {
            metadata.optional(ignored);
        }
        metadata.finish()?;
        let resource = Self {
            kind: kind.to_owned(),
            name,
            namespace: namespace.to_owned(),
            spec,
            place: document.place.clone(),
            kind_reader,
        };
        resource.check_group(&api)?;
        Ok(resource)
    }

    fn check_group(&self, api: &Reader<'_>) -> Result<(), Error> {
        let Some((_, group)) = KINDS.iter().find(|(kind, _)| *kind == self.kind) else {
            return Ok(());
        };
        let found = api.string()?;
        if found.split('/').next() == Some(group) {
            return Ok(());
        }
        Err(api.invalid(&format!("`{found}`"), &format!("{group}/ and a version"), "correct it"))
    }

    pub(super) fn unknown_kind(&self) -> Error {
        let has = KINDS.map(|(kind, _)| kind).join(", ");
        self.kind_reader.not_modelled(&format!("kind `{}`", self.kind), &has, CURE)
    }

    /// `<namespace>.<name>`, which Istio's filters are called by.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }
}
