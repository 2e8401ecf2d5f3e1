//! What happened when a scenario ran, in terms that hold for every host.
//!
//! A driver records and never judges: [`crate::scenario::check`] compares a record with what the
//! file expects, [`crate::scenario::diff`] compares the records of two hosts.
//! So an expectation cannot mean one thing in the simulator and another against Envoy.
//!
//! # How a request is told apart
//! The driver adds [`MARK`] to every request. It is how a request that an upstream received, or an
//! access-log line, finds the client's request it belongs to, also when a hundred run at once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::model::lint::Finding;

/// The request header that carries the number of the exchange.
pub const MARK: &str = crate::upstream::NUMBER;

/// The field in which a tracing guest writes for which exchange it calls a server.
pub const CALLER: &str = "x-caller";

/// Which host made the record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostName {
    /// The simulator, as the reference Envoy.
    Sim,
    /// The simulator, as an older Envoy.
    SimAs(String),
    /// A real Envoy of this version.
    Envoy(String),
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::SimAs(version) => write!(f, "sim as {version}"),
            Self::Envoy(version) => write!(f, "envoy {version}"),
        }
    }
}

/// Header fields in the order of arrival, names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// All values of `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The values of `name` joined as HTTP joins them; `None` when there is none.
    #[must_use]
    pub fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.all(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// How an exchange ended, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ended {
    /// The response arrived with its end.
    Complete,
    /// The connection or the stream broke before the end of the response.
    Reset,
    /// The client reset the request because the scenario says so.
    ClientReset,
    /// The client waited as long as a step may last, and gave up.
    #[default]
    Hung,
}

impl Ended {
    /// The word used in scenario files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Reset => "reset",
            Self::ClientReset => "client_reset",
            Self::Hung => "hung",
        }
    }

    /// All words, for an error that lists what is allowed.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("complete", Self::Complete),
        ("reset", Self::Reset),
        ("client_reset", Self::ClientReset),
        ("hung", Self::Hung),
    ];
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the client got back.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// `None` when no response headers arrived.
    pub status: Option<u16>,
    /// Interim responses before it: 100, 103.
    pub interim: Vec<u16>,
    /// Without pseudo headers.
    pub headers: Fields,
    /// The body, as far as it arrived.
    pub body: Bytes,
    /// Trailers, empty when there were none.
    pub trailers: Fields,
    /// How it ended.
    pub ended: Ended,
    /// From the first byte of the request to the response headers.
    pub headers_after: Option<Duration>,
    /// From the first byte of the request to the end.
    pub took: Duration,
}

/// One request as an upstream received it.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// The cluster whose endpoint received it.
    pub cluster: String,
    /// `POST`, `GET`, ...
    pub method: String,
    /// With the query.
    pub path: String,
    /// Without pseudo headers.
    pub headers: Fields,
    /// As far as it arrived.
    pub body: Bytes,
    /// Empty when there were none.
    pub trailers: Fields,
    /// Whether the end of the request arrived.
    pub complete: bool,
}

/// The line of the access log for one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// `%RESPONSE_CODE%`, which need not be a status.
    pub code: u32,
    /// `%RESPONSE_FLAGS%`, `-` when none is set.
    pub flags: String,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// What the configuration's own access logs wrote; what is new in every run stands between two unit
    /// separators.
    pub lines: Vec<String>,
}

/// One request of the client and everything that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Index of the step in the file, from 0.
    pub step: usize,
    /// Which repetition of the step, from 0.
    pub round: usize,
    /// When the client began, from the start of the scenario.
    pub began: Duration,
    /// The body the client sent, or would have sent.
    pub sent: Bytes,
    /// The client's port, where there are sockets: how a line about what was no request finds it.
    pub port: Option<u16>,
    /// What came back.
    pub response: Response,
    /// What upstreams received because of it, in order of arrival.
    pub upstream: Vec<Received>,
    /// The access log's line; `None` when the host wrote none.
    pub access: Option<Access>,
    /// How many lines the host's own record had when the exchange was over, where that is known.
    pub trace_end: Option<usize>,
}

/// A line that a plugin wrote to the log, or the host about a plugin that trapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    pub level: String,
    /// The message without the host's prefix.
    pub text: String,
}

/// Everything that one host did in one run of one scenario.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Who did it.
    pub host: HostName,
    /// In the order of the steps, then of their repetitions.
    pub exchanges: Vec<Exchange>,
    /// What plugins counted from before the first step to after the last one, by name with labels
    /// in Prometheus notation; a histogram appears as `<name>_count`.
    pub metrics: BTreeMap<String, i64>,
    /// What plugins logged.
    pub logs: Vec<LogLine>,
    /// Requests that no exchange is responsible for: callouts of plugins.
    pub callouts: Vec<Received>,
    /// Streams that had not ended when the last step was over and the host had come to rest.
    pub open_streams: u64,
    /// Places of the steps whose new configuration a plugin refused.
    pub refused_updates: Vec<usize>,
    /// What a plugin did that is legal and a mistake; only the simulator looks.
    pub lints: Vec<Finding>,
    /// Exchanges in which a plugin did what Envoy does not define, and what; only the simulator knows.
    pub undefined: Vec<(usize, String)>,
    /// The host's own record, for the end of a failure message: callbacks and hostcalls in the
    /// simulator, log lines of the Envoy process.
    pub trace: Vec<String>,
}

impl Observation {
    /// A record in which nothing happened yet.
    #[must_use]
    pub const fn new(host: HostName) -> Self {
        Self {
            host,
            exchanges: Vec::new(),
            metrics: BTreeMap::new(),
            logs: Vec::new(),
            callouts: Vec::new(),
            open_streams: 0,
            refused_updates: Vec::new(),
            lints: Vec::new(),
            undefined: Vec::new(),
            trace: Vec::new(),
        }
    }
}
