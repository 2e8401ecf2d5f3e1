//! Who can be ejected: a pool, its versions and its endpoints, by name and in order.
//!
//! Built once, with the configuration: a record knows members by the fingerprint of their kind and name
//! only, so two processes with different rosters can share it. Each leaves out whom it does not know, and
//! takes those whom the record does not know for healthy.

use crate::invalid::Invalid;
use crate::record::fingerprint;

/// So many there may be: what a record holds is bounded by it.
pub const MOST_MEMBERS: usize = 64;

/// What a member is; its share of the ejected is counted among members of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The pool itself, which is alone.
    Pool,
    /// A version of it.
    Version,
    /// One of its servers.
    Endpoint,
}

/// A place in a [`Roster`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub(super) u8);

/// The members of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    members: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    name: String,
    fingerprint: u64,
}

impl Roster {
    /// The members of the pool with this name, these versions and these endpoints.
    ///
    /// # Errors
    /// When one is named twice, or there are more than [`MOST_MEMBERS`] in all.
    pub fn new(pool: &str, versions: &[String], endpoints: &[String]) -> Result<Self, Invalid> {
        let mut roster = Self { members: vec![Entry::new(Kind::Pool, pool)] };
        roster.extend(Kind::Version, "versions", versions)?;
        roster.extend(Kind::Endpoint, "endpoints", endpoints)?;
        Ok(roster)
    }

    fn extend(&mut self, kind: Kind, list: &str, names: &[String]) -> Result<(), Invalid> {
        for (index, name) in names.iter().enumerate() {
            let refuse = |problem| Err(Invalid::new(format!("{list}[{index}]"), problem));
            if self.find(kind, name).is_some() {
                return refuse(format!("found `{name}` again; allowed once; remove one"));
            }
            if self.members.len() >= MOST_MEMBERS {
                return refuse(format!(
                    "found `{name}`; allowed {} versions and endpoints together; leave endpoints out, and the pool is watched as one",
                    MOST_MEMBERS - 1
                ));
            }
            self.members.push(Entry::new(kind, name));
        }
        Ok(())
    }

    /// The pool itself.
    pub fn pool(&self) -> Member {
        Member(0)
    }

    /// The version with this name.
    pub fn version(&self, name: &str) -> Option<Member> {
        self.find(Kind::Version, name)
    }

    /// The endpoint with this address.
    pub fn endpoint(&self, address: &str) -> Option<Member> {
        self.find(Kind::Endpoint, address)
    }

    /// The members of one kind, in the order of the configuration.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = Member> {
        self.all().filter(move |member| self.kind(*member) == kind)
    }

    /// What this member is called; nothing if it is another roster's.
    pub fn name(&self, member: Member) -> &str {
        self.entry(member).map_or("", |entry| &entry.name)
    }

    /// What this member is.
    pub fn kind(&self, member: Member) -> Kind {
        self.entry(member).map_or(Kind::Pool, |entry| entry.kind)
    }

    pub(super) fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.members.iter().map(|entry| entry.fingerprint)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Member> {
        // There are at most 64.
        (0..self.members.len() as u8).map(Member)
    }

    fn entry(&self, member: Member) -> Option<&Entry> {
        self.members.get(usize::from(member.0))
    }

    fn find(&self, kind: Kind, name: &str) -> Option<Member> {
        self.all().find(|m| self.entry(*m).is_some_and(|e| e.kind == kind && e.name == name))
    }
}

impl Entry {
    fn new(kind: Kind, name: &str) -> Self {
        let prefix = match kind {
            Kind::Pool => "pool",
            Kind::Version => "version",
            Kind::Endpoint => "endpoint",
        };
        let fingerprint = fingerprint(&format!("{prefix} {name}"));
        Self { kind, name: name.to_owned(), fingerprint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("10.0.0.{n}:8000")).collect()
    }

    #[test]
    fn members_are_found_by_their_name_and_kind() {
        let same = ["v1".to_owned()];
        let roster = Roster::new("v1", &same, &same).unwrap();
        let (version, endpoint) = (roster.version("v1").unwrap(), roster.endpoint("v1").unwrap());
        assert!(version != endpoint && version != roster.pool());
        assert_eq!((roster.kind(endpoint), roster.name(endpoint)), (Kind::Endpoint, "v1"));
        assert_eq!(roster.version("v2"), None);
        let prints: std::collections::BTreeSet<_> = roster.fingerprints().collect();
        assert_eq!(prints.len(), 3, "a version is not taken for an endpoint of its name");
    }

    #[test]
    fn more_members_than_a_record_holds_are_refused_and_so_is_one_that_is_named_twice() {
        assert!(Roster::new("p", &names(1), &names(MOST_MEMBERS - 2)).is_ok());
        let error = Roster::new("p", &names(1), &names(MOST_MEMBERS - 1)).unwrap_err();
        assert_eq!(error.path, "endpoints[62]");
        let twice = ["a".to_owned(), "a".to_owned()];
        let error = Roster::new("p", &[], &twice).unwrap_err().to_string();
        assert_eq!(error, "endpoints[1]: found `a` again; allowed once; remove one");
    }
}
