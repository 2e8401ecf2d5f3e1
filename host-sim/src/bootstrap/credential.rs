//! The credential injector: a filter that puts a secret into a header on the way to a server.
//!
//! In front of a composite cluster it stands for all members, so it is read together with the matcher that
//! says which attempts it leaves out (`ExtensionWithMatcher`). What counts the attempts is a header of
//! Envoy's own, `x-envoy-attempt-count`, which no client can forge.
//!
//! # Limits
//! The generic credential; a matcher that looks at request headers, and whose only action is to leave the
//! filter out.

use std::path::PathBuf;

use super::{
    message::{CURE, Message},
    route::string_match::{self, StringMatcher},
};
use crate::{
    model::headers::HeaderMap,
    yaml::{Error, Reader},
};

/// `CredentialInjector` with a generic credential.
#[derive(Debug, Clone)]
pub struct CredentialInjector {
    /// Where the credential comes from.
    pub secret: SecretSource,
    /// Where it goes, in lower case.
    pub header: String,
    /// What stands before it.
    pub prefix: String,
    /// It also takes the place of what the client sent.
    pub overwrite: bool,
    /// An attempt that one of these is true of passes without it.
    pub left_out: Vec<Predicate>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// From `static_resources.secrets`, by its name.
    Static(String),
    /// From a file of resources, in which it has this name.
    File(String, PathBuf),
}

/// A secret of `static_resources.secrets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// `name`
    pub name: String,
    /// Where its text is.
    pub text: SecretText,
}

/// Where a secret's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretText {
    /// `inline_string`
    Inline(String),
    /// `filename`
    File(PathBuf),
    /// `environment_variable`
    Environment(String),
}

/// A condition on the headers of a request.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// A header, whose values are joined by commas, has this value.
    Header(String, StringMatcher),
    /// It does not hold.
    Not(Box<Predicate>),
    /// All of them hold.
    All(Vec<Predicate>),
    /// One of them holds.
    Any(Vec<Predicate>),
}

impl Predicate {
    /// Whether it holds; a header that is not there has no value that could match.
    #[must_use]
    pub fn holds(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Header(name, value) => {
                let values: Vec<_> = headers.get_all(name.as_bytes()).map(|v| &v[..]).collect();
                !values.is_empty() && value.matches(&values.join(&b','))
            }
            Self::Not(inner) => !inner.holds(headers),
            Self::All(parts) => parts.iter().all(|part| part.holds(headers)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(headers)),
        }
    }
}

pub(super) const WITH_MATCHER: &str = "envoy.extensions.common.matching.v3.ExtensionWithMatcher";
pub(super) const INJECTOR: &str =
    "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector";
const GENERIC: &str = "envoy.extensions.http.injected_credentials.generic.v3.Generic";
const HEADER_INPUT: &str = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput";
const SKIP: &str = "envoy.extensions.filters.common.matcher.action.v3.SkipFilter";

/// Reads the filter behind its matcher.
pub(super) fn read_with_matcher(mut message: Message<'_>) -> Result<CredentialInjector, Error> {
    message.not_modelled(&["matcher"], "`xds_matcher`", CURE)?;
    let matcher = message.required("xds_matcher")?;
    let extension = extension(&message.required("extension_config")?)?;
    message.finish()?;
    let injector = read(Message::unpack(&extension, &[INJECTOR])?)?;
    Ok(CredentialInjector { left_out: left_out(&matcher)?, ..injector })
}

/// Reads the filter.
pub(super) fn read(mut message: Message<'_>) -> Result<CredentialInjector, Error> {
    let overwrite = message.or("overwrite", false, Reader::boolean)?;
    // It is about a secret that has not come yet; here every secret is there, or nothing starts.
    message.maybe("allow_request_without_credential", Reader::boolean)?;
    let credential = extension(&message.required("credential")?)?;
    message.finish()?;
    let mut generic = Message::unpack(&credential, &[GENERIC])?;
    let header = generic.or("header", String::new(), |name| Ok(name.string()?.to_owned()))?;
    let prefix =
        generic.or("header_value_prefix", String::new(), |text| Ok(text.string()?.to_owned()))?;
    let secret = source(&generic.required("credential")?)?;
    generic.finish()?;
    let header = if header.is_empty() { "authorization".to_owned() } else { header };
    let header = header.to_ascii_lowercase();
    Ok(CredentialInjector { secret, header, prefix, overwrite, left_out: Vec::new() })
}

/// The message in a `TypedExtensionConfig`.
fn extension<'a>(reader: &Reader<'a>) -> Result<Reader<'a>, Error> {
    let mut extension = Message::read(reader, "envoy.config.core.v3.TypedExtensionConfig")?;
    extension.required("name")?.name()?;
    let config = extension.required("typed_config")?;
    extension.finish()?;
    Ok(config)
}

