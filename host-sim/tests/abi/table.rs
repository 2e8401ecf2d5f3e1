//! The table of hostcalls says what is true.

use host_sim::{
    abi::{
        AbiVersion, Status,
        table::{FOREIGN_FUNCTIONS, HOSTCALLS, Hostcall, Support},
    },
    model::{EnvoyVersion, World},
};

use crate::{
    guest::{answer, engine, on_start},
    pointers::{import_and_call, signatures},
};

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

#[test]
fn what_is_listed_as_refused_is_refused_and_nothing_else() {
    for (name, signature) in signatures().chain([("envoy_resolve_dns", "www")]) {
        let (import, call) = import_and_call(name, signature, 1);
        let mut world = World::default();
        answer(&mut world, &on_start(&import, &call)).unwrap();
        let refused = !world.take_refusals().is_empty();
        let listed = matches!(Hostcall::named(name).unwrap().support, Support::Refused { .. });
        assert_eq!(refused, listed, "{name}");
    }
}

#[test]
fn each_foreign_function_is_what_the_table_says() {
    for (name, support) in FOREIGN_FUNCTIONS {
        let mut world = World::default();
        // No arguments of any of them; what is modelled says so itself.
        let answer = world.foreign_function(name.as_bytes(), b"\xff");
        assert_ne!(answer, Err(Status::NotFound), "{name}");
        let listed = matches!(support, Support::Refused { .. });
        assert_eq!(!world.take_refusals().is_empty(), listed, "{name}");
    }
    let mut world = World::default();
    assert_eq!(world.foreign_function(b"nonsense", b""), Err(Status::NotFound));
    assert!(world.take_refusals().is_empty());
}
