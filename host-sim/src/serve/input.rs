//! What connections tell the engine, and what the engine hands to them.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::backlog::{Backlog, Held};
use crate::{
    host::OpenStream,
    model::{
        HeaderMap,
        effect::{
            AttemptId, CalloutId, CalloutOutcome, StreamEvent, StreamId, UpstreamEvent,
            UpstreamReset,
        },
    },
};

/// Something that happened outside.
pub(super) enum Input {
    /// A client opened a stream and sent its headers.
    Open {
        open: OpenStream,
        headers: HeaderMap,
        end: bool,
        client: Client,
        opened: oneshot::Sender<StreamId>,
    },
    RequestData {
        stream: StreamId,
        data: Bytes,
        end: bool,
    },
    RequestTrailers {
        stream: StreamId,
        trailers: HeaderMap,
    },
    ClientGone {
        stream: StreamId,
    },
    Connected(AttemptId),
    ResponseHeaders(AttemptId, HeaderMap, bool),
    ResponseData(AttemptId, Bytes, bool),
    ResponseTrailers(AttemptId, HeaderMap),
    AttemptBroke(AttemptId, UpstreamReset),
    /// The headers of an answer to a plugin's own request are here.
    CalloutBegan(CalloutId),
    CalloutEnded(CalloutId, CalloutOutcome),
}

/// The way to the engine. It never blocks; readers wait for [`Backlog`]s instead.
pub(super) type Inputs = mpsc::UnboundedSender<Input>;

/// The engine's way to a client.
pub(super) struct Client {
    pub(super) events: mpsc::UnboundedSender<(StreamEvent, Held)>,
    /// Whether to read from the client.
    pub(super) reading: watch::Sender<bool>,
    /// What is on its way to the client.
    pub(super) response: Backlog,
    /// What is on its way to the server.
    pub(super) request: Backlog,
}

/// The engine's way to an attempt.
pub(super) struct Attempt {
    pub(super) events: mpsc::UnboundedSender<(UpstreamEvent, Held)>,
    /// Whether to read from the server.
    pub(super) reading: watch::Sender<bool>,
}

/// Waits until reading is allowed. A vanished engine allows it: whatever is read then ends nowhere.
pub(super) async fn may_read(reading: &mut watch::Receiver<bool>) {
    let _ = reading.wait_for(|enabled| *enabled).await;
}
