//! `VirtualService`: a virtual host and its routes.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{
    destination::Destination,
    put,
    resource::{CURE, Resource},
};
use crate::yaml::{Error, Node, Object, Place, Reader};

/// What a service becomes.
pub(super) struct Service {
    /// `<namespace>/<name>`
    pub(super) name: String,
    /// The domains of its virtual host.
    pub(super) domains: Vec<String>,
    /// Envoy's routes in order.
    pub(super) routes: Vec<Node>,
    /// Where its routes lead, each with the place of the route.
    pub(super) destinations: Vec<(Destination, Place)>,
}

const HAS: &str = "`name`, `match`, `route`, `directResponse` and `timeout`";

pub(super) fn read(resource: &Resource<'_>) -> Result<Service, Error> {
    let mut spec = resource.spec.object()?;
    spec.not_modelled(&["tcp", "tls"], "`http`", CURE)?;
    for ignored in ["gateways", "exportTo"] {
        spec.optional(ignored);
    }
    let mut service = Service {
        name: format!("{}/{}", resource.namespace, resource.name),
        domains: Vec::new(),
        routes: Vec::new(),
        destinations: Vec::new(),
    };
    for host in spec.required("hosts")?.list()? {
        let host = host.string()?;
        service.domains.push(host.to_owned());
        if !host.contains('*') {
            service.domains.push(format!("{host}:*"));
        }
    }
    for http in spec.items("http")? {
        route(&http, &resource.namespace, &mut service)?;
    }
    spec.finish()?;
    Ok(service)
}

/// One entry of `http`: a route of Envoy's for each of its matches, or one for everything.
fn route(reader: &Reader<'_>, namespace: &str, service: &mut Service) -> Result<(), Error> {
    let mut http = reader.object()?;
    http.not_modelled(
        &["redirect", "rewrite", "fault", "mirror", "mirrors", "corsPolicy", "headers", "delegate"],
        HAS,
        CURE,
    )?;
    if let Some(retries) = http.optional("retries") {
        no_retries(&retries)?;
    }
    let place = &reader.node().place;
    let mut envoy = Map::new();
    if let Some(name) = http.optional("name") {
        envoy.insert("name".to_owned(), json!(name.string()?));
    }
    let timeout = http.optional("timeout").map(|timeout| timeout.duration()).transpose()?;
    let (field, target) = http.exactly_one_of(&["route", "directResponse"])?;
    if field == "route" {
        let action = forward(&target, namespace, timeout, service)?;
        envoy.insert("route".to_owned(), action);
    } else {
        envoy.insert("direct_response".to_owned(), direct_response(&target)?);
    }
    let mut matches = Vec::new();
    for one in http.items("match")? {
        matches.push(route_match(&mut one.object()?)?);
    }
    http.finish()?;
    if matches.is_empty() {
        matches.push(json!({"prefix": "/"}));
    }
    for one in matches {
        envoy.insert("match".to_owned(), one);
        service.routes.push(Node::from_json(&Json::Object(envoy.clone()), place));
    }
    Ok(())
}

/// Without a policy of its own a route gets Istio's, which is left out here; with `attempts: 0` it
/// has none on either host.
fn no_retries(reader: &Reader<'_>) -> Result<(), Error> {
    let mut retries = reader.object()?;
    let attempts = retries.required("attempts")?;
    if attempts.integer::<u32>()? != 0 {
        let found = format!("`attempts: {}`", attempts.integer::<u32>()?);
        return Err(attempts.not_modelled(&found, "`attempts: 0`", CURE));
    }
    retries.finish()
}

fn forward(
    reader: &Reader<'_>,
    namespace: &str,
    timeout: Option<Duration>,
    service: &mut Service,
) -> Result<Json, Error> {
    let mut weighted = Vec::new();
    for target in reader.list()? {
        let mut entry = target.object()?;
        entry.not_modelled(&["headers"], "`destination` and `weight`", CURE)?;
        let destination = Destination::read(&entry.required("destination")?, namespace)?;
        let weight: Option<u32> =
            entry.optional("weight").map(|weight| weight.integer()).transpose()?;
        entry.finish()?;
        weighted.push(json!({"name": destination.cluster(), "weight": weight.unwrap_or(0)}));
        service.destinations.push((destination, target.node().place.clone()));
    }
    // Istio switches Envoy's default of 15 s off.
    let mut action = json!({"timeout": seconds(timeout.unwrap_or_default())});
    match weighted.as_slice() {
        [] => return Err(reader.invalid("no destination", "one or more", "add one")),
        [only] => put(&mut action, "cluster", json!(only.get("name"))),
        _ => put(&mut action, "weighted_clusters", json!({"clusters": weighted})),
    }
    Ok(action)
}

