//! Clients: their connections, requests and responses.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinSet},
};

use super::{
    backlog::{Backlog, Held},
    input::{Client, Input, Inputs, may_read},
    message, tunnel,
};
use crate::{
    fields::map_asks_upgrade,
    host::{OpenStream, Protocol},
    model::effect::{StreamEvent, StreamId},
    protocol::speaks_http2,
};

/// Where a connection was accepted.
#[derive(Clone)]
struct Origin {
    inputs: Inputs,
    listener: usize,
    worker: usize,
    peer: SocketAddr,
}

/// Accepts connections of one listener for ever; the workers take them in turn.
pub(super) async fn accept(listener: TcpListener, number: usize, workers: usize, inputs: Inputs) {
    let accepted = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connection = listener.accept() => {
                let Ok((socket, peer)) = connection else { continue };
                let worker = accepted.fetch_add(1, Ordering::Relaxed) % workers.max(1);
                let origin = Origin { inputs: inputs.clone(), listener: number, worker, peer };
                connections.spawn(serve_connection(socket, origin));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(socket: TcpStream, origin: Origin) {
    let _ = socket.set_nodelay(true);
    let Ok(http2) = speaks_http2(&socket).await else { return };
    let service = service_fn(move |request| serve_request(request, origin.clone()));
    let io = TokioIo::new(socket);
    // How a connection ends is seen by its streams.
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.auto_date_header(false).enable_connect_protocol();
        let _ = builder.serve_connection(io, service).await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.auto_date_header(false);
        let _ = builder.serve_connection(io, service).with_upgrades().await;
    }
}

/// The proxy gave the stream up: HTTP/2 resets it, HTTP/1 closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the proxy reset the stream")]
pub(super) struct ResetByProxy;

/// Tells the engine when a client leaves before its stream has ended.
pub(super) struct Guard {
    pub(super) inputs: Inputs,
    pub(super) stream: StreamId,
    pub(super) ended: bool,
    reader: Option<AbortHandle>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
        if !self.ended {
            let _ = self.inputs.send(Input::ClientGone { stream: self.stream });
        }
    }
}

pub(super) type Events = mpsc::UnboundedReceiver<(StreamEvent, Held)>;

async fn serve_request(
    mut request: Request<Incoming>,
    origin: Origin,
) -> Result<Response<ResponseBody>, ResetByProxy> {
    let asks_tunnel = request.method() == Method::CONNECT || map_asks_upgrade(request.headers());
    let upgrade = asks_tunnel.then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let protocol = match head.version {
        Version::HTTP_2 => Protocol::Http2,
        Version::HTTP_10 => Protocol::Http10,
        _ => Protocol::Http11,
    };
    let http2 = protocol == Protocol::Http2;
    let (events, mut receiver) = mpsc::unbounded_channel();
    let (reading, reads) = watch::channel(true);
    let (opened, stream) = oneshot::channel();
    let backlog = Backlog::default();
    let client = Client { events, reading, response: Backlog::default(), request: backlog.clone() };
    let end = body.is_end_stream() && !asks_tunnel;
    let Origin { inputs, listener, worker, peer } = origin;
    let open = OpenStream { listener, worker, protocol, peer };
    let headers = message::from_request(&head);
    let _ = inputs.send(Input::Open { open, headers, end, client, opened });
    let stream = stream.await.map_err(|_| ResetByProxy)?;
    let mut guard = Guard { inputs: inputs.clone(), stream, ended: false, reader: None };
    if !end && !asks_tunnel {
        let reader = read_request(body, (stream, http2), inputs, reads.clone(), backlog.clone());
        guard.reader = Some(tokio::spawn(reader).abort_handle());
    }
    let (headers, ended) = loop {
        match receiver.recv().await {
            // hyper has said it already: it does so when the body is first read.
            Some((StreamEvent::Continue100, _)) => {}
            Some((StreamEvent::Headers(headers, end), _)) => break (headers, end),
            _ => {
                guard.ended = true;
                return Err(ResetByProxy);
            }
        }
    };
    guard.ended = ended;
    let mut response = message::to_response(&headers, ResponseBody::empty());
    let status = response.status();
    let accepted = status == StatusCode::SWITCHING_PROTOCOLS
        || (head.method == Method::CONNECT && status.is_success());
    match upgrade {
        Some(upgrade) if accepted && !ended => {
            tokio::spawn(tunnel::downstream(upgrade, guard, receiver, reads, backlog));
        }
        _ => *response.body_mut() = ResponseBody { receiver: Some(receiver), guard: Some(guard) },
    }
    Ok(response)
}

/// Reads a request's body into the engine, no faster than it is taken at the other end.
async fn read_request<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    (stream, http2): (StreamId, bool),
    inputs: Inputs,
    mut reading: watch::Receiver<bool>,
    backlog: Backlog,
) {
    loop {
        may_read(&mut reading).await;
        backlog.has_room().await;
        let input = match body.frame().await {
            // A stream that the client cancels ends here without an error.
            None if http2 && !body.is_end_stream() => Input::ClientGone { stream },
            None => Input::RequestData { stream, data: Bytes::new(), end: true },
            // The connection's own task sees the break too, and drops the guard.
            Some(Err(_)) => Input::ClientGone { stream },
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let end = body.is_end_stream();
                    Input::RequestData { stream, data, end }
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    Input::RequestTrailers { stream, trailers: message::from_trailers(&trailers) }
                }
            },
        };
        let last = match &input {
            Input::RequestData { end, .. } => *end,
            _ => true,
        };
        if inputs.send(input).is_err() || last {
            return;
        }
    }
}

/// A response's body, as the engine hands it out.
pub(super) struct ResponseBody {
    receiver: Option<Events>,
    guard: Option<Guard>,
}

impl ResponseBody {
    fn empty() -> Self {
        Self { receiver: None, guard: None }
    }

    fn finish(&mut self) {
        self.receiver = None;
        if let Some(mut guard) = self.guard.take() {
            guard.ended = true;
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResetByProxy;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResetByProxy>>> {
        let this = self.get_mut();
        loop {
            let Some(receiver) = &mut this.receiver else { return Poll::Ready(None) };
            if this.guard.as_ref().is_some_and(|guard| guard.ended) {
                this.finish();
                return Poll::Ready(None);
            }
            return Poll::Ready(match std::task::ready!(receiver.poll_recv(context)) {
                Some((StreamEvent::Data(data, end), _held)) => {
                    if end {
                        this.finish();
                    }
                    if data.is_empty() {
                        continue;
                    }
                    Some(Ok(Frame::data(data)))
                }
                Some((StreamEvent::Trailers(trailers), _)) => {
                    this.finish();
                    Some(Ok(Frame::trailers(message::to_trailers(&trailers))))
                }
                Some((StreamEvent::Reset(_), _)) | None => {
                    this.finish();
                    Some(Err(ResetByProxy))
                }
                Some((StreamEvent::Headers(..) | StreamEvent::Continue100, _)) => continue,
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.receiver.is_none() || self.guard.as_ref().is_some_and(|guard| guard.ended)
    }
}

#[cfg(test)]
mod tests;
