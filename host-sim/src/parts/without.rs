//! The one way to leave parts out of a test run: `LLM_MESH_WITHOUT=envoy,node`.
//!
//! A test that needs a part fails when the part is missing; it never skips itself in silence. What was
//! left out is said in the summary.

/// A part that tests may be told to do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A real Envoy.
    Envoy,
    /// A real Prometheus.
    Prometheus,
    /// Node.js.
    Node,
    /// Python with the packages of real clients.
    Python,
    /// A real model server.
    Model,
}

/// The parts that were left out by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Without {
    parts: Vec<Part>,
}

/// A name that is no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "LLM_MESH_WITHOUT: found `{found}`; allowed envoy, prometheus, node, python, model, joined by commas"
)]
pub struct WithoutError {
    found: String,
}

impl Part {
    /// The name as `LLM_MESH_WITHOUT` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Envoy => "envoy",
            Self::Prometheus => "prometheus",
            Self::Node => "node",
            Self::Python => "python",
            Self::Model => "model",
        }
    }

    const ALL: [Self; 5] = [Self::Envoy, Self::Prometheus, Self::Node, Self::Python, Self::Model];
}

impl Without {
    /// What the environment says.
    ///
    /// # Errors
    /// When it names something that is no part; a misspelt name must not run the tests it meant to leave out.
    pub fn from_env() -> Result<Self, WithoutError> {
        Self::parse(&std::env::var("LLM_MESH_WITHOUT").unwrap_or_default())
    }

    /// Reads the list.
    ///
    /// # Errors
    /// When a name is no part.
    pub fn parse(list: &str) -> Result<Self, WithoutError> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let part = |name: &str| Part::ALL.into_iter().find(|part| part.name() == name);
        let parts =
            names.map(|name| part(name).ok_or_else(|| WithoutError { found: name.to_owned() }));
        let mut parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        parts.sort_unstable();
        parts.dedup();
        Ok(Self { parts })
    }

    /// Whether this part is left out.
    #[must_use]
    pub fn leaves_out(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// All that is left out.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_left_out_only_by_name() {
        let without = Without::parse(" model, envoy,").expect("a list");
        assert_eq!(without.parts(), [Part::Envoy, Part::Model]);
        assert!(!without.leaves_out(Part::Node));
        assert_eq!(Without::parse("").map(|without| without.parts().len()), Ok(0));
    }

    #[test]
    fn a_misspelt_part_is_refused_with_the_allowed_names() {
        let message = Without::parse("envoi").expect_err("refused").to_string();
        assert!(
            message.contains("found `envoi`; allowed envoy, prometheus, node, python, model"),
            "{message}"
        );
    }
}
