//! Route selection compared with what Envoy did, and the parts that chance decides.

use super::*;
use crate::{
    model::{EnvoyVersion, HeaderMap},
    yaml::{Node, parse},
};

fn seen() -> Node {
    parse("seen_on_envoy.yaml", include_str!("tests/seen_on_envoy.yaml")).unwrap().remove(0)
}

fn table(seen: &Node) -> RouteConfiguration {
    read(&seen.get("route_config").unwrap().reader()).unwrap_or_else(|error| panic!("{error}"))
}

fn head(host: &str, path: &str, headers: &[(&str, &str)]) -> HeaderMap {
    let mut head = HeaderMap::new();
    for (name, value) in [(":method", "GET"), (":authority", host), (":path", path)] {
        head.append(name.to_owned(), value.to_owned());
    }
    for (name, value) in headers {
        head.append((*name).to_owned(), (*value).to_owned());
    }
    head
}

/// What the table's upstreams and direct responses answer.
fn answer(table: &RouteConfiguration, head: &HeaderMap, draw: u64) -> String {
    answer_of(EnvoyVersion::default(), table, head, draw)
}

fn answer_of(
    envoy: EnvoyVersion,
    table: &RouteConfiguration,
    head: &HeaderMap,
    draw: u64,
) -> String {
    let Some(found) = select(table, head, draw, envoy) else { return String::new() };
    match (&found.route.action, found.target) {
        (Action::Direct(direct), None) => direct.body.clone(),
        (Action::Forward(_), Some(target))
            if target.cluster.len() == 2 && target.cluster != "cz" =>
        {
            format!("cluster:{}", target.cluster)
        }
        _ => String::new(),
    }
}

#[test]
fn hosts_and_paths_take_the_routes_that_envoy_took() {
    let seen = seen();
    let table = table(&seen);
    let requests = seen.get("requests").unwrap().reader().list().unwrap();
    assert!(requests.len() > 60);
    for request in requests {
        let fields = request.list().unwrap();
        let headers: Vec<(&str, &str)> = fields[2]
            .list()
            .unwrap()
            .iter()
            .map(|pair| {
                let pair = pair.list().unwrap();
                (pair[0].string().unwrap(), pair[1].string().unwrap())
            })
            .collect();
        let head = head(fields[0].string().unwrap(), fields[1].string().unwrap(), &headers);
        let expected = fields[3].string().unwrap();
        assert_eq!(answer(&table, &head, 0), expected, "{}", request.node().place);
    }
}

fn matrix(
    envoy: EnvoyVersion,
    rows: &str,
    columns: &str,
    head: impl Fn(&str, &Reader<'_>) -> HeaderMap,
) {
    let seen = seen();
    let table = table(&seen);
    let values = seen.get(columns).unwrap().reader().list().unwrap();
    for (name, row) in seen.get(rows).unwrap().reader().entries().unwrap() {
        let found: String =
            values
                .iter()
                .map(|value| {
                    if answer_of(envoy, &table, &head(name, value), 0) == "yes" { '1' } else { '0' }
                })
                .collect();
        assert_eq!(found, row.string().unwrap(), "{name}");
    }
}

#[test]
fn header_matchers_match_what_envoys_match() {
    for (envoy, rows) in
        [(EnvoyVersion::V1_40, "headers"), (EnvoyVersion::V1_37, "headers_on_1_37")]
    {
        matrix(envoy, rows, "header_values", |name, values| {
            let values = values.list().unwrap();
            let headers: Vec<(&str, &str)> =
                values.iter().map(|value| ("x-h", value.string().unwrap())).collect();
            head("headers.test", &format!("/{name}"), &headers)
        });
    }
}

#[test]
fn query_matchers_match_what_envoys_match() {
    matrix(EnvoyVersion::default(), "query", "queries", |name, query| {
        head("query.test", &format!("/{name}{}", query.string().unwrap()), &[])
    });
}

#[test]
fn the_draw_falls_on_clusters_by_weight() {
    let table = table(&seen());
    let head = head("weighted.test", "/w", &[]);
    let drawn: Vec<String> = (0..11).map(|draw| answer(&table, &head, draw)).collect();
    assert_eq!(drawn[0], "cluster:ca");
    assert!(drawn[1..10].iter().all(|cluster| cluster == "cluster:cc"));
    assert_eq!(drawn[10], "cluster:ca", "ten is the total");
}

#[test]
fn a_number_in_the_header_takes_the_place_of_the_draw() {
    let table = table(&seen());
    let with = |values: &[&str]| {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("x-draw", *value)).collect();
        answer(&table, &head("weighted.test", "/w", &headers), 5)
    };
    assert_eq!(with(&["10"]), "cluster:ca");
    for no_number in [&["0xa"][..], &["-1"], &[""], &["0", "0"], &["18446744073709551616"]] {
        assert_eq!(with(no_number), "cluster:cc", "{no_number:?}: the draw decides");
    }
}

#[test]
fn a_connect_without_a_path_takes_connect_routes_only() {
    let table = table(&seen());
    let mut head = HeaderMap::new();
    head.append(":method", "CONNECT");
    head.append(":authority", "pseudo.test");
    assert_eq!(answer(&table, &head, 0), "connect");
}
