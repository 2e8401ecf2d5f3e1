//! `force`: testers choose their version by a header.

use serde::Deserialize;

use super::Split;
use super::key::header_name;
use crate::invalid::Invalid;

/// The section `force`, as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawForce {
    /// The header whose value names the version.
    pub header: String,
    /// The versions that may be asked for; all of the split's if left out.
    #[serde(default)]
    pub values: Option<Vec<String>>,
}

/// The header by which a version may be asked for. Whoever can send it can use it: where that is not for
/// every client, the gateway in front has to remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Force {
    /// Its name, in lower case.
    pub header: String,
    allowed: Vec<usize>,
}

impl Force {
    /// The place of the version that the header asks for, if it may be asked for. Its weight does not
    /// matter: a version is tried before it has any.
    pub fn choose(&self, split: &Split, value: &str) -> Option<usize> {
        split.position(value.trim_ascii()).filter(|index| self.allowed.contains(index))
    }
}

impl TryFrom<(RawForce, &Split)> for Force {
    type Error = Invalid;

    fn try_from((raw, split): (RawForce, &Split)) -> Result<Self, Invalid> {
        let header = header_name("header", &raw.header)?;
        let versions = || split.arms().iter().map(|arm| arm.version.as_str());
        let Some(values) = raw.values else {
            return Ok(Self { header, allowed: (0..split.arms().len()).collect() });
        };
        let mut allowed = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let Some(position) = split.position(value) else {
                let at = format!("values[{index}]");
                return Err(Invalid::not_one_of(at, value, versions(), "add it to weights"));
            };
            allowed.push(position);
        }
        if allowed.is_empty() {
            let problem = "found no version; allowed one or more; name some, or leave force out";
            return Err(Invalid::new("values", problem));
        }
        Ok(Self { header, allowed })
    }
}
