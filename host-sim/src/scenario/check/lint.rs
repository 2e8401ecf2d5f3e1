//! What plugins did that is legal and a mistake.

use super::Findings;
use crate::scenario::Scenario;
use crate::scenario::observation::Observation;

pub(super) fn check(findings: &mut Findings<'_>, scenario: &Scenario, seen: &Observation) {
    for finding in &seen.lints {
        if scenario.silenced.iter().any(|(lint, _)| *lint == finding.lint) {
            continue;
        }
        findings.trace_end = finding.trace_end;
        let silence = format!("no finding, or `silence: {{{}: WHY}}`", finding.lint.name());
        findings.add(format!("lint.{}", finding.lint.name()), silence, &finding.detail);
    }
}
