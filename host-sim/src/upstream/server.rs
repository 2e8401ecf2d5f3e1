//! The scripted server on a socket: HTTP/1.1 and HTTP/2 with prior knowledge on one port.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Method, Request, Response, Version};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use super::{
    plan::{Event, TimedEvent},
    playback::{OpenStream, Playback, ScriptedReset},
    received::Received,
    script::Script,
};
use crate::{
    fields,
    protocol::{HTTP2_HEAD_MAX, speaks_http2},
};

/// A running server. Dropping it closes the port and every connection.
pub struct UpstreamServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    /// Told whenever a record changes.
    changed: Notify,
    open_streams: Arc<AtomicUsize>,
    connections: AtomicUsize,
    started: Instant,
}

impl Drop for UpstreamServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl UpstreamServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script).await
    }

    /// Starts a server on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_on(address: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            received: Mutex::default(),
            changed: Notify::new(),
            open_streams: Arc::default(),
            connections: AtomicUsize::new(0),
            started: Instant::now(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything received so far, in order of arrival.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Waits until the records satisfy a condition, and gives them; at most `limit`, then as they are.
    pub async fn received_when(
        &self,
        limit: Duration,
        satisfied: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                if satisfied(&lock(&self.shared.received)) {
                    return;
                }
                changed.await;
            }
        };
        // Running out of time is an answer too: the caller sees what is missing.
        let _elapsed = tokio::time::timeout(limit, waiting).await;
        self.received()
    }

    /// Gives the server a new script; requests that are being answered keep their old one.
    pub fn set_script(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// When it was started: times of its records count from then.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.open_streams.load(Ordering::SeqCst)
    }

    /// How many connections were accepted since the start.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

/// A panic of one request must not hide what the others sent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection(socket, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(socket: TcpStream, shared: Arc<Shared>) {
    let _ = socket.set_nodelay(true);
    let Ok(http2) = speaks_http2(&socket).await else { return };
    let kill = Arc::new(Notify::new());
    let service = service_fn(|request| {
        let (shared, kill) = (Arc::clone(&shared), Arc::clone(&kill));
        async move { answer(request, shared, kill).await }
    });
    let io = TokioIo::new(socket);
    // An error here is the client's or the script's doing, and both are in the records.
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.auto_date_header(false).enable_connect_protocol();
        builder.max_header_list_size(HTTP2_HEAD_MAX);
        tokio::select! {
            biased;
            _ = builder.serve_connection(io, service) => {}
            () = kill.notified() => {}
        }
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.auto_date_header(false);
        tokio::select! {
            biased;
            _ = builder.serve_connection(io, service).with_upgrades() => {}
            () = kill.notified() => {}
        }
    }
}

async fn answer(
    mut request: Request<Incoming>,
    shared: Arc<Shared>,
    kill: Arc<Notify>,
) -> Result<Response<Playback>, ScriptedReset> {
    shared.open_streams.fetch_add(1, Ordering::SeqCst);
    let open = OpenStream(Arc::clone(&shared.open_streams));
    let reply = lock(&shared.script).next_reply();
    let index = shared.record(&request);
    let tunnel = hyper::upgrade::on(&mut request);
    let is_connect = request.method() == Method::CONNECT;
    let upgrades = is_connect || fields::map_asks_upgrade(request.headers());
    if reply.waits_for_body() {
        shared.read_body(index, request.into_body()).await?;
    } else if !upgrades {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { shared.read_body(index, request.into_body()).await });
    }
    let plan = reply.plan(&shared.request(index));
    let mut events = VecDeque::from(plan.events);
    let Some(TimedEvent { after, event }) = events.pop_front() else {
        return std::future::pending().await;
    };
    tokio::time::sleep(after).await;
    match event {
        Event::Headers { status, fields: sent } => {
            if events.front().is_some_and(|next| next.event == Event::Echo) {
                tokio::spawn(echo(tunnel));
            }
            let mut response = Response::new(Playback::new(events, kill, open));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
            *response.headers_mut() =
                fields::to_http(sent.iter().map(|(name, value)| (name, value)));
            Ok(response)
        }
        Event::Close => {
            kill.notify_one();
            std::future::pending().await
        }
        _ => Err(ScriptedReset),
    }
}

/// Sends back what comes through a tunnel, until its sender ends it.
async fn echo(tunnel: hyper::upgrade::OnUpgrade) {
    let Ok(upgraded) = tunnel.await else { return };
    let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
    if tokio::io::copy(&mut from, &mut to).await.is_ok() {
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut to).await;
    }
}

impl Shared {
    /// Records a request's headers, and gives its number.
    fn record(&self, request: &Request<Incoming>) -> usize {
        let uri = request.uri();
        let mut received = lock(&self.received);
        let index = received.len();
        let host = request.headers().get("host").map(http::HeaderValue::as_bytes);
        let authority = uri.authority().map(|authority| authority.as_str().as_bytes()).or(host);
        received.push(Received {
            index,
            at: self.started.elapsed(),
            http2: request.version() == Version::HTTP_2,
            method: request.method().to_string(),
            path: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            authority: String::from_utf8_lossy(authority.unwrap_or_default()).into_owned(),
            headers: fields::from_http(request.headers()),
            ..Received::default()
        });
        drop(received);
        self.changed.notify_waiters();
        index
    }

    fn request(&self, index: usize) -> Received {
        lock(&self.received).get(index).cloned().unwrap_or_default()
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Received)) {
        if let Some(request) = lock(&self.received).get_mut(index) {
            change(request);
        }
        self.changed.notify_waiters();
    }

    /// Records a body while it arrives.
    async fn read_body(&self, index: usize, mut body: Incoming) -> Result<(), ScriptedReset> {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                self.update(index, |request| request.reset = true);
                return Err(ScriptedReset);
            };
            match frame.into_data() {
                Ok(bytes) => self.update(index, |request| request.body.extend_from_slice(&bytes)),
                Err(frame) => {
                    let trailers = frame
                        .into_trailers()
                        .map(|map| fields::from_http(&map))
                        .unwrap_or_default();
                    self.update(index, |request| request.trailers = trailers);
                }
            }
        }
        self.update(index, |request| request.ended = true);
        Ok(())
    }
}