const SECRET_CONFIG: &str = "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig";

fn source(reader: &Reader<'_>) -> Result<SecretSource, Error> {
    let mut message = Message::read(reader, SECRET_CONFIG)?;
    let name = message.required("name")?.name()?.to_owned();
    let path = message.maybe("sds_config", |reader| {
        let mut config = Message::read(reader, "envoy.config.core.v3.ConfigSource")?;
        config.maybe("resource_api_version", |version| version.choice(&[("V3", ())]))?;
        let file = config.required("path_config_source")?;
        config.finish()?;
        let mut file = Message::read(&file, "envoy.config.core.v3.PathConfigSource")?;
        let path = file.required("path")?.name()?.into();
        // How a change of the file is noticed; no file changes during a run.
        file.optional("watched_directory");
        file.finish()?;
        Ok(path)
    })?;
    message.finish()?;
    Ok(match path {
        Some(path) => SecretSource::File(name, path),
        None => SecretSource::Static(name),
    })
}

/// Reads a secret of `static_resources.secrets`, or of a file of resources.
pub(crate) fn read_secret(reader: &Reader<'_>) -> Result<Secret, Error> {
    let mut message = Message::read(reader, "envoy.extensions.transport_sockets.tls.v3.Secret")?;
    // In a file of resources each one says what it is.
    message.optional("@type");
    let name = message.required("name")?.name()?.to_owned();
    let generic = message.required("generic_secret")?;
    message.finish()?;
    let mut generic =
        Message::read(&generic, "envoy.extensions.transport_sockets.tls.v3.GenericSecret")?;
    let text = generic.required("secret")?;
    generic.finish()?;
    let mut source = Message::read(&text, "envoy.config.core.v3.DataSource")?;
    let fields = ["inline_string", "filename", "environment_variable"];
    let (field, value) = source.exactly_one_of(&fields)?;
    let value = value.name()?.to_owned();
    source.finish()?;
    let text = match field {
        "inline_string" => SecretText::Inline(value),
        "filename" => SecretText::File(value.into()),
        _ => SecretText::Environment(value),
    };
    Ok(Secret { name, text })
}

/// When the filter is left out: one list of matchers, each of which can do nothing else.
fn left_out(reader: &Reader<'_>) -> Result<Vec<Predicate>, Error> {
    let mut matcher = Message::read(reader, "xds.type.matcher.v3.Matcher")?;
    matcher.not_modelled(&["matcher_tree", "on_no_match"], "`matcher_list`", CURE)?;
    let list = matcher.required("matcher_list")?;
    matcher.finish()?;
    let mut list = Message::read(&list, "xds.type.matcher.v3.Matcher.MatcherList")?;
    let predicates = list.each("matchers", |reader| {
        let name = "xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher";
        let mut field = Message::read(reader, name)?;
        let predicate = predicate(&field.required("predicate")?)?;
        let on_match = field.required("on_match")?;
        field.finish()?;
        let mut on_match = Message::read(&on_match, "xds.type.matcher.v3.Matcher.OnMatch")?;
        let action = extension(&on_match.required("action")?)?;
        on_match.finish()?;
        Message::unpack(&action, &[SKIP])?.finish()?;
        Ok(predicate)
    })?;
    list.finish()?;
    Ok(predicates)
}

const PREDICATE: &str = "xds.type.matcher.v3.Matcher.MatcherList.Predicate";

fn predicate(reader: &Reader<'_>) -> Result<Predicate, Error> {
    let mut message = Message::read(reader, PREDICATE)?;
    let kinds = ["single_predicate", "not_matcher", "and_matcher", "or_matcher"];
    let (kind, value) = message.exactly_one_of(&kinds)?;
    message.finish()?;
    Ok(match kind {
        "single_predicate" => single(&value)?,
        "not_matcher" => Predicate::Not(Box::new(predicate(&value)?)),
        "and_matcher" => Predicate::All(parts(&value)?),
        _ => Predicate::Any(parts(&value)?),
    })
}

fn parts(reader: &Reader<'_>) -> Result<Vec<Predicate>, Error> {
    let name = "xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList";
    let mut list = Message::read(reader, name)?;
    let parts = list.each("predicate", predicate)?;
    list.finish()?;
    Ok(parts)
}

fn single(reader: &Reader<'_>) -> Result<Predicate, Error> {
    let name = "xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate";
    let mut message = Message::read(reader, name)?;
    let input = extension(&message.required("input")?)?;
    let value = string_match::read(&message.required("value_match")?)?;
    message.finish()?;
    let mut input = Message::unpack(&input, &[HEADER_INPUT])?;
    let header = input.required("header_name")?.name()?.to_ascii_lowercase();
    input.finish()?;
    Ok(Predicate::Header(header, value))
}
