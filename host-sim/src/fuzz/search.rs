//! Which of many cases make the hosts differ, or end Envoy's process, and the smallest that still does.
//!
//! A process that ends tells nothing of the cases that it played: each half of them is played in a process
//! of its own, and so on. What that may take has a bound ([`Search::left`]), because every case of a
//! batch may do it, and every smaller case of one that does; cases that are left then are named.

use super::case::Case;
use super::smaller::smaller;

/// How often a case is made smaller.
const ROUNDS: usize = 25;
/// Envoys that may be started to find the cases of a batch; one case among 200 takes 18.
const FOR_A_BATCH: u32 = 60;
/// Envoys that may be started to make a case smaller.
const FOR_A_CASE: u32 = 60;

/// Where cases are played.
pub(super) trait Hosts {
    /// The cases that mean something on both hosts.
    ///
    /// # Errors
    /// When the simulator cannot play one, and does not say why by name.
    fn sound(&mut self, cases: Vec<Case>) -> Result<Vec<Case>, String>;

    /// Plays them in one process on each host.
    ///
    /// # Errors
    /// When the simulator cannot play them.
    fn compare(&mut self, cases: &[Case]) -> Result<Outcome, String>;

    /// Says what is being done.
    fn tell(&mut self, what: &str);
}

/// What came of cases that were played together.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Both hosts played them.
    Compared(Differing),
    /// Envoy could not be started, or its process ended.
    Ended(String),
}

/// What is different.
#[derive(Debug, Default)]
pub(super) struct Differing {
    /// The cases in which the hosts differ, and how.
    pub(super) cases: Vec<(Case, Vec<String>)>,
    /// What belongs to no case; where a case differs, that is its consequence.
    pub(super) elsewhere: Vec<String>,
    /// What ends Envoy's process, and is no single case as far as was looked.
    pub(super) unsearched: Vec<String>,
}

/// A search, as long as it may start Envoys.
pub(super) struct Search<'a> {
    hosts: &'a mut dyn Hosts,
    left: u32,
}

impl<'a> Search<'a> {
    /// For the cases of a batch.
    pub(super) fn among_many(hosts: &'a mut dyn Hosts) -> Self {
        Self { hosts, left: FOR_A_BATCH }
    }

    /// For what is smaller than a case.
    pub(super) fn for_one(hosts: &'a mut dyn Hosts) -> Self {
        Self { hosts, left: FOR_A_CASE }
    }

    fn compare(&mut self, cases: &[Case]) -> Result<Outcome, String> {
        if cases.is_empty() {
            return Ok(Outcome::Compared(Differing::default()));
        }
        self.left = self.left.saturating_sub(1);
        self.hosts.compare(cases)
    }

    /// The cases in which the hosts differ, and how.
    pub(super) fn differing(&mut self, cases: &[Case]) -> Result<Differing, String> {
        let mut found = Differing::default();
        self.look(cases, None, &mut found)?;
        Ok(found)
    }

    /// Plays them, and each half of what ends Envoy's process; true: they do. `before` is how the process
    /// ended that played them with others.
    fn look(
        &mut self,
        cases: &[Case],
        before: Option<&str>,
        found: &mut Differing,
    ) -> Result<bool, String> {
        if let (0, Some(error)) = (self.left, before) {
            found.unsearched.push(unsearched(cases, error));
            return Ok(true);
        }
        let error = match self.compare(cases)? {
            Outcome::Compared(differing) => {
                found.cases.extend(differing.cases);
                found.elsewhere.extend(differing.elsewhere);
                return Ok(false);
            }
            Outcome::Ended(error) => error,
        };
        if let [one] = cases {
            found.cases.push((one.clone(), vec![error]));
            return Ok(true);
        }
        self.hosts.tell(&format!("{} end Envoy's process: which of them?", names(cases)));
        let (one, other) = cases.split_at(cases.len() / 2);
        let (one, other) =
            (self.look(one, Some(&error), found)?, self.look(other, Some(&error), found)?);
        if !one && !other {
            let names = names(cases);
            found.unsearched.push(format!("{names}: together, and in no half of them: {error}"));
        }
        Ok(true)
    }

    /// The cases without which the hosts would not differ in what belongs to no case: of each half that
    /// differs alone, the half of it that does.
    pub(super) fn culprits(&mut self, cases: &[Case]) -> Result<Vec<(Case, Vec<String>)>, String> {
        let mut found = Vec::new();
        let mut parts = vec![cases];
        while let Some(part) = parts.pop().filter(|_| self.left > 0) {
            if part.len() < 2 {
                continue;
            }
            let halves = part.split_at(part.len() / 2);
            for half in [halves.1, halves.0] {
                // A case that plays alone has all differences.
                let differing = self.differing(half)?;
                if !differing.cases.is_empty() {
                    found.extend(differing.cases);
                } else if !differing.elsewhere.is_empty() {
                    parts.push(half);
                }
            }
        }
        Ok(found)
    }

