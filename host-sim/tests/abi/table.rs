//! The table of hostcalls says what is true.

use host_sim::{
    abi::{AbiVersion, table::HOSTCALLS},
    model::EnvoyVersion,
};

use crate::guest::engine;

#[test]
fn what_is_listed_is_what_is_linked() {
    let engine = engine();
    for version in AbiVersion::ALL {
        let mut listed: Vec<_> = HOSTCALLS
            .iter()
            .filter(|hostcall| hostcall.is_in(*version))
            .map(|hostcall| format!("env.{}", hostcall.name))
            .collect();
        listed.sort();
        let mut linked = engine.imports(*version, EnvoyVersion::V1_40).unwrap();
        linked.retain(|name| name.starts_with("env."));
        assert_eq!(linked, listed, "ABI {version}");
    }
}
