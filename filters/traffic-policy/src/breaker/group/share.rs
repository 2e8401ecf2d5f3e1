//! How many members of a kind may be out at once.

use super::Group;
use crate::breaker::member::Health;
use crate::breaker::{Kind, Member, Reason};

impl Group<'_> {
    /// Whether a member may be out, as far as its peers are concerned.
    pub(super) fn may_eject(&self, member: Member) -> bool {
        let kind = self.roster.kind(member);
        let is_out = self.health(member).is_some_and(Health::is_out);
        is_out || kind == Kind::Pool || self.out(kind).count() < self.may_be_out(kind)
    }

    /// Lets members come back while more are out than may be: those first whose ejection ends first.
    pub(super) fn release(&mut self, kind: Kind) {
        let at = self.at;
        while self.out(kind).count() > self.may_be_out(kind) {
            let until = |member: &Member| self.health(*member).map(|health| health.until);
            let Some(first) = self.out(kind).min_by_key(until) else { return };
            self.change(first, |health| {
                health.restore(at);
                Some(Reason::ShareExceeded)
            });
            self.change(first, |health| health.settle(at));
        }
    }

    fn out(&self, kind: Kind) -> impl Iterator<Item = Member> {
        self.roster.of(kind).filter(|member| self.health(*member).is_some_and(Health::is_out))
    }

    fn may_be_out(&self, kind: Kind) -> usize {
        self.at.policy.may_be_ejected(self.roster.of(kind).count())
    }
}
