//! Requests that plugins send by themselves: whole in, whole out.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};

use super::{
    input::{Input, Inputs},
    message,
};
use crate::{
    client::{Connection, Http},
    model::{
        HeaderMap,
        effect::{CalloutId, CalloutOutcome},
    },
};

/// What a plugin sends.
pub(super) struct Request {
    pub(super) endpoint: SocketAddr,
    pub(super) http2: bool,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Sends the request and reports how it ended. The model keeps the time limit and cancels.
pub(super) async fn run(call: CalloutId, request: Request, inputs: Inputs) {
    let outcome = ask(request, || _ = inputs.send(Input::CalloutBegan(call))).await;
    let _ = inputs.send(Input::CalloutEnded(call, outcome));
}

async fn ask(request: Request, begins: impl FnOnce()) -> CalloutOutcome {
    let Request { endpoint, http2, headers, body } = request;
    let version = if http2 { Http::V2 } else { Http::V1_1 };
    let Ok(mut connection) = Connection::open(endpoint, version, None, false).await else {
        return CalloutOutcome::ConnectFailure;
    };
    let Ok(request) = message::to_request(&headers, http2, Full::new(body)) else {
        return CalloutOutcome::Reset;
    };
    let Ok(response) = connection.send(request).await else { return CalloutOutcome::NoResponse };
    begins();
    let (head, mut body) = response.into_parts();
    let mut data = BytesMut::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => data.extend_from_slice(&bytes),
            Ok(Err(frame)) => {
                trailers = message::from_trailers(&frame.into_trailers().unwrap_or_default());
            }
            Err(_) => return CalloutOutcome::Reset,
        }
    }
    let headers = message::from_response(&head);
    CalloutOutcome::Response { headers, body: data.freeze(), trailers }
}
