//! The credential injector: a filter of Envoy's own that stands before the servers.
//!
//! All attempts of a request have one map of headers. So what is put on for one attempt is there in the next
//! one too, whoever that goes to, and in whatever an access log or a plugin reads of the request; Envoy is so.
//!
//! # Limits
//! Secrets are read once, when the proxy starts. Envoy answers 401 while it has none; here it does not start.

use bytes::Bytes;

use super::headers::HeaderMap;
use crate::bootstrap::{
    CredentialInjector, Predicate, Secret, SecretSource, SecretText, read_secret,
};
use crate::yaml::read_file;

/// A credential, ready to be put on.
#[derive(Debug)]
pub(crate) struct Credential {
    header: Bytes,
    value: Bytes,
    overwrite: bool,
    left_out: Vec<Predicate>,
}

impl Credential {
    /// Puts it on, unless this attempt is left out, or has one that is to be left.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        let left_out = self.left_out.iter().any(|predicate| predicate.holds(headers));
        if left_out || !self.overwrite && headers.contains(&self.header) {
            return;
        }
        headers.replace(self.header.clone(), self.value.clone());
    }
}

/// A secret that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("secret `{name}`: {why}")]
pub struct ReadSecretError {
    name: String,
    why: String,
}

/// Reads the secret of a filter.
pub(crate) fn read(
    injector: &CredentialInjector,
    secrets: &[Secret],
) -> Result<Credential, ReadSecretError> {
    let name = match &injector.secret {
        SecretSource::Static(name) | SecretSource::File(name, _) => name,
    };
    let fail = |why: String| ReadSecretError { name: name.clone(), why };
    let text = match &injector.secret {
        SecretSource::Static(name) => {
            let secret = secrets.iter().find(|secret| secret.name == *name);
            secret.map(|secret| secret.text.clone()).ok_or_else(|| fail(UNKNOWN.to_owned()))?
        }
        SecretSource::File(name, path) => {
            let documents = read_file(path).map_err(|error| fail(error.to_string()))?;
            let resources = documents.first().and_then(|document| document.get("resources"));
            let resources = resources.map(|list| list.reader().list()).transpose();
            let resources = resources.map_err(|error| fail(error.to_string()))?.unwrap_or_default();
            let secrets: Result<Vec<Secret>, _> = resources.iter().map(read_secret).collect();
            let secrets = secrets.map_err(|error| fail(error.to_string()))?;
            let secret = secrets.into_iter().find(|secret| secret.name == *name);
            secret.ok_or_else(|| fail(format!("{}: {UNKNOWN}", path.display())))?.text
        }
    };
    let text = match text {
        SecretText::Inline(text) => text,
        SecretText::File(path) => std::fs::read_to_string(&path)
            .map_err(|error| fail(format!("cannot read `{}` ({error})", path.display())))?,
        SecretText::Environment(variable) => std::env::var(&variable).map_err(|_| {
            fail(format!("the environment has no variable `{variable}`; set it, as Envoy demands"))
        })?,
    };
    // Envoy too takes off what editors leave at a file's end.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(fail("is empty, for which Envoy answers 401; give it a text".to_owned()));
    }
    Ok(Credential {
        header: Bytes::from(injector.header.clone()),
        value: Bytes::from(format!("{}{text}", injector.prefix)),
        overwrite: injector.overwrite,
        left_out: injector.left_out.clone(),
    })
}

const UNKNOWN: &str = "there is none of this name; add it, or correct the name";

#[cfg(test)]
mod tests {
    use super::*;

    fn injector(secret: SecretSource) -> CredentialInjector {
        let (header, prefix) = ("authorization".to_owned(), "Bearer ".to_owned());
        CredentialInjector { secret, header, prefix, overwrite: true, left_out: Vec::new() }
    }

    fn value(secret: SecretSource, secrets: &[Secret]) -> Result<String, String> {
        let credential = read(&injector(secret), secrets).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&credential.value).into_owned())
    }

    fn inline(text: &str) -> Secret {
        Secret { name: "key".to_owned(), text: SecretText::Inline(text.to_owned()) }
    }

    #[test]
    fn the_end_of_a_line_is_no_part_of_a_secret() {
        let of_name = SecretSource::Static("key".to_owned());
        assert_eq!(value(of_name, &[inline(" k \r\n")]).as_deref(), Ok("Bearer  k "));
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let refused = value(SecretSource::Static("key".to_owned()), &[inline("\n")]);
        let says = "secret `key`: is empty, for which Envoy answers 401; give it a text";
        assert_eq!(refused.unwrap_err(), says);
    }

    #[test]
    fn a_secret_may_be_a_resource_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.yaml");
        std::fs::write(
            &path,
            "resources:\n- name: key\n  generic_secret: {secret: {inline_string: k}}\n",
        )
        .unwrap();
        let from = |name: &str| value(SecretSource::File(name.to_owned(), path.clone()), &[]);
        assert_eq!(from("key").as_deref(), Ok("Bearer k"));
        assert!(from("other").unwrap_err().contains("there is none of this name"));
    }
}
