//! Workers that meet at one record: what each does is done once, and nothing is lost.

use std::sync::Mutex;

use super::*;

/// The proxy's shared value: a record, and a number that each change makes larger.
#[derive(Default)]
struct Store(Mutex<(Option<Vec<u8>>, u32)>);

impl Store {
    /// What a filter does: reads, changes, writes if nobody else has, and else begins again. The steps
    /// that have happened by it.
    fn change(
        &self,
        (roster, policy): (&Roster, &Policy),
        now: Duration,
        turn: impl Fn(&mut Group<'_>),
    ) -> Vec<Transition> {
        loop {
            let (bytes, number) = self.0.lock().unwrap().clone();
            let mut group = Group::read(bytes.as_deref(), roster, policy, now);
            // So that the others get their turn in the middle of this one.
            std::thread::yield_now();
            turn(&mut group);
            if !group.is_changed() {
                return Vec::new();
            }
            let mut stored = self.0.lock().unwrap();
            if stored.1 == number {
                *stored = (Some(group.write()), number + 1);
                return group.transitions().to_vec();
            }
        }
    }
}

/// What four workers have done, each with its number.
fn four<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..4).map(|n| scope.spawn(move || work(n))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn no_outcome_is_lost_and_none_counts_twice() {
    let never = serde_json::json!({"consecutive_failures": 1_000_000, "min_requests": 1_000_000});
    let (store, roster, policy) = (Store::default(), roster(4), policy(never));
    let first = endpoints(&roster)[0];
    four(|worker| {
        let signal = if worker == 0 { SUCCESS } else { FAILURE };
        for _ in 0..300 {
            store.change((&roster, &policy), at(0), |group| {
                group.observe(first, at(0), SHORT, signal);
            });
        }
    });
    let record = store.0.into_inner().unwrap().0.unwrap();
    let health = &record::decode(&record, &roster).unwrap()[usize::from(first.0)];
    assert_eq!(health.recent.sums(), [1_200, 900]);
}

#[test]
fn each_cause_ejects_once_and_each_probe_goes_out_once() {
    let (store, roster, policy) = (Store::default(), roster(4), default());
    let (first, shared) = (endpoints(&roster)[0], (&roster, &policy));
    let mut now = 0;
    for round in 1..=5_u64 {
        let steps = four(|_| {
            let fail = |group: &mut Group<'_>| group.observe(first, at(now), SHORT, FAILURE);
            (0..50).flat_map(|_| store.change(shared, at(now), fail)).collect::<Vec<_>>()
        });
        let ejected = steps.iter().flatten().filter(|step| step.to == Phase::Ejected);
        assert_eq!(ejected.map(|step| step.lasts.as_secs()).collect::<Vec<_>>(), [60 * round]);
        now += 60 * round;
        let admitted = four(|_| {
            let probes = Mutex::new(0);
            store.change(shared, at(now), |group| {
                *probes.lock().unwrap() = u32::from(group.admit(first, SHORT) == Admission::Probe);
            });
            probes.into_inner().unwrap()
        });
        assert_eq!(admitted.into_iter().sum::<u32>(), 1, "in round {round}");
    }
}

#[test]
fn four_that_fail_at_once_are_not_all_ejected() {
    for _ in 0..20 {
        let (store, roster, policy) = (Store::default(), roster(4), default());
        let members = endpoints(&roster);
        four(|worker| {
            for _ in 0..10 {
                store.change((&roster, &policy), at(0), |group| {
                    group.observe(members[worker], at(0), SHORT, FAILURE);
                });
            }
        });
        let record = store.0.into_inner().unwrap().0;
        assert_eq!(Group::read(record.as_deref(), &roster, &policy, at(0)).ejected(), 2);
    }
}
