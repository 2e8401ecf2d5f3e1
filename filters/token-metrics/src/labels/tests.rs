use filter_shell::{Decision, Facts};
use llm_wire::RequestFacts;
use traffic_policy::attempt::Upstream;
use traffic_policy::catalog::{RawModel, RawPool};

use super::*;
use crate::config::Tenant;

fn labels(keys: &[Label]) -> Labels {
    let models: Vec<RawModel> =
        serde_json::from_value(serde_json::json!([{"name": "llama", "aliases": ["gpt"]}])).unwrap();
    let pools = serde_json::json!([{"name": "gpu", "model": "llama"}, {"name": "any"}]);
    let pools: Vec<RawPool> = serde_json::from_value(pools).unwrap();
    let policy = TokenMetrics {
        ask_for_usage: true,
        plain_answers: true,
        labels: keys.to_vec(),
        tenant: Some(Tenant { header: "x-tenant".into(), values: vec!["gold".into()] }),
        prices: Vec::new(),
        log: false,
    };
    Labels::new(&policy, &Catalog::try_from((models, pools)).unwrap(), 2)
}

/// The value of the only label.
fn value(labels: &Labels, facts: &Facts, route: Option<&str>) -> String {
    let decision = Decision::default();
    labels
        .of(&Followed { facts, decision: &decision, route, upstream: &Upstream::default() })
        .remove(0)
        .1
        .into_owned()
}

fn asking_for(model: &str) -> Facts {
    let body = RequestFacts { model: Some(model.into()), ..RequestFacts::default() };
    Facts { body, ..Facts::default() }
}

#[test]
fn a_model_is_one_of_the_configuration_or_other() {
    let labels = labels(&[Label::Model]);
    assert_eq!(value(&labels, &asking_for("gpt"), None), "llama");
    assert_eq!(value(&labels, &asking_for("made-up;.;x=.=y"), None), "other");
    assert_eq!(value(&labels, &Facts::default(), None), "none");
}

#[test]
fn a_pool_may_have_been_chosen_by_an_earlier_plugin() {
    let labels = labels(&[Label::Pool]);
    let chosen = |pool: &str| Facts { pool: Some(pool.into()), ..Facts::default() };
    assert_eq!(value(&labels, &chosen("gpu"), None), "gpu");
    assert_eq!(value(&labels, &chosen("elsewhere"), None), "other");
}

#[test]
fn a_tenant_is_one_of_its_classes_or_other() {
    let labels = labels(&[Label::Tenant]);
    let sent = |value: &str| Facts {
        headers: vec![("x-tenant".into(), value.into())],
        ..Facts::default()
    };
    assert_eq!(value(&labels, &sent("gold"), None), "gold");
    assert_eq!(value(&labels, &sent("platinum"), None), "other");
    assert_eq!(value(&labels, &Facts::default(), None), "none");
}

#[test]
fn only_so_many_routes_have_a_label() {
    let labels = labels(&[Label::Route]);
    let facts = Facts::default();
    let routes = ["a", "b", "c", "a", "with;semicolon"].map(|r| value(&labels, &facts, Some(r)));
    assert_eq!(routes, ["a", "b", "other", "a", "other"]);
    assert_eq!(value(&labels, &facts, None), "none");
}

#[test]
fn a_pool_with_its_model_is_foreseen_where_nothing_depends_on_requests() {
    let expected = vec![("pool", "gpu".into()), ("model", "llama".into())];
    assert_eq!(labels(&[Label::Pool, Label::Model]).foreseen(), [expected]);
    assert_eq!(labels(&[Label::Pool, Label::Route]).foreseen(), <[Vec<_>; 0]>::default());
}