    /// The smallest case that still differs, as far as leaving out one thing after the other leads.
    pub(super) fn reduced(
        &mut self,
        mut case: Case,
        mut differences: Vec<String>,
    ) -> Result<(Case, Vec<String>), String> {
        self.hosts.tell(&format!("case {} differs: making it smaller", case.index));
        for _ in 0..ROUNDS {
            let mut next = None;
            // Each has a VM of its own in the process, if it may trap.
            for candidates in smaller(&case).chunks(case.most_at_once()) {
                let candidates = self.hosts.sound(candidates.to_vec())?;
                next = self.first(&candidates)?;
                if next.is_some() {
                    break;
                }
            }
            let Some(next) = next else { break };
            (case, differences) = next;
        }
        Ok((case, differences))
    }

    /// The first case that differs; where the process ends, the first that ends it.
    fn first(&mut self, cases: &[Case]) -> Result<Option<(Case, Vec<String>)>, String> {
        let mut parts = vec![cases];
        while let Some(part) = parts.pop().filter(|_| self.left > 0) {
            match self.compare(part)? {
                Outcome::Compared(differing) => {
                    if let Some(found) = differing.cases.into_iter().next() {
                        return Ok(Some(found));
                    }
                }
                Outcome::Ended(error) => match part {
                    [] => {}
                    [one] => return Ok(Some((one.clone(), vec![error]))),
                    _ => {
                        let (one, other) = part.split_at(part.len() / 2);
                        parts.extend([other, one]);
                    }
                },
            }
        }
        Ok(None)
    }
}

fn names(cases: &[Case]) -> String {
    match cases {
        [one] => format!("case {}", one.index),
        [first, .., last] => format!("cases {} to {}", first.index, last.index),
        [] => "no case".to_owned(),
    }
}

fn unsearched(cases: &[Case], error: &str) -> String {
    format!("{}: not played one by one, after {FOR_A_BATCH} starts of Envoy: {error}", names(cases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::draw;

    /// Hosts that differ in some cases, and an Envoy that others end.
    struct Fake {
        ends: fn(&Case) -> bool,
        differs: fn(&Case) -> bool,
        /// So many together end it.
        together: usize,
        plays: u32,
    }

    impl Default for Fake {
        fn default() -> Self {
            Self { ends: |_| false, differs: |_| false, together: usize::MAX, plays: 0 }
        }
    }

    impl Hosts for Fake {
        fn sound(&mut self, cases: Vec<Case>) -> Result<Vec<Case>, String> {
            Ok(cases)
        }

        fn compare(&mut self, cases: &[Case]) -> Result<Outcome, String> {
            self.plays += 1;
            if cases.len() >= self.together || cases.iter().any(self.ends) {
                return Ok(Outcome::Ended("ended".to_owned()));
            }
            let differ = cases.iter().filter(|case| (self.differs)(case));
            let cases = differ.map(|case| (case.clone(), vec!["differs".to_owned()])).collect();
            Ok(Outcome::Compared(Differing { cases, ..Differing::default() }))
        }

        fn tell(&mut self, _: &str) {}
    }

    fn batch() -> Vec<Case> {
        (0..200).map(|index| draw::case(1, index)).collect()
    }

    fn numbers(found: &Differing) -> Vec<(u64, &str)> {
        let text = |differences: &Vec<String>| if differences[0] == "ended" { "ends" } else { "" };
        found.cases.iter().map(|(case, differences)| (case.index, text(differences))).collect()
    }

    #[test]
    fn a_case_that_ends_the_process_is_found_and_hides_no_difference() {
        let (ends, differs) =
            (|case: &Case| case.index == 137, |case: &Case| [3, 138].contains(&case.index));
        let mut fake = Fake { ends, differs, ..Fake::default() };
        let found = Search::among_many(&mut fake).differing(&batch()).unwrap();
        assert_eq!(numbers(&found), [(3, ""), (137, "ends"), (138, "")]);
        assert_eq!(found.unsearched, Vec::<String>::new());
        assert!(fake.plays < 18, "{}", fake.plays);
    }

    #[test]
    fn an_envoy_that_always_ends_is_not_started_for_ever() {
        let mut fake = Fake { ends: |_| true, ..Fake::default() };
        let found = Search::among_many(&mut fake).differing(&batch()).unwrap();
        assert_eq!(fake.plays, FOR_A_BATCH);
        let named = found.cases.len();
        assert_eq!(numbers(&found)[..2], [(0, "ends"), (1, "ends")]);
        assert!((20..60).contains(&named), "{named}");
        // All others are told, the last ones together.
        let last = found.unsearched.last().unwrap();
        assert!(last.starts_with("cases 100 to 199: not played one by one"), "{last}");
    }

    #[test]
    fn cases_that_end_the_process_only_together_are_named() {
        let mut fake = Fake { together: 150, ..Fake::default() };
        let found = Search::among_many(&mut fake).differing(&batch()).unwrap();
        assert_eq!(found.unsearched, ["cases 0 to 199: together, and in no half of them: ended"]);
        assert_eq!(fake.plays, 3);
    }

    #[test]
    fn what_ends_the_process_is_made_smaller_within_bounds() {
        let case = (0..).map(|i| draw::case(1, i)).find(|case| case.rules.len() > 5).unwrap();
        let ends = |case: &Case| !case.rules.is_empty();
        let mut fake = Fake { ends, ..Fake::default() };
        let (smallest, why) = Search::for_one(&mut fake).reduced(case, Vec::new()).unwrap();
        assert_eq!((smallest.rules.len(), why), (1, vec!["ended".to_owned()]));
        assert!(fake.plays <= FOR_A_CASE, "{}", fake.plays);
    }
}
