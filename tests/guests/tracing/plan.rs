//! What the guest is told to do: rules, each for a callback.
//!
//! The same JSON comes as the plugin's configuration or, for one stream alone, in a request header; the
//! second lets thousands of streams with plans of their own share one proxy.

use serde::Deserialize;

/// The plugin's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How the trace names this plugin.
    pub(crate) name: String,
    /// For every stream.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// A request header whose value are the rules of its stream, in place of those above.
    #[serde(default)]
    pub(crate) rules_header: Option<String>,
    /// Where [`Op::Later`] sends its calls.
    #[serde(default = "callout")]
    pub(crate) call: String,
    /// The period of [`When::Tick`].
    #[serde(default = "twenty")]
    pub(crate) tick_ms: u32,
}

fn callout() -> String {
    "callout".to_owned()
}

const fn twenty() -> u32 {
    20
}

/// What to do in one callback.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The callback, by the export's name without `proxy_on_`.
    pub(crate) on: String,
    /// Which of these callbacks of the stream, from 1; every one when absent.
    #[serde(default)]
    pub(crate) nth: Option<u32>,
    /// In order.
    #[serde(default, rename = "do")]
    pub(crate) ops: Vec<Op>,
    /// The number that the callback returns.
    #[serde(default, rename = "return")]
    pub(crate) action: Option<u32>,
}

/// One hostcall, or what is made of some.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    /// A header's first value: map, name.
    Get(u32, String),
    /// All names of a map, in order.
    Pairs(u32),
    /// Bytes of a map.
    Size(u32),
    /// Replaces a header.
    Set(u32, String, String),
    /// Adds a header.
    Add(u32, String, String),
    /// Removes a header.
    Remove(u32, String),
    /// Makes these the only entries; what the test itself needs to tell streams apart stays.
    SetPairs(u32, Vec<(String, String)>),
    /// Bytes of a buffer: buffer, start, most.
    Read(u32, u32, u32),
    /// The length of a buffer.
    Length(u32),
    /// Writes into a buffer: buffer, start, length, bytes.
    Write(u32, u32, u32, String),
    /// Writes so many bytes: buffer, start, length, count.
    Fill(u32, u32, u32, usize),
    /// Lets a side of the stream go on.
    Resume(u32),
    /// Cuts the stream.
    Close(u32),
    /// Answers in the server's place: status, body, further headers.
    Reply(u32, String, Vec<(String, String)>),
    /// The same with a gRPC status: status, gRPC status, body, further headers.
    GrpcReply(u32, i32, String, Vec<(String, String)>),
    /// A property's bytes.
    Property(Vec<String>),
    /// Sets a property.
    SetProperty(String, String),
    /// Makes another context the effective one.
    Effective(Who),
    /// Calls a foreign function: name, argument.
    Foreign(String, String),
    /// Does the rest in a later event.
    Later(When, Vec<Op>),
    /// Sends a request: cluster, timeout in milliseconds, body; does the rest when its answer comes.
    Call(String, u32, String, Vec<Op>),
    /// Sends a request with these headers: cluster, headers; does the rest when its answer comes.
    Ask(String, Vec<(String, String)>, Vec<Op>),
    /// Calls a gRPC service: cluster, timeout in milliseconds, message; does the rest when it has ended.
    Grpc(String, u32, String, Vec<Op>),
    /// Gives up the stream's last gRPC call.
    Cancel,
    /// The value that all plugins of the VM id share under a key of this stream.
    Shared(String),
    /// Sets it: key, value, and the number of the value that it must replace, 0 for any.
    Share(String, String, u32),
    /// Traps.
    Trap,
}

/// A context.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    /// The stream's own.
    Own,
    /// The plugin's.
    Root,
    /// One that does not exist.
    Unknown,
}

/// A later event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// The message that the guest now sends to a queue of its own.
    Queue,
    /// The second tick from now.
    Tick,
    /// The answer to a request that the guest now sends.
    Call,
    /// The end of a gRPC call.
    #[serde(skip)]
    Grpc,
}
