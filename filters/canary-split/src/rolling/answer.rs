//! What Prometheus says to a question about a range of time.
//!
//! ```json
//! {"status": "success", "data": {"resultType": "matrix", "result": [
//!   {"metric": {"signal": "failures"}, "values": [[1764579600, "200"], [1764579630, "-1"]]}]}}
//! ```
//! Anything else is an answer that cannot be read. Times become numbers of instants again; a sample that belongs to
//! none that was asked for counts for nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use traffic_policy::rollout::{Piece, Reading, Rollout};

#[derive(Deserialize)]
struct Said {
    status: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: Metric,
    values: Vec<(f64, String)>,
}

#[derive(Default, Deserialize)]
struct Metric {
    #[serde(default)]
    signal: String,
}

/// For each instant with any sample what each series says there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answers {
    /// The label `signal` of each series.
    signals: Vec<String>,
    /// The places of series, and their values.
    instants: BTreeMap<u32, Vec<(usize, f64)>>,
}

/// More series than any rollout has gates: of more, none counts.
const MOST_SERIES: usize = 64;

impl Answers {
    /// Reads the answer to the question about these instants; none if it is not one.
    pub(super) fn read(body: &[u8], rollout: &Rollout, piece: Piece) -> Option<Self> {
        let said: Said = serde_json::from_slice(body).ok()?;
        let is_matrix = said.status == "success" && said.data.result_type == "matrix";
        if !is_matrix || said.data.result.len() > MOST_SERIES {
            return None;
        }
        let mut answers = Self::default();
        let range = rollout.range(piece).map(|time| time.as_secs_f64());
        for (place, series) in said.data.result.into_iter().enumerate() {
            answers.signals.push(series.metric.signal);
            for (time, value) in &series.values {
                let number = number(*time, range).and_then(|n| piece.first.checked_add(n));
                let number = number.filter(|number| *number <= piece.last);
                if let (Some(number), Ok(value)) = (number, value.parse::<f64>()) {
                    answers.instants.entry(number).or_default().push((place, value));
                }
            }
        }
        Some(answers)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.instants.is_empty()
    }

    /// The earliest first.
    pub(super) fn instants(&self) -> impl Iterator<Item = (u32, Vec<Reading<'_>>)> {
        let reading = |(place, value): &(usize, f64)| {
            Some(Reading { signal: self.signals.get(*place)?, value: *value })
        };
        let readings =
            move |values: &Vec<(usize, f64)>| values.iter().filter_map(reading).collect();
        self.instants.iter().map(move |(number, values)| (*number, readings(values)))
    }
}

/// The how many-th step of a range a time is; none if it is between two of them.
fn number(time: f64, [from, _, step]: [f64; 3]) -> Option<u32> {
    let steps = (time - from) / step;
    let is_near = (steps - steps.round()).abs() < 0.01;
    // What is not finite is nowhere near, and what is negative or too large is none that was asked for.
    (is_near && (-0.01..4e9).contains(&steps)).then(|| steps.round().max(0.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rollout;
    use super::*;

    fn read(body: &str) -> Option<Vec<(u32, String, f64)>> {
        let answers = Answers::read(body.as_bytes(), &rollout(), Piece { first: 2, last: 5 })?;
        let one = |(number, readings): (u32, Vec<Reading<'_>>)| {
            assert_eq!(readings.len(), 1);
            (number, readings[0].signal.to_owned(), readings[0].value)
        };
        Some(answers.instants().map(one).collect())
    }

    /// Instants are every 10 s from 1,700,000,000, and evaluated 5 s earlier.
    fn matrix(values: &str) -> String {
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"__name__":"x","signal":"failures"}},"values":[{values}]}}]}}}}"#
        )
    }

    #[test]
    fn samples_become_numbers_of_instants_again() {
        let said = matrix(
            r#"[1700000015,"1"],[1700000025.0004,"-1"],[1700000045,"+Inf"],[1700000035,"NaN"]"#,
        );
        let read = read(&said).unwrap();
        let numbers: Vec<u32> = read.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        assert_eq!(read[1], (3, "failures".to_owned(), -1.0));
        assert!(read[2].2.is_nan());
        assert_eq!(read[3].2, f64::INFINITY);
    }

    #[test]
    fn a_sample_of_no_instant_that_was_asked_for_counts_for_nothing() {
        let said = matrix(
            r#"[1700000005,"1"],[1700000055,"1"],[1700000019,"1"],[-1e300,"1"],[1e300,"1"],[1700000015,"x"]"#,
        );
        assert_eq!(read(&said), Some(vec![]));
    }

    #[test]
    fn what_is_no_such_answer_is_none() {
        let many = format!("[{}]", vec![r#"{"values":[]}"#; 65].join(","));
        for body in [
            "",
            "{}",
            "null",
            r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}"#,
            r#"{"status":"error","data":{"resultType":"matrix","result":[]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[["1","2"]]}]}}"#,
            &format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{many}}}}}"#),
            &"[".repeat(100_000),
        ] {
            assert_eq!(read(body), None, "{}", body.chars().take(80).collect::<String>());
        }
        let empty = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert_eq!(read(empty), Some(vec![]));
    }
}
