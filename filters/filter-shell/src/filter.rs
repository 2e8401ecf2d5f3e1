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

    /// The request headers it reads from [`Facts::headers`], lower-case.
    fn reads_headers(&self) -> Vec<String> {
        Vec::new()
    }
}
