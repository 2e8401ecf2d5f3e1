//! `sticky`: what a request is known by, so that it gets the same version again.

use std::time::Duration;

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::units::Span;

/// One thing to know a request by, as it is written: `{"header": "x-user-id"}` or `"conversation"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawKey {
    /// The value of a header.
    Header(String),
    /// The value of a cookie, which is set if the client has none.
    Cookie(RawCookie),
    /// A claim of a token.
    Claim(RawClaim),
    /// A field of the body.
    Body(BodyField),
    /// How the conversation begins.
    Conversation,
}

/// A cookie as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCookie {
    name: String,
    max_age: Option<Span>,
    path: Option<String>,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    same_site: SameSite,
    #[serde(default = "yes")]
    http_only: bool,
}

fn yes() -> bool {
    true
}

/// A claim as it is written: its name, or with the header that has the token.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a claim's name, or an object {header, name}")]
pub enum RawClaim {
    /// In `authorization`.
    Name(String),
    /// In another header.
    In {
        /// The header.
        header: String,
        /// The claim.
        name: String,
    },
}

/// A field of the body that names who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyField {
    /// The user, by the API's field for it.
    User,
    /// The session.
    Session,
}

/// When a browser sends a cookie along with requests from other sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a link is followed.
    #[default]
    Lax,
    /// Always; needs `secure`.
    None,
}

/// One thing to know a request by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The value of a header, in lower case.
    Header(String),
    /// The value of a cookie.
    Cookie(Cookie),
    /// A claim of the token in a header. The token is not verified: it chooses a version and opens nothing.
    Claim {
        /// The header, in lower case.
        header: String,
        /// The claim.
        name: String,
    },
    /// A field of the body.
    Body(BodyField),
    /// The system's and the user's first message.
    Conversation,
}

impl Key {
    /// The word for labels and for the reason of a decision.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Cookie(_) => "cookie",
            Self::Claim { .. } => "claim",
            Self::Body(_) => "body",
            Self::Conversation => "conversation",
        }
    }
}

/// A cookie by which a client is known, and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// Its value, in a `cookie` header.
    pub fn find<'a>(&self, header: &'a str) -> Option<&'a str> {
        let pairs = header.split(';').filter_map(|pair| pair.trim_ascii().split_once('='));
        pairs.into_iter().find(|(name, _)| *name == self.name).map(|(_, value)| value)
    }

    /// The `set-cookie` header that gives it to a client. The value has to be one that a cookie may have:
    /// letters and digits.
    pub fn set(&self, value: &str) -> String {
        format!("{}={value}{}", self.name, self.attributes)
    }
}

/// So many things are looked for.
const MOST_KEYS: usize = 8;

/// Browsers forget cookies after four hundred days, whatever they are told.
const OLDEST: Duration = Duration::from_secs(400 * 86_400);

/// Reads `sticky`: the first that a request has counts.
///
/// # Errors
/// When a name is none, or there are too many.
pub fn sticky(raw: Vec<RawKey>) -> Result<Vec<Key>, Invalid> {
    if raw.len() > MOST_KEYS {
        let problem = format!("found `{}`; allowed up to {MOST_KEYS}; remove some", raw.len());
        return Err(Invalid::new("", problem));
    }
    let keys = raw.into_iter().enumerate();
    keys.map(|(index, raw)| key(raw).map_err(|e| e.under(&format!("[{index}]")))).collect()
}

fn key(raw: RawKey) -> Result<Key, Invalid> {
    Ok(match raw {
        RawKey::Header(name) => Key::Header(header_name("header", &name)?),
        RawKey::Cookie(raw) => Key::Cookie(Cookie::try_from(raw).map_err(|e| e.under("cookie"))?),
        RawKey::Claim(RawClaim::Name(name)) => Key::Claim { header: "authorization".into(), name },
        RawKey::Claim(RawClaim::In { header, name }) => {
            Key::Claim { header: header_name("claim.header", &header)?, name }
        }
        RawKey::Body(field) => Key::Body(field),
        RawKey::Conversation => Key::Conversation,
    })
}

impl TryFrom<RawCookie> for Cookie {
    type Error = Invalid;

    fn try_from(raw: RawCookie) -> Result<Self, Invalid> {
        let RawCookie { name, max_age, path, secure, same_site, http_only } = raw;
        token("name", &name)?;
        let path = path.unwrap_or_else(|| "/".into());
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic() && b != b';') {
            let problem = format!(
                "found `{path}`; allowed `/` and printable ASCII without `;`; begin it with `/`"
            );
            return Err(Invalid::new("path", problem));
        }
        let mut attributes = String::new();
        if let Some(age) = max_age {
            let (least, most) = (Span(Duration::from_secs(1)), Span(OLDEST));
            if !(least..=most).contains(&age) {
                let cure = if age < least { "raise it" } else { "lower it" };
                let problem = format!("found `{age}`; allowed {least} to {most}; {cure}");
                return Err(Invalid::new("max_age", problem));
            }
            attributes.push_str(&format!("; Max-Age={}", age.0.as_secs()));
        }
        attributes.push_str(&format!("; Path={path}"));
        if same_site == SameSite::None && !secure {
            let problem = "found `none` without secure; allowed strict, lax; set secure to true";
            return Err(Invalid::new("same_site", problem));
        }
        attributes.push_str(match same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        if secure {
            attributes.push_str("; Secure");
        }
        if http_only {
            attributes.push_str("; HttpOnly");
        }
        Ok(Self { name, attributes })
    }
}

/// A header's name, in lower case, as proxies have them.
pub(super) fn header_name(path: &str, name: &str) -> Result<String, Invalid> {
    token(path, name)?;
    Ok(name.to_ascii_lowercase())
}

/// The names that HTTP has for headers and cookies.
fn token(path: &str, name: &str) -> Result<(), Invalid> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if (1..=128).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    let allowed = "allowed 1 to 128 letters, digits and `-`, `_`, `.`";
    Err(Invalid::new(path, format!("found `{name}`; {allowed}; choose another name")))
}
