//! Response flags: Envoy's short reasons for an unusual end of a stream.

use std::fmt;

/// A set of response flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $short:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub(crate) const $name: Self = Self(1 << $bit);)*
            const NAMES: &'static [(u64, &'static str)] = &[$((1 << $bit, $short)),*];
        }
    };
}

// The bits are those of `response.flags`; the order of the bits is the order in access logs.
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
    /// No route.
    NO_ROUTE_FOUND = 8 "NR";
    /// The client closed the connection.
    DOWNSTREAM_CONNECTION_TERMINATION = 14 "DC";
    /// Nothing moved for too long.
    STREAM_IDLE_TIMEOUT = 16 "SI";
    /// The client broke the protocol.
    DOWNSTREAM_PROTOCOL_ERROR = 18 "DPE";
    /// The upstream broke the protocol.
    UPSTREAM_PROTOCOL_ERROR = 23 "UPE";
    /// No such cluster.
    NO_CLUSTER_FOUND = 24 "NC";
    /// The client reset the stream.
    DOWNSTREAM_REMOTE_RESET = 29 "DR";
}

impl Flags {
    /// Adds flags.
    pub(crate) fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The bits, as `response.flags` gives them to plugins.
    #[must_use]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("-");
        }
        let names = Self::NAMES.iter().filter(|(bit, _)| self.0 & bit != 0);
        for (place, (_, name)) in names.enumerate() {
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
    fn prints_in_the_order_of_the_bits() {
        let mut flags = Flags::default();
        assert_eq!(flags.to_string(), "-");
        flags.insert(Flags::STREAM_IDLE_TIMEOUT);
        flags.insert(Flags::UPSTREAM_CONNECTION_FAILURE);
        assert_eq!(flags.to_string(), "UF,SI");
        assert_eq!(Flags::DOWNSTREAM_CONNECTION_TERMINATION.bits(), 0x4000);
    }
}
