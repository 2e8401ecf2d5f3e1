//! Attempts as bytes: the one value in which the plugin behind the router tells those before it.
//!
//! What cannot be read counts as absent: it makes the answer's own status the only evidence, as if there
//! were no plugin behind the router.

use std::time::Duration;

use super::{Attempt, Class, Verdict};
use crate::record::{open, seal};

/// So many attempts are told; Envoy's own default is two.
pub const MOST: usize = 16;

const VERSION: u8 = 1;
/// In the place of a class or a time that is not there.
const NONE: u8 = u8::MAX;
const NO_TIME: u64 = u64::MAX;

/// The attempts as bytes; those beyond [`MOST`] are left out.
pub fn encode(attempts: &[Attempt]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for attempt in attempts.iter().take(MOST) {
        let endpoint: Vec<u8> = attempt.endpoint.bytes().take(usize::from(u8::MAX)).collect();
        let class = attempt.class.map_or(NONE, |class| position(&Class::ALL, class));
        out.extend([attempt.number, position(&Verdict::ALL, attempt.verdict), class]);
        out.extend(attempt.status.to_le_bytes());
        out.extend(milliseconds(attempt.took).to_le_bytes());
        out.extend(attempt.retry_after.map_or(NO_TIME, milliseconds).to_le_bytes());
        out.push(u8::try_from(endpoint.len()).unwrap_or(u8::MAX));
        out.extend(endpoint);
    }
    seal(out)
}

/// The attempts that bytes stand for; none if they are not [`encode`]'s.
pub fn decode(bytes: &[u8]) -> Option<Vec<Attempt>> {
    let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
    let mut attempts = Vec::new();
    while !rest.is_empty() && attempts.len() < MOST {
        let (attempt, after) = one(rest)?;
        attempts.push(attempt);
        rest = after;
    }
    Some(attempts)
}

fn one(bytes: &[u8]) -> Option<(Attempt, &[u8])> {
    let ([number, verdict, class], rest) = bytes.split_first_chunk::<3>()?;
    let (status, rest) = rest.split_first_chunk::<2>()?;
    let (took, rest) = rest.split_first_chunk::<8>()?;
    let (retry_after, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first()?;
    let (endpoint, rest) = rest.split_at_checked(usize::from(*length))?;
    let retry_after = u64::from_le_bytes(*retry_after);
    let attempt = Attempt {
        number: *number,
        verdict: *Verdict::ALL.get(usize::from(*verdict))?,
        class: Class::ALL.get(usize::from(*class)).copied(),
        status: u16::from_le_bytes(*status),
        took: Duration::from_millis(u64::from_le_bytes(*took)),
        retry_after: (retry_after != NO_TIME).then(|| Duration::from_millis(retry_after)),
        endpoint: String::from_utf8_lossy(endpoint).into_owned(),
    };
    Some((attempt, rest))
}

fn position<T: PartialEq>(all: &[T], one: T) -> u8 {
    let position = all.iter().position(|other| *other == one);
    position.and_then(|p| u8::try_from(p).ok()).unwrap_or(NONE)
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(NO_TIME - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u8, verdict: Verdict, class: Option<Class>) -> Attempt {
        Attempt {
            number,
            verdict,
            class,
            status: 429,
            took: Duration::from_millis(1234),
            retry_after: class.map(|_| Duration::from_secs(7)),
            endpoint: "10.0.0.1:8000".into(),
        }
    }

    #[test]
    fn attempts_are_read_as_they_were_written() {
        let of = |(n, verdict): (usize, &Verdict)| {
            attempt(n as u8, *verdict, Class::ALL.get(n).copied())
        };
        let attempts: Vec<Attempt> = Verdict::ALL.iter().enumerate().map(of).collect();
        assert_eq!(decode(&encode(&attempts)), Some(attempts));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn no_more_are_told_than_a_record_may_have() {
        let attempts = vec![attempt(1, Verdict::Status, None); 40];
        assert_eq!(decode(&encode(&attempts)).map(|a| a.len()), Some(MOST));
    }

    #[test]
    fn bytes_that_were_cut_or_changed_are_no_record() {
        let bytes = encode(&[attempt(1, Verdict::Passed, None)]);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 16;
            assert_eq!(decode(&damaged), None, "damaged at {at}");
        }
    }
}
