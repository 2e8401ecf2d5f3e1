//! Response flags: Envoy's short reasons for an unusual end of a stream.

use std::fmt;

/// A set of response flags, which remembers the order in which they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    bits: u64,
    /// The places of the bits, first come first; 0 is no flag that is set here.
    order: [u8; 8],
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $short:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub(crate) const $name: Self =
                Self { bits: 1 << $bit, order: [$bit, 0, 0, 0, 0, 0, 0, 0] };)*
            const NAMES: &'static [(u8, &'static str)] = &[$(($bit, $short)),*];
        }
    };
}

// The bits are those of `response.flags`; access logs have the order in which flags were set.
flags! {
    /// No healthy endpoint.
    NO_HEALTHY_UPSTREAM = 1 "UH";
    /// The route's or the attempt's timeout.
    UPSTREAM_REQUEST_TIMEOUT = 2 "UT";
    /// The upstream reset the stream.
    UPSTREAM_REMOTE_RESET = 4 "UR";
    /// No connection to the upstream.
    UPSTREAM_CONNECTION_FAILURE = 5 "UF";
    /// The upstream closed the connection.
    UPSTREAM_CONNECTION_TERMINATION = 6 "UC";
    /// A circuit breaker.
    UPSTREAM_OVERFLOW = 7 "UO";
    /// No route.
    NO_ROUTE_FOUND = 8 "NR";
    /// The client closed the connection.
    DOWNSTREAM_CONNECTION_TERMINATION = 14 "DC";
    /// No attempt was left.
    UPSTREAM_RETRY_LIMIT_EXCEEDED = 15 "URX";
    /// Nothing moved for too long.
    STREAM_IDLE_TIMEOUT = 16 "SI";
    /// The client broke the protocol.
    DOWNSTREAM_PROTOCOL_ERROR = 18 "DPE";
    /// The upstream broke the protocol.
    UPSTREAM_PROTOCOL_ERROR = 23 "UPE";
    /// No such cluster.
    NO_CLUSTER_FOUND = 24 "NC";
    /// The client reset the stream.
    DOWNSTREAM_REMOTE_RESET = 28 "DR";
}

impl Flags {
    /// Adds flags.
    pub(crate) fn insert(&mut self, other: Self) {
        for bit in other.order.into_iter().take_while(|bit| *bit != 0) {
            let known = self.order.iter_mut().find(|own| **own == 0 || **own == bit);
            if let Some(place) = known {
                *place = bit;
            }
        }
        self.bits |= other.bits;
    }

    /// The bits, as `response.flags` gives them to plugins.
    #[must_use]
    pub(crate) fn bits(self) -> u64 {
        self.bits
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == 0 {
            return f.write_str("-");
        }
        let name = |bit: &u8| Self::NAMES.iter().find(|(own, _)| own == bit);
        for (place, (_, name)) in self.order.iter().filter_map(name).enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_in_the_order_in_which_flags_came() {
        let mut flags = Flags::default();
        assert_eq!(flags.to_string(), "-");
        flags.insert(Flags::STREAM_IDLE_TIMEOUT);
        flags.insert(Flags::UPSTREAM_CONNECTION_FAILURE);
        flags.insert(Flags::STREAM_IDLE_TIMEOUT);
        assert_eq!(flags.to_string(), "SI,UF");
        assert_eq!(Flags::DOWNSTREAM_CONNECTION_TERMINATION.bits(), 0x4000);
    }
}
