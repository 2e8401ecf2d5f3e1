//! Whether a server refuses to be asked for usage.
//!
//! A request that we changed was refused: was it for the change, or would the client's own have been
//! refused too? Only the server's words can tell, and they may be an echo of the request. So what we wrote
//! is taken out of them first; a server that has taken the option before is not believed at once; and one
//! that never took it and refuses every request that asks is believed without words.

use std::time::Duration;

use crate::record::{fingerprint, open, seal};

/// How long servers that refused are not asked again.
pub const LEAVE_FOR: Duration = Duration::from_secs(600);

/// How many pools can be told apart. Two in one slot are left in peace together, which costs a guess in
/// the place of a report and nothing else.
pub const SLOTS: usize = 64;

/// The first byte of a record.
const VERSION: u8 = 1;

/// The slot of a pool.
pub fn slot(pool: &str) -> usize {
    (fingerprint(pool) % SLOTS as u64) as usize
}

/// The record that says that a pool has refused at `now`, by a clock that all workers have.
pub fn leave(now: Duration) -> Vec<u8> {
    let until = u64::try_from((now + LEAVE_FOR).as_millis()).unwrap_or(u64::MAX);
    seal([VERSION].into_iter().chain(until.to_le_bytes()).collect())
}

/// Whether this record says that a pool is not to be asked at `now`.
pub fn is_left(record: &[u8], now: Duration) -> bool {
    let until = open(record).and_then(|record| record.strip_prefix(&[VERSION]));
    let until = until.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    until.is_some_and(|until| now < Duration::from_millis(until))
}

/// Whether an answer with this status may be a refusal of what was asked.
pub fn may_be_refusal(status: u16) -> bool {
    matches!(status, 400 | 404 | 422 | 501)
}

/// What is known of the servers of one pool. It is each worker's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Servers {
    has_accepted: bool,
    refused: u8,
}

/// So many refusals one after the other need no words.
const ENOUGH: u8 = 5;

/// The option as we write it, without quotes and blanks, lower-case: JSON, and Python's way to print it.
const OURS: &str = "stream_options:{include_usage:true";

impl Servers {
    /// A request that asked was answered with usage.
    pub fn accepted(&mut self) {
        *self = Self { has_accepted: true, refused: 0 };
    }

    /// A request that asked was refused, in these words. Whether it was for that.
    pub fn refused(&mut self, words: &[u8]) -> bool {
        let is_said = names_the_option(words);
        if is_said && !self.has_accepted {
            *self = Self::default();
            return true;
        }
        // A client's own mistakes, as far as is known; said once more, it is believed.
        let is_known = self.has_accepted;
        self.has_accepted &= !is_said;
        self.refused = self.refused.saturating_add(1);
        let is_enough = self.refused >= ENOUGH && !is_known;
        if is_enough {
            *self = Self::default();
        }
        is_enough
    }
}

/// Whether an error names the option, other than by repeating the request.
fn names_the_option(words: &[u8]) -> bool {
    let is_kept = |byte: &u8| !byte.is_ascii_whitespace() && !b"\"'\\".contains(byte);
    let kept: Vec<u8> = words.iter().filter(|b| is_kept(b)).map(u8::to_ascii_lowercase).collect();
    let words = String::from_utf8_lossy(&kept).replace(OURS, "");
    words.contains("stream_options") || words.contains("include_usage")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] = b"Unrecognized request argument supplied: stream_options";
    const ECHOES: [&[u8]; 3] = [
        br#"{"detail":[{"msg":"Field required","input":{"stream_options":{"include_usage":true},"model":"m"}}]}"#,
        br#"{"message":"bad body: {\"stream_options\": {\"include_usage\": true, \"x\": 1}}"}"#,
        b"{'input': {'stream_options': {'include_usage': True}}}",
    ];

    #[test]
    fn a_server_that_names_the_option_is_believed() {
        assert!(Servers::default().refused(SAID));
        assert!(Servers::default().refused(br#"{"param":"include_usage"}"#));
    }

    #[test]
    fn an_echo_of_what_we_wrote_is_no_refusal_of_it() {
        for echo in ECHOES {
            assert!(!Servers::default().refused(echo), "{}", String::from_utf8_lossy(echo));
        }
    }

    #[test]
    fn a_server_that_has_just_taken_it_is_believed_the_second_time() {
        let mut servers = Servers::default();
        servers.accepted();
        assert!(!servers.refused(SAID));
        assert!(servers.refused(SAID));
    }

    #[test]
    fn five_refusals_in_a_row_need_no_words() {
        let mut servers = Servers::default();
        assert_eq!(
            [(); 5].map(|()| servers.refused(b"bad request")),
            [false, false, false, false, true]
        );
        let mut servers = Servers::default();
        servers.accepted();
        for _ in 0..20 {
            assert!(!servers.refused(b"bad request"), "it has taken the option before");
        }
    }

    #[test]
    fn a_pool_is_left_for_ten_minutes_and_a_record_that_cannot_be_read_says_nothing() {
        let (now, record) = (Duration::from_secs(7), leave(Duration::from_secs(7)));
        assert!(is_left(&record, now));
        assert!(is_left(&record, now + LEAVE_FOR - Duration::from_millis(1)));
        assert!(!is_left(&record, now + LEAVE_FOR));
        for end in 0..record.len() {
            assert!(!is_left(&record[..end], now), "cut at {end}");
        }
        for at in 0..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 4;
            assert!(!is_left(&damaged, now), "damaged at {at}");
        }
    }

    #[test]
    fn pools_share_a_few_slots() {
        let slots: std::collections::BTreeSet<_> =
            (0..10_000).map(|n| slot(&format!("pool-{n}"))).collect();
        assert_eq!(slots.len(), SLOTS);
    }
}
