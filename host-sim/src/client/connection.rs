//! One connection, HTTP/1 or HTTP/2, behind one interface.

use std::{error::Error, net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinHandle};

use super::{
    outcome::chain,
    raw::{Exchanging, Raw},
};
use crate::protocol::HTTP2_HEAD_MAX;

/// The protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http {
    /// HTTP/1.0: no chunked bodies, the connection ends with the response.
    V1_0,
    /// HTTP/1.1.
    #[default]
    V1_1,
    /// HTTP/2 with prior knowledge.
    V2,
}

/// A connection that carries one exchange.
pub(crate) struct Connection<B> {
    sender: Sender<B>,
    task: Task,
    port: u16,
}

/// What moves the bytes; aborted when dropped, or a request that was given up would be sent to its end.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Sender<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

/// How long a reset may take to leave.
const FLUSH: Duration = Duration::from_millis(500);

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Connects; the error is a text because all a caller can do is show it. `waits_for_body`: nothing
    /// leaves before the first bytes of an HTTP/2 body.
    pub(crate) async fn open(
        address: SocketAddr,
        http: Http,
        raw: Option<&Raw>,
        waits_for_body: bool,
    ) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let _ = socket.set_nodelay(true);
        let port = socket.local_addr().map_or(0, |own| own.port());
        let io = TokioIo::new(Exchanging::new(socket, raw, waits_for_body));
        // A connection's own end is seen by its exchange, so the tasks have nothing to report.
        if http == Http::V2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(HTTP2_HEAD_MAX);
            let handshake = builder.handshake(io).await;
            let (sender, connection) = handshake.map_err(|error| chain(&error))?;
            let task = tokio::spawn(async { drop(connection.await) });
            Ok(Self { sender: Sender::Http2(sender), task: Task(task), port })
        } else {
            let handshake = http1::handshake(io).await;
            let (sender, connection) = handshake.map_err(|error| chain(&error))?;
            let task = tokio::spawn(async { drop(connection.with_upgrades().await) });
            Ok(Self { sender: Sender::Http1(sender), task: Task(task), port })
        }
    }

    /// The client's own port.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Sends the request and waits for the response's headers.
    pub(crate) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(request).await,
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Closes the connection. HTTP/2 gets the time to send the reset of a stream that was dropped; with
    /// HTTP/1 the close itself is the reset.
    pub(crate) async fn close(self) {
        let Self { sender, mut task, .. } = self;
        let graceful = matches!(sender, Sender::Http2(_));
        drop(sender);
        if graceful {
            let _ = tokio::time::timeout(FLUSH, &mut task.0).await;
        }
    }
}
