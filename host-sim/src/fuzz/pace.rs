//! How fast everybody is, and by how much that may change before a case counts as a race.
//!
//! What a case does comes from five clocks: the client's pieces, the server's, the answers to calls of
//! each plugin, ticks, and queues, which are at once. The gaps between them are chosen so that most orders
//! are decided by tens of milliseconds. Each case is played in the simulator with these clocks shifted
//! against each other by up to about fifteen milliseconds, which is what sockets, threads and a busy
//! machine do, and with the other order at equal instants. What plays otherwise then is a race: Envoy
//! itself does not decide it.

use crate::scenario::Ties;

/// The clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) seed: u64,
    /// What is first at equal instants: a tie of two sockets, or of a socket and a timer.
    pub(super) ties: Ties,
    /// The client's gaps: whether a piece, or a reset, is before an answer or an event.
    pub(super) client_percent: u64,
    /// The server's gaps: the same for the other direction.
    pub(super) server_ms: u64,
    /// Answers to calls of the plugins a, b and c, which come over different connections.
    pub(super) call_ms: [u64; 3],
    /// Periods of ticks, whose phase depends on when another stream asked for the first one.
    pub(super) tick_ms: [u64; 3],
}

/// A change of the whole proxy goes through its admin interface, and takes as long as that takes.
const CHANGE_SHIFTED_MS: u64 = 90;

/// What Envoy gets.
pub(super) const ORDINARY: Pace = pace(1, Ties::Drawn, 100, 115, [60, 80, 100], [20, 20, 20]);

/// A case that plays otherwise at one of these depends on which of two events is first.
pub(super) const OTHERS: [Pace; 8] = [
    pace(2, Ties::Input, 107, 123, [60, 87, 93], [20, 23, 17]),
    pace(3, Ties::Host, 93, 107, [60, 73, 107], [20, 17, 23]),
    pace(4, Ties::Input, 93, 123, [71, 81, 91], [17, 20, 23]),
    pace(5, Ties::Host, 107, 107, [51, 81, 111], [23, 20, 17]),
    pace(6, Ties::Input, 100, 115, [60, 80, 100], [20, 20, 20]),
    pace(7, Ties::Host, 100, 115, [60, 80, 100], [20, 20, 20]),
    pace(8, Ties::Input, 103, 111, [57, 80, 103], [18, 22, 20]),
    pace(9, Ties::Host, 97, 119, [63, 80, 97], [22, 18, 21]),
];

const fn pace(
    seed: u64,
    ties: Ties,
    client_percent: u64,
    server_ms: u64,
    call_ms: [u64; 3],
    tick_ms: [u64; 3],
) -> Pace {
    Pace { seed, ties, client_percent, server_ms, call_ms, tick_ms }
}

impl Pace {
    /// Milliseconds until a change of the whole proxy, of which nobody may begin in the middle: at other paces
    /// it meets the streams that run through it a little earlier or later.
    pub(super) const fn pause(&self, ms: u64) -> u64 {
        match (self.seed, self.seed % 2) {
            (1, _) => ms,
            (_, 0) => ms - CHANGE_SHIFTED_MS,
            (_, _) => ms + CHANGE_SHIFTED_MS,
        }
    }

    /// When a server of calls answers: those ten milliseconds apart change their order at other paces.
    pub(super) const fn shifted(&self, ms: u64) -> u64 {
        match (self.seed, (ms / 10 + self.seed) % 2) {
            (1, _) => ms,
            (_, 0) => ms + 7,
            (_, _) => ms - 7,
        }
    }
}
