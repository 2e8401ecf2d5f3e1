//! What a filter is.

use crate::decision::Decision;
use crate::facts::Facts;

/// A filter as one configuration makes it. It holds policy, not requests.
///
/// Filters of one plugin are asked in a fixed order and add to the same decision. An implementation
/// reads facts, asks `traffic-policy`, counts what was decided, and writes it down; it has no way
/// to reach the proxy, so what it does can be tested without one.
pub trait Filter {
    /// Adds to the decision on a request whose facts are as complete as they will get.
    fn decide(&self, facts: &Facts, decision: &mut Decision);

    /// Whether it would say the same of these facts if the prompt had any number of tokens from
    /// `at_least` to `at_most`. If not, the tokens are counted exactly before it is asked.
    fn settles(&self, facts: &Facts, at_least: u64, at_most: Option<u64>) -> bool;

    /// The request headers it reads from [`Facts::headers`], lower-case.
    fn reads_headers(&self) -> Vec<String> {
        Vec::new()
    }
}
