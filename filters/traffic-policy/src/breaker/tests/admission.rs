//! Whole requests, which have to do with a pool, a version and its endpoints at once.

use super::*;

/// A record in which these members are ejected, each for so many seconds.
fn ejected<'a>(roster: &'a Roster, policy: &'a Policy, members: &[(Member, u64)]) -> Shared<'a> {
    let mut shared = Shared::new(roster, policy);
    for (member, seconds) in members {
        shared.tell(0, *member, 1, limited(*seconds));
    }
    shared
}

fn asked(shared: &mut Shared<'_>, now: u64, version: Option<Member>, draw: u64) -> Admitted {
    shared.at(at(now), |group| group.admit_request(version, draw))
}

#[test]
fn while_all_are_well_nobody_is_named() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    assert_eq!(asked(&mut shared, 0, None, 7), Admitted::default());
}

#[test]
fn the_share_of_an_ejected_endpoint_goes_to_all_others() {
    let (roster, policy) = (roster(4), default());
    let all = endpoints(&roster);
    let mut shared = ejected(&roster, &policy, &[(all[1], 60)]);
    let mut firsts = [0; 4];
    for draw in 0..300 {
        let named = asked(&mut shared, 1, None, draw).endpoints.unwrap();
        assert_eq!(named.len(), 3);
        firsts[all.iter().position(|member| *member == named[0]).unwrap()] += 1;
    }
    assert_eq!(firsts, [100, 0, 100, 100]);
}

#[test]
fn an_ejected_pool_still_knows_which_of_its_endpoints_is_ejected_and_probes_none() {
    let (roster, policy) = (roster(4), default());
    let all = endpoints(&roster);
    let mut shared = ejected(&roster, &policy, &[(all[0], 5), (roster.pool(), 60)]);
    let admitted = asked(&mut shared, 10, None, 0);
    assert!(matches!(admitted.pool, Admission::No { .. }));
    assert_eq!(admitted.wait, Duration::from_secs(50));
    assert_eq!(admitted.endpoints.as_deref(), Some(&all[1..]), "the first waits for a probe");
    assert!(!admitted.probed.is_any());
}

#[test]
fn one_request_probes_an_endpoint_and_goes_on_to_those_that_are_well() {
    let (roster, policy) = (roster(4), default());
    let all = endpoints(&roster);
    let mut shared = ejected(&roster, &policy, &[(all[2], 5)]);
    let first = asked(&mut shared, 6, None, 0);
    assert_eq!(first.endpoints, Some(vec![all[2], all[0], all[1], all[3]]));
    assert_eq!(first.probed, Probed { endpoint: true, ..Probed::default() });
    let second = asked(&mut shared, 6, None, 0);
    assert_eq!(second.endpoints, Some(vec![all[0], all[1], all[3]]));
    assert!(!second.probed.is_any());
}

#[test]
fn a_version_is_probed_by_its_own_requests_and_avoided_by_all_others() {
    let (roster, policy) = (roster(0), default());
    let [v1, v2] = ["v1", "v2"].map(|version| roster.version(version).unwrap());
    let mut shared = ejected(&roster, &policy, &[(v2, 5)]);
    assert_eq!(asked(&mut shared, 1, Some(v2), 0).avoid, [v2]);
    assert_eq!(asked(&mut shared, 6, Some(v1), 0).avoid, [v2]);
    let probe = asked(&mut shared, 6, Some(v2), 0);
    assert_eq!((probe.avoid, probe.probed.version), (vec![], true));
    assert_eq!(asked(&mut shared, 6, Some(v2), 0).avoid, [v2], "one probe is enough");
}
