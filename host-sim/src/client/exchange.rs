//! One request and what becomes of it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use super::{
    body::{Frame, Gate, TimedBody},
    connection::{Connection, Http},
    outcome::{Ending, Outcome, chain},
    raw::Raw,
    tunnel,
};
use crate::fields::{self, Fields};

/// How long an HTTP/2 body waits for a `100 Continue` that cannot be seen.
pub const CONTINUE_WAIT: Duration = Duration::from_millis(100);

/// An HTTP/1 response without a body is complete for the client while the proxy may still wait for the end
/// of what a server sent; a client that closes at once would cut that.
const LINGER: Duration = Duration::from_millis(20);

/// What a client does.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// The protocol.
    pub http: Http,
    /// `POST`, `GET`, `CONNECT`, ...
    pub method: String,
    /// Path and query; empty for a plain CONNECT.
    pub path: String,
    /// `host` or `:authority`.
    pub authority: String,
    /// Further fields. With `upgrade` among them, or for CONNECT, the frames go through the tunnel.
    pub headers: Fields,
    /// The body, or what is sent through a tunnel. No frame: the request ends with its headers.
    pub frames: Vec<Frame>,
    /// Announces the body's length; else HTTP/1.1 sends it chunked.
    pub content_length: bool,
    /// The end comes apart from the last frame.
    pub separate_end: bool,
    /// Fields behind the body. HTTP/1.1 sends them only with a chunked body.
    pub trailers: Fields,
    /// Asks for `100 Continue`, and holds the body until it is there.
    pub expect_continue: bool,
    /// Resets the request after this time.
    pub reset_after: Option<Duration>,
    /// Resets the request when this many bytes of the response's body are there.
    pub reset_after_bytes: Option<usize>,
    /// Waits no longer than this for the response's end.
    pub give_up_after: Duration,
    /// Sent in the place of what the fields above make; they still say how the answer is read.
    pub raw: Option<Raw>,
}

impl Default for ClientRequest {
    fn default() -> Self {
        Self {
            http: Http::V1_1,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            authority: "localhost".to_owned(),
            headers: Fields::new(),
            frames: Vec::new(),
            content_length: true,
            separate_end: false,
            trailers: Fields::new(),
            expect_continue: false,
            reset_after: None,
            reset_after_bytes: None,
            give_up_after: Duration::from_secs(10),
            raw: None,
        }
    }
}

impl ClientRequest {
    /// A POST of a JSON body in one piece.
    #[must_use]
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: vec![fields::field("content-type", "application/json")],
            frames: vec![Frame { at: Duration::ZERO, data: body.into() }],
            ..Self::default()
        }
    }

    /// The headers and the first of the body are there at the same time.
    fn begins_with_its_body(&self) -> bool {
        let at_once = self.frames.first().is_some_and(|first| first.at.is_zero());
        self.http == Http::V2 && at_once && !self.expect_continue && !self.is_tunnel()
    }

    fn is_tunnel(&self) -> bool {
        let pairs = self.headers.iter().map(|(name, value)| (&name[..], &value[..]));
        // Over HTTP/2 an upgrade is an extended CONNECT, and needs no `connection`.
        let upgrades = if self.http == Http::V2 {
            fields::value(&self.headers, "upgrade").is_some()
        } else {
            fields::ask_upgrade(pairs)
        };
        self.method == "CONNECT" || upgrades
    }
}

/// What interim responses do.
#[derive(Clone, Default)]
struct Interim {
    seen: Arc<Mutex<Vec<u16>>>,
    opened: Arc<Notify>,
}

/// Connects to `address` and makes the exchange. Whatever goes wrong is part of the outcome.
pub async fn exchange(address: SocketAddr, request: ClientRequest) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::new();
    let begins = request.begins_with_its_body();
    let opened = Connection::open(address, request.http, request.raw.as_ref(), begins).await;
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(detail) => {
            return Outcome {
                ending: Ending::NotConnected,
                detail,
                took: started.elapsed(),
                ..outcome
            };
        }
    };
    outcome.port = Some(connection.port());
    let interim = Interim::default();
    let reset_at = request.reset_after.map(|after| started + after);
    let give_up_at = started + request.give_up_after;
    let (abandon, abandoned) = oneshot::channel();
    let going = run(&mut connection, request, &interim, abandoned, started, &mut outcome);
    let stopped = tokio::select! {
        biased;
        () = going => None,
        () = tokio::time::sleep_until(reset_at.unwrap_or(give_up_at)), if reset_at.is_some() => {
            Some(Ending::ClientReset)
        }
        () = tokio::time::sleep_until(give_up_at) => Some(Ending::GaveUp),
    };
    outcome.took = started.elapsed();
    outcome.ending = stopped.unwrap_or(outcome.ending);
    outcome.interim = interim.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // What has ended by itself is no reason to reset anything.
    let kept = stopped.is_none().then_some(abandon);
    connection.close().await;
    drop(kept);
    outcome
}

