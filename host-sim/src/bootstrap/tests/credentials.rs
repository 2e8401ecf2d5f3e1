//! Credential injectors before the servers, and the secrets that they name.

use super::*;

/// `MINIMAL` with a credential injector before cluster `a`, behind a matcher, and a secret.
fn with_injector() -> String {
    let chain = r#"name: a, typed_extension_protocol_options: {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
      explicit_http_config: {http_protocol_options: {}},
      http_filters: [
        {name: key, typed_config: {
          "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher,
          extension_config: {name: injector, typed_config: {
            "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector,
            overwrite: true,
            credential: {name: generic, typed_config: {
              "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic,
              credential: {name: key}, header: X-Key}}}},
          xds_matcher: {matcher_list: {matchers: [{
            predicate: {not_matcher: {single_predicate: {
              input: {name: i, typed_config: {"@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-n}},
              value_match: {exact: "2"}}}},
            on_match: {action: {name: skip, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter}}}}]}}}},
        {name: codec, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}}]}}"#;
    let secrets = "secrets: [{name: key, generic_secret: {secret: {filename: /no/such/key}}}]";
    MINIMAL.replacen("name: a", chain, 1).replacen(
        "static_resources:",
        &format!("static_resources:\n  {secrets}"),
        1,
    )
}

fn refused(from: &str, to: &str) -> String {
    let text = with_injector();
    assert!(text.contains(from), "{from}");
    read(&text.replacen(from, to, 1)).expect_err("refused").problem().to_string()
}

#[test]
fn an_injector_has_its_header_its_secret_and_the_attempts_that_it_leaves_out() {
    let bootstrap = read(&with_injector()).unwrap();
    let UpstreamFilter::Credential(injector) = &bootstrap.clusters[0].http_filters[0] else {
        panic!("an injector")
    };
    assert_eq!((injector.header.as_str(), injector.overwrite), ("x-key", true));
    assert_eq!(injector.secret, SecretSource::Static("key".to_owned()));
    let mut headers = crate::model::HeaderMap::new();
    let left_out = |headers: &_| injector.left_out.iter().any(|one| one.holds(headers));
    assert!(left_out(&headers), "a header that is not there has no value");
    headers.append("x-n", "2");
    assert!(!left_out(&headers));
    headers.append("x-n", "3");
    assert!(left_out(&headers), "several values are one");
}

#[test]
fn a_secret_that_is_not_there_is_refused_because_envoy_would_crash() {
    assert_eq!(
        refused("credential: {name: key}", "credential: {name: kay}"),
        "found secret `kay` in a filter of `a`; allowed key; add it to `static_resources.secrets`"
    );
}

#[test]
fn what_a_matcher_could_do_besides_is_refused_by_name() {
    let found =
        refused("xds_matcher: {matcher_list", "xds_matcher: {on_no_match: {}, matcher_list");
    assert!(found.starts_with("found `on_no_match`, which is not modelled"), "{found}");
    let found = refused("v3.HttpRequestHeaderMatchInput", "v3.HttpResponseHeaderMatchInput");
    assert!(found.contains("HttpResponseHeaderMatchInput`, which is not modelled"), "{found}");
}

#[test]
fn a_run_has_secrets_of_its_own() {
    let mut tree = parse("f.yaml", &with_injector()).unwrap().remove(0);
    stand_in_for_secrets(&mut tree, Path::new("/no/such/folder")).unwrap();
    let bootstrap = Bootstrap::from_node(&tree).unwrap();
    assert_eq!(bootstrap.secrets[0].text, SecretText::Inline("the secret key".to_owned()));
}
