//! By what a request is known, so that it gets the same version again.
//!
//! The first of the list that it has. A cookie is given to a client that has none, and is then found before
//! whatever stands behind it in the list: so its value is the number that the client was known by when it
//! got it, and nobody moves for having got a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use filter_shell::Facts;
use serde_json::Value;
use traffic_policy::record::fingerprint;
use traffic_policy::split::{BodyField, Key};

/// How a request is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) key: u64,
    /// By what; the reason of its version.
    pub(crate) by: &'static str,
    /// What the client is to be given.
    pub(crate) set_cookie: Option<String>,
}

/// Nothing of the list: chance.
pub(crate) const RANDOM: &str = "random";

/// A token that is longer is none that anybody sends.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The number by which a request is known.
pub(crate) fn known(facts: &Facts, sticky: &[Key]) -> Known {
    let found = |(at, key): (usize, &Key)| Some((at, number(facts, key)?, key.as_str()));
    let found = sticky.iter().enumerate().find_map(found);
    let (at, key, by) = found.unwrap_or((sticky.len(), facts.draw, RANDOM));
    // Who is known by what stands before the cookie is never asked for it.
    let cookie = sticky.iter().take(at).find_map(|key| match key {
        Key::Cookie(cookie) => Some(cookie),
        _ => None,
    });
    // Chance that stands for nothing but this request would do, if it were not to be the client's for long.
    let key = if cookie.is_some() && by == RANDOM { chance(key) } else { key };
    let set_cookie = cookie.map(|cookie| cookie.set(&format!("{key:016x}")));
    Known { key, by, set_cookie }
}

fn number(facts: &Facts, key: &Key) -> Option<u64> {
    match key {
        Key::Header(name) => header(facts, name).filter(|v| !v.is_empty()).map(fingerprint),
        Key::Cookie(cookie) => header(facts, "cookie").and_then(|h| cookie.find(h)).map(ours),
        Key::Claim { header: name, name: claim } => {
            header(facts, name).and_then(|t| of_claim(t, claim))
        }
        Key::Body(BodyField::User) => facts.body.user,
        Key::Body(BodyField::Session) => facts.body.session,
        Key::Conversation => facts.conversation,
    }
}

fn header<'a>(facts: &'a Facts, name: &str) -> Option<&'a str> {
    facts.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A cookie that we have set has the number in it; another one is a text like any other.
fn ours(value: &str) -> u64 {
    let is_ours =
        value.len() == 16 && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = if is_ours { u64::from_str_radix(value, 16).ok() } else { None };
    number.unwrap_or_else(|| fingerprint(value))
}

/// A claim of a JSON Web Token. Its signature is not looked at: it chooses a version and opens nothing.
fn of_claim(header: &str, claim: &str) -> Option<u64> {
    let token = header.split_once(' ').map_or(header, |(_, token)| token.trim());
    let payload = token.split('.').nth(1).filter(|_| token.len() <= LONGEST_TOKEN)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    match serde_json::from_slice::<Value>(&bytes).ok()?.get(claim)? {
        Value::String(text) => Some(fingerprint(text)),
        Value::Number(number) => Some(fingerprint(&number.to_string())),
        _ => None,
    }
}

/// A number that is as good as drawn; the other one where there is no chance.
pub(crate) fn chance(otherwise: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(otherwise, |()| u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use traffic_policy::split::sticky;

    use super::*;

    fn keys(json: &str) -> Vec<Key> {
        sticky(serde_json::from_str(json).unwrap()).unwrap()
    }

    fn facts(headers: &[(&str, &str)]) -> Facts {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Facts { headers, draw: 7, ..Facts::default() }
    }

    #[test]
    fn the_first_that_a_request_has_counts() {
        let keys = keys(r#"[{"header": "x-user-id"}, {"body": "user"}, "conversation"]"#);
        let mut request = facts(&[("x-user-id", "ada")]);
        request.body.user = Some(3);
        request.conversation = Some(4);
        assert_eq!(known(&request, &keys).by, "header");
        request.headers.clear();
        assert_eq!((known(&request, &keys).key, known(&request, &keys).by), (3, "body"));
        request.body.user = None;
        assert_eq!((known(&request, &keys).key, known(&request, &keys).by), (4, "conversation"));
        request.conversation = None;
        assert_eq!((known(&request, &keys).key, known(&request, &keys).by), (7, RANDOM));
    }

    #[test]
    fn who_gets_a_cookie_is_known_by_the_same_number_with_it() {
        let keys = keys(r#"[{"cookie": {"name": "v", "max_age": "24h"}}, "conversation"]"#);
        let mut request = facts(&[]);
        request.conversation = Some(0xabc);
        let first = known(&request, &keys);
        let cookie = first.set_cookie.unwrap();
        assert!(cookie.starts_with("v=0000000000000abc; Max-Age=86400; Path=/"), "{cookie}");
        let value = cookie.split(';').next().unwrap();
        let again = known(&facts(&[("cookie", &format!("other=1; {value}"))]), &keys);
        assert_eq!((again.key, again.by, again.set_cookie), (first.key, "cookie", None));
    }

    #[test]
    fn a_client_of_whom_nothing_is_known_gets_a_cookie_of_its_own() {
        let keys = keys(r#"[{"cookie": {"name": "v"}}]"#);
        let [one, other] = [(); 2].map(|()| known(&facts(&[]), &keys));
        assert_ne!(one.key, other.key);
        assert!(one.set_cookie.unwrap().starts_with(&format!("v={:016x}", one.key)));
    }

    #[test]
    fn a_claim_is_read_from_a_token_and_what_is_no_token_says_nothing() {
        let keys = keys(r#"[{"claim": "sub"}]"#);
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"ada","n":1}"#);
        let by = |value: &str| known(&facts(&[("authorization", value)]), &keys);
        let ada = by(&format!("Bearer e30.{payload}.sig"));
        assert_eq!((ada.key, ada.by), (fingerprint("ada"), "claim"));
        for odd in ["", "Bearer", "Bearer a.b.c", "Bearer e30.e30.x", "Bearer .....", "Basic YTpi"]
        {
            assert_eq!(by(odd).by, RANDOM, "{odd}");
        }
    }

    #[test]
    fn who_is_known_by_what_stands_before_the_cookie_gets_none() {
        let first = keys(r#"[{"header": "x-user-id"}, {"cookie": {"name": "v"}}]"#);
        assert_eq!(known(&facts(&[("x-user-id", "ada")]), &first).set_cookie, None);
        let behind = keys(r#"[{"cookie": {"name": "v"}}, {"header": "x-user-id"}]"#);
        assert!(known(&facts(&[("x-user-id", "ada")]), &behind).set_cookie.is_some());
    }
}