async fn run(
    connection: &mut Connection<TimedBody>,
    request: ClientRequest,
    interim: &Interim,
    abandoned: oneshot::Receiver<()>,
    started: Instant,
    outcome: &mut Outcome,
) {
    let through = request.is_tunnel().then(|| request.frames.clone());
    let limit = request.reset_after_bytes;
    let http1 = request.http != Http::V2;
    let message = match message(request, interim, abandoned) {
        Ok(message) => message,
        Err(error) => {
            outcome.ending = Ending::NotConnected;
            outcome.detail = chain(&error);
            return;
        }
    };
    let mut response = match connection.send(message).await {
        Ok(response) => response,
        Err(error) => return outcome.broken(&error),
    };
    outcome.headers_after = Some(started.elapsed());
    outcome.status = Some(response.status().as_u16());
    outcome.headers = fields::from_http(response.headers());
    let accepted = response.status().as_u16() == 101 || response.status().is_success();
    match through {
        Some(frames) if accepted => match hyper::upgrade::on(&mut response).await {
            Ok(upgraded) => tunnel::through(upgraded, frames, started, outcome).await,
            Err(error) => outcome.broken(&error),
        },
        _ => {
            let bodiless = matches!(outcome.status, Some(204 | 304));
            read(response, limit, started, outcome).await;
            if http1 && bodiless {
                tokio::time::sleep(LINGER).await;
            }
        }
    }
}

async fn read(
    response: Response<Incoming>,
    limit: Option<usize>,
    started: Instant,
    outcome: &mut Outcome,
) {
    let mut arrived = BytesMut::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => {
                arrived.extend_from_slice(&data);
                outcome.arrivals.push((started.elapsed(), arrived.len()));
                // Kept up to date: the exchange may be given up at any time.
                outcome.body = arrived.clone().freeze();
            }
            Ok(Err(frame)) => {
                let trailers = frame.into_trailers().map(|map| fields::from_http(&map));
                outcome.trailers = trailers.unwrap_or_default();
            }
            Err(error) => {
                outcome.broken(&error);
                break;
            }
        }
        if limit.is_some_and(|limit| arrived.len() >= limit) {
            outcome.ending = Ending::ClientReset;
            break;
        }
    }
}

fn message(
    request: ClientRequest,
    interim: &Interim,
    abandoned: oneshot::Receiver<()>,
) -> Result<Request<TimedBody>, http::Error> {
    let version = match request.http {
        Http::V1_0 => Version::HTTP_10,
        Http::V1_1 => Version::HTTP_11,
        Http::V2 => Version::HTTP_2,
    };
    let tunnel = request.is_tunnel();
    let extended = request.http == Http::V2 && fields::value(&request.headers, "upgrade").is_some();
    let method = if extended { "CONNECT" } else { request.method.as_str() };
    let mut builder = Request::builder().method(method).version(version);
    builder = builder.uri(uri(&request, extended)?);
    let mut headers = fields::to_http(request.headers.iter().map(|(name, value)| (name, value)));
    if request.http != Http::V2 {
        headers.insert("host", request.authority.parse::<http::HeaderValue>()?);
    }
    if request.expect_continue {
        headers.insert("expect", http::HeaderValue::from_static("100-continue"));
    }
    if extended {
        let protocol =
            headers.remove("upgrade").and_then(|name| name.to_str().map(str::to_owned).ok());
        headers.remove("connection");
        if let Some(protocol) = protocol {
            builder = builder.extension(hyper::ext::Protocol::from_static(known(&protocol)));
        }
    }
    let frames = if tunnel { Vec::new() } else { request.frames };
    let length: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let announced = if frames.is_empty() {
        Some(0)
    } else {
        u64::try_from(length).ok().filter(|_| request.content_length && request.trailers.is_empty())
    };
    let has_body = !frames.is_empty();
    let trailers = fields::to_http(request.trailers.iter().map(|(name, value)| (name, value)));
    if !trailers.is_empty() && request.http == Http::V1_1 {
        // hyper sends only the trailers that were announced.
        let names: Vec<&str> = trailers.keys().map(http::HeaderName::as_str).collect();
        headers.insert("trailer", names.join(", ").parse()?);
    }
    let mut body = TimedBody::new(frames, announced)
        .with_trailers(trailers)
        .with_separate_end(request.separate_end && has_body)
        .until(abandoned);
    if request.expect_continue {
        let at_latest = (request.http == Http::V2).then_some(CONTINUE_WAIT);
        body = body.waiting_for(Gate { opened: Arc::clone(&interim.opened), at_latest });
    }
    let mut message = builder.body(body)?;
    *message.headers_mut() = headers;
    let interim = interim.clone();
    hyper::ext::on_informational(&mut message, move |response| {
        let status = response.status().as_u16();
        interim.seen.lock().unwrap_or_else(PoisonError::into_inner).push(status);
        if status == 100 {
            interim.opened.notify_one();
        }
    });
    Ok(message)
}

fn uri(request: &ClientRequest, extended: bool) -> Result<Uri, http::Error> {
    let uri = Uri::builder();
    let uri = match (request.http, request.method.as_str()) {
        (_, "CONNECT") if !extended => uri.authority(request.authority.as_str()),
        (Http::V2, _) => uri
            .scheme("http")
            .authority(request.authority.as_str())
            .path_and_query(request.path.as_str()),
        _ => uri.path_and_query(request.path.as_str()),
    };
    uri.build()
}

/// hyper takes protocols of extended CONNECT only as constants.
fn known(protocol: &str) -> &'static str {
    if protocol.eq_ignore_ascii_case("websocket") { "websocket" } else { "connect-udp" }
}
