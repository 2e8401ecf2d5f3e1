//! Which direction a hostcall means, and which side closed.

/// A direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum StreamType {
    /// From the client.
    Request = 0,
    /// To the client.
    Response = 1,
    /// The TCP client's side.
    Downstream = 2,
    /// The TCP server's side.
    Upstream = 3,
}

impl StreamType {
    /// Reads a guest's number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Request,
            1 => Self::Response,
            2 => Self::Downstream,
            3 => Self::Upstream,
            _ => return None,
        })
    }
}

/// Who closed a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PeerType {
    /// Not known.
    Unknown = 0,
    /// The proxy.
    Local = 1,
    /// The other side.
    Remote = 2,
}

impl PeerType {
    /// Reads a guest's number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Unknown,
            1 => Self::Local,
            2 => Self::Remote,
            _ => return None,
        })
    }
}
