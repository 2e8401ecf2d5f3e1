//! What a filter is.

use std::time::Duration;

use traffic_policy::attempt::Upstream;
use traffic_policy::stream::StreamOutcome;

use crate::decision::Decision;
use crate::facts::Facts;
use crate::question::{Answered, Now, Question};

/// A filter as one configuration makes it. It holds policy, not requests.
///
/// Filters of one plugin are asked in a fixed order and add to the same decision. An implementation
/// reads facts, asks `traffic-policy`, counts what was decided, and writes it down; it has no way
/// to reach the proxy, so what it does can be tested without one.
pub trait Filter {
    /// Adds to the decision on a request whose facts are as complete as they will get.
    fn decide(&self, _facts: &Facts, _decision: &mut Decision) {}

    /// Adds to the decision once more, because a later filter has sent the request to another pool, or away from
    /// its version.
    fn diverted(&self, _facts: &Facts, _decision: &mut Decision) {}

    /// Whether it would say the same of these facts if the prompt had any number of tokens from
    /// `at_least` to `at_most`. If not, the tokens are counted exactly before it is asked.
    fn settles(&self, _facts: &Facts, _at_least: u64, _at_most: Option<u64>) -> bool {
        true
    }

    /// The request headers it reads from [`Facts::headers`], lower-case.
    fn reads_headers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it reads [`Facts::conversation`].
    fn reads_conversation(&self) -> bool {
        false
    }

    /// Request headers, lower-case, that it sets for the proxy and takes away from clients.
    fn takes_away(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// What it wants to know of answers.
    fn follows(&self) -> Follows {
        Follows::default()
    }

    /// The whole configuration was accepted. Before that it shows nothing: a gauge would say for ever what a refused
    /// configuration wanted.
    fn in_force(&self) {}

    /// How often [`Filter::tick`] is to be called, if at all.
    fn ticks_every(&self) -> Option<Duration> {
        None
    }

    /// So much time has passed again. Says what is to be asked of other servers.
    fn tick(&self, _now: Now) -> Vec<Question> {
        Vec::new()
    }

    /// What came of a question.
    fn answered(&self, _number: u32, _answered: &Answered) {}

    /// A newer configuration has taken its place. There are no more ticks; exchanges that it follows may go on.
    fn replaced(&self) {}

    /// Follows one exchange. Asked once, when the response's headers come or it ends without.
    fn follow(&self, _exchange: &Followed<'_>) -> Option<Box<dyn Follower>> {
        None
    }
}

/// What a filter wants to know of answers; asked when the configuration is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Follows {
    /// [`Filter::follow`] is to be called.
    pub answers: bool,
    /// Servers are to be asked not to compress answers, which could not be read.
    pub plain: bool,
    /// [`Followed::route`] is to be filled.
    pub route: bool,
    /// [`Followed::upstream`] is to be filled.
    pub upstream: bool,
    /// [`Upstream::endpoint`] is to be filled as well.
    pub endpoint: bool,
}

impl Follows {
    /// What one or the other wants.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            answers: self.answers || other.answers,
            plain: self.plain || other.plain,
            route: self.route || other.route,
            upstream: self.upstream || other.upstream,
            endpoint: self.endpoint || other.endpoint,
        }
    }
}

/// An exchange whose answer begins.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'a> {
    /// What is known of the request.
    pub facts: &'a Facts,
    /// What was decided.
    pub decision: &'a Decision,
    /// The route that it took, by its name.
    pub route: Option<&'a str>,
    /// What the way to the servers was like, as far as it can be known here.
    pub upstream: &'a Upstream,
}

/// Follows one exchange to its end. What it holds is held for as long as the answer streams.
pub trait Follower {
    /// The first generated output has come, so long after the request was complete.
    fn begins(&mut self, _took: Duration) {}

    /// Generated output has come, so long after the output before it.
    fn gap(&mut self, _gap: Duration) {}

    /// It has ended, however it did. Called once.
    fn finish(&mut self, outcome: &StreamOutcome);
}