fn seconds(duration: Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn direct_response(reader: &Reader<'_>) -> Result<Json, Error> {
    let mut response = reader.object()?;
    let mut envoy = json!({"status": response.required("status")?.integer::<u16>()?});
    if let Some(body) = response.optional("body") {
        let mut body = body.object()?;
        put(&mut envoy, "body", json!({"inline_string": body.required("string")?.string()?}));
        body.finish()?;
    }
    response.finish()?;
    Ok(envoy)
}

fn route_match(one: &mut Object<'_>) -> Result<Json, Error> {
    let unmodelled = [
        "authority",
        "scheme",
        "port",
        "sourceLabels",
        "sourceNamespace",
        "statPrefix",
        "gateways",
    ];
    let has =
        "`name`, `uri`, `ignoreUriCase`, `method`, `headers`, `withoutHeaders`, `queryParams`";
    one.not_modelled(&unmodelled, has, CURE)?;
    one.optional("name");
    let mut envoy = match one.optional("uri") {
        None => json!({"prefix": "/"}),
        Some(uri) => match string_match(&uri)? {
            Some(("exact", text)) => json!({"path": text}),
            Some(("prefix", text)) => json!({"prefix": text}),
            Some((_, text)) => json!({"safe_regex": {"regex": text}}),
            None => return Err(uri.expected("`exact`, `prefix` or `regex`")),
        },
    };
    if one.optional("ignoreUriCase").map_or(Ok(false), |ignore| ignore.boolean())? {
        put(&mut envoy, "case_sensitive", json!(false));
    }
    let mut named = Vec::new();
    for (field, invert) in [("headers", false), ("withoutHeaders", true)] {
        for (name, value) in one.optional(field).map_or(Ok(vec![]), |field| field.entries())? {
            named.push((name, header(name, &value, invert)?));
        }
    }
    named.sort_by_key(|(name, _)| *name);
    let mut headers: Vec<Json> = named.into_iter().map(|(_, header)| header).collect();
    if let Some(method) = one.optional("method") {
        headers.push(header(":method", &method, false)?);
    }
    if !headers.is_empty() {
        put(&mut envoy, "headers", Json::Array(headers));
    }
    if let Some(parameters) = one.optional("queryParams") {
        let mut envoys = Vec::new();
        for (name, value) in parameters.entries()? {
            envoys.push(match string_match(&value)? {
                Some(matcher) => json!({"name": name, "string_match": envoy_matcher(matcher)}),
                None => json!({"name": name, "present_match": true}),
            });
        }
        put(&mut envoy, "query_parameters", Json::Array(envoys));
    }
    Ok(envoy)
}

fn header(name: &str, value: &Reader<'_>, invert: bool) -> Result<Json, Error> {
    let matcher = string_match(value)?;
    let mut header = match matcher {
        Some(matcher) => json!({"name": name, "string_match": envoy_matcher(matcher)}),
        None => json!({"name": name, "present_match": true}),
    };
    if invert {
        put(&mut header, "invert_match", json!(true));
        if matcher.is_some() {
            // A request without the header is a request without that value.
            put(&mut header, "treat_missing_header_as_empty", json!(true));
        }
    }
    Ok(header)
}

/// `{exact: …}`, `{prefix: …}` or `{regex: …}`; nothing for an empty object and for the regular
/// expression `*`, which mean that there has to be a value.
fn string_match<'a>(reader: &Reader<'a>) -> Result<Option<(&'static str, &'a str)>, Error> {
    let mut object = reader.object()?;
    let found = object.one_of(&["exact", "prefix", "regex"])?;
    object.finish()?;
    let found = found.map(|(field, text)| Ok((field, text.string()?))).transpose()?;
    Ok(found.filter(|matcher| *matcher != ("regex", "*")))
}

fn envoy_matcher((field, text): (&str, &str)) -> Json {
    match field {
        "exact" => json!({"exact": text}),
        "prefix" => json!({"prefix": text}),
        _ => json!({"safe_regex": {"regex": text}}),
    }
}
