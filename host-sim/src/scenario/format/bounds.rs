//! How much one scenario may ask for.
//!
//! A slip of the keyboard (`100GiB`, `concurrent: 1000000`, `at: 1000000h`) would otherwise end the
//! process for want of memory, or keep it busy until somebody loses patience. Each bound is far above
//! what a behaviour needs to be shown, and each refusal names the constant here that would have to
//! grow.

use std::time::Duration;

use bytes::Bytes;

use crate::scenario::Hosts;
use crate::scenario::step::{Cut, Repetition, RequestStep};
use crate::yaml::{Error, Problem, Reader};

/// Bytes of one body: it is held in memory, by the client, by hosts and by the record.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// Bytes of all bodies that a scenario sends.
const SENT_MAX: usize = 1024 * 1024 * 1024;
/// Requests of a scenario.
const REQUESTS_MAX: usize = 10_000;
/// Requests at one time: each takes four sockets on Envoy, and processes may open about a thousand
/// to four thousand.
const CONCURRENT_MAX: usize = 250;
/// Pieces into which bodies are cut, all requests together.
const PIECES_MAX: usize = 1_000_000;
/// Worker threads, as many as the command's option takes.
const WORKERS_MAX: u32 = 64;
/// Any time in a scenario that a real Envoy plays, which waits as long as it says.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Any time in a scenario for the simulator alone.
const VIRTUAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What a scenario has asked for so far.
#[derive(Debug)]
pub(super) struct Bounds {
    on_envoy: bool,
    requests: usize,
    pieces: usize,
    sent: usize,
}

impl Bounds {
    pub(super) fn new(hosts: &Hosts) -> Self {
        let on_envoy = !matches!(hosts, Hosts::Sim { .. });
        Self { on_envoy, requests: 0, pieces: 0, sent: 0 }
    }

    /// A time from the beginning, or between two things.
    pub(super) fn time(&self, reader: &Reader<'_>) -> Result<Duration, Error> {
        let time = reader.duration()?;
        if time <= self.longest() {
            return Ok(time);
        }
        Err(if self.on_envoy {
            over(reader, &reader.node().describe(), "60s on a real Envoy", "WAIT_MAX")(
                "make it shorter, or say `hosts: sim` and `because:`, which allows 24h",
            )
        } else {
            over(reader, &reader.node().describe(), "24h", "VIRTUAL_MAX")("make it shorter")
        })
    }

    const fn longest(&self) -> Duration {
        if self.on_envoy { WAIT_MAX } else { VIRTUAL_MAX }
    }

    /// Adds the requests of a step, whose reader it gets, to those of the steps before it.
    pub(super) fn add(&mut self, reader: &Reader<'_>, step: &RequestStep) -> Result<(), Error> {
        let times = step.times();
        let request = &step.request;
        let body = request.body.as_ref().map_or(0, Bytes::len);
        let pieces = match &request.chunks.cut {
            Cut::Whole => 1,
            Cut::Frames(size) => body.div_ceil((*size).max(1)),
            Cut::Sizes(sizes) => sizes.len(),
        };
        let spread = u32::try_from(pieces).ok().and_then(|pieces| {
            request.chunks.every.checked_mul(pieces)?.checked_add(request.chunks.after)
        });
        self.requests = self.requests.saturating_add(times);
        self.pieces = self.pieces.saturating_add(times.saturating_mul(pieces));
        self.sent = self.sent.saturating_add(times.saturating_mul(body));
        if self.requests > REQUESTS_MAX {
            let found = format!("request number {} of the scenario", self.requests);
            Err(over(reader, &found, "10,000 requests", "REQUESTS_MAX")("send fewer"))
        } else if self.pieces > PIECES_MAX {
            let found = format!("bodies in {} pieces, with those before", self.pieces);
            Err(over(reader, &found, "1,000,000 pieces", "PIECES_MAX")("cut into larger ones"))
        } else if self.sent > SENT_MAX {
            let found = format!("bodies of {} bytes, with those before", self.sent);
            Err(over(reader, &found, "1GiB in a scenario", "SENT_MAX")("send less"))
        } else if spread.is_none_or(|spread| spread > self.longest()) {
            let found = format!("a body in {pieces} pieces over more than {:?}", self.longest());
            let constant = if self.on_envoy { "WAIT_MAX" } else { "VIRTUAL_MAX" };
            Err(over(reader, &found, "less", constant)("send it faster"))
        } else {
            Ok(())
        }
    }
}

/// `repeat` or `concurrent`.
pub(super) fn repetition(name: &str, times: &Reader<'_>) -> Result<Repetition, Error> {
    let number: usize = times.integer()?;
    let (most, constant) = match name {
        "repeat" => (REQUESTS_MAX, "REQUESTS_MAX"),
        _ => (CONCURRENT_MAX, "CONCURRENT_MAX"),
    };
    match number {
        0 => Err(times.invalid("0", &format!("1 to {most} times"), "remove the step")),
        number if number > most => {
            Err(over(times, &number.to_string(), &format!("1 to {most} times"), constant)(
                "send fewer",
            ))
        }
        number if name == "repeat" => Ok(Repetition::InTurn(number)),
        number => Ok(Repetition::AtOnce(number)),
    }
}

/// The size of a body that is made, or of a file that is one.
pub(super) fn body(reader: &Reader<'_>, bytes: u64) -> Result<usize, Error> {
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= BODY_MAX => Ok(bytes),
        _ => {
            let found = format!("a body of {bytes} bytes");
            Err(over(reader, &found, "64MiB", "BODY_MAX")("make it smaller"))
        }
    }
}

pub(super) fn workers(reader: &Reader<'_>) -> Result<u32, Error> {
    match reader.integer()? {
        workers @ 1..=WORKERS_MAX => Ok(workers),
        _ => Err(reader.expected(&format!("1 to {WORKERS_MAX} worker threads"))),
    }
}

/// A refusal that names the constant; the cure comes last.
fn over(
    reader: &Reader<'_>,
    found: &str,
    allowed: &str,
    constant: &str,
) -> impl FnOnce(&str) -> Error {
    let allowed =
        format!("at most {allowed} (`{constant}` in host-sim/src/scenario/format/bounds.rs)");
    let problem =
        |cure: &str| Problem::Invalid { found: found.to_owned(), allowed, cure: cure.to_owned() };
    move |cure| reader.error(problem(cure))
}
