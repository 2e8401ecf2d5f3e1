//! The clients of a scenario, over sockets.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{self, ClientRequest, Ending, Outcome};
use crate::fields;
use crate::scenario::Scenario;
use crate::scenario::observation::{Ended, Exchange, Fields, MARK, Response};
use crate::scenario::step::{Act, Http, Raw, Repetition, Request, RequestStep, Step};

/// What the steps do besides sending requests, and where requests go.
pub trait Proxy {
    /// The address of a listener; the first one when no name is given.
    fn address(&self, listener: Option<&str>) -> Option<SocketAddr>;
    /// Does what the step at this place says that sends no request.
    fn act(&self, index: usize, step: &Step) -> impl Future<Output = Result<(), String>>;
}

/// Sends every request of the scenario at its time, and gives what came back.
///
/// # Errors
/// When a step names a listener that is not there, or cannot be done.
pub async fn play(scenario: &Scenario, proxy: &impl Proxy) -> Result<Vec<Exchange>, String> {
    let started = Instant::now();
    let mut exchanges = Vec::new();
    let mut background = JoinSet::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        tokio::time::sleep_until(started + step.at).await;
        let Act::Request(request) = &step.act else {
            proxy.act(index, step).await.map_err(|error| format!("step {}: {error}", index + 1))?;
            continue;
        };
        let listener = request.request.listener.as_deref();
        let address = proxy.address(listener).ok_or_else(|| {
            format!("step {}: found no listener `{}`", index + 1, listener.unwrap_or_default())
        })?;
        let first = scenario.exchange_number(index, 0);
        let going = send(index, first, request.as_ref().clone(), address, started);
        if request.background {
            background.spawn(going);
        } else {
            exchanges.extend(going.await);
        }
    }
    while let Some(done) = background.join_next().await {
        exchanges.extend(done.map_err(|error| error.to_string())?);
    }
    exchanges.sort_by_key(|exchange| (exchange.step, exchange.round));
    Ok(exchanges)
}

/// All requests of a step.
async fn send(
    step: usize,
    first: usize,
    request: RequestStep,
    address: SocketAddr,
    started: Instant,
) -> Vec<Exchange> {
    let mut done = Vec::new();
    match request.repetition {
        Repetition::InTurn(times) => {
            for round in 0..times {
                done.push(one(step, round, first, request.request.clone(), address, started).await);
            }
        }
        Repetition::AtOnce(times) => {
            let mut going = JoinSet::new();
            for round in 0..times {
                going.spawn(one(step, round, first, request.request.clone(), address, started));
            }
            done.extend(going.join_all().await);
        }
    }
    done
}

async fn one(
    step: usize,
    round: usize,
    first: usize,
    request: Request,
    address: SocketAddr,
    started: Instant,
) -> Exchange {
    let began = started.elapsed();
    let sent = request.body.clone().unwrap_or_default();
    let outcome = client::exchange(address, message(request, first + round)).await;
    let port = outcome.port;
    Exchange { step, round, began, sent, port, response: response(outcome), ..Exchange::default() }
}

fn message(request: Request, number: usize) -> ClientRequest {
    if let Some(raw) = &request.raw {
        return raw_message(&request, raw, number);
    }
    let frames = match &request.body {
        None => Vec::new(),
        Some(body) => {
            let frames = request.chunks.frames(body, !request.trailers.is_empty());
            frames
                .into_iter()
                .map(|frame| client::Frame { at: frame.at, data: frame.data })
                .collect()
        }
    };
    let mut headers: fields::Fields =
        request.headers.iter().map(|(name, value)| fields::field(name, value)).collect();
    headers.push(fields::field(MARK, &number.to_string()));
    ClientRequest {
        http: match request.http {
            Http::V1_0 => client::Http::V1_0,
            Http::V1_1 => client::Http::V1_1,
            Http::V2 => client::Http::V2,
        },
        method: request.method,
        path: request.path,
        authority: request.authority,
        headers,
        frames,
        content_length: request.content_length,
        separate_end: request.chunks.separate_end,
        trailers: request.trailers.iter().map(|(name, value)| fields::field(name, value)).collect(),
        expect_continue: request.expect_continue,
        reset_after: request.reset_after,
        reset_after_bytes: None,
        give_up_after: request.give_up_after,
        raw: None,
    }
}

/// A request that stands for the raw one until it is on the wire.
fn raw_message(request: &Request, raw: &Raw, number: usize) -> ClientRequest {
    let method = if request.method == "HEAD" { "HEAD" } else { "GET" };
    let plain = Request {
        http: request.http,
        give_up_after: request.give_up_after,
        body: request.body.clone().filter(|_| request.http == Http::V2),
        ..Request::new(method, "/")
    };
    let bytes = if request.http == Http::V2 {
        client::Raw::Http2(raw.fields(number))
    } else {
        let body = request.body.clone().unwrap_or_default();
        client::Raw::Http1([&raw.head(number), &b"\r\n\r\n"[..], &body].concat().into())
    };
    ClientRequest { raw: Some(bytes), ..message(plain, number) }
}

fn response(outcome: Outcome) -> Response {
    Response {
        status: outcome.status,
        interim: outcome.interim,
        headers: observed(&outcome.headers),
        body: outcome.body,
        trailers: observed(&outcome.trailers),
        ended: match outcome.ending {
            Ending::Complete => Ended::Complete,
            Ending::Reset | Ending::Truncated | Ending::NotConnected => Ended::Reset,
            Ending::ClientReset => Ended::ClientReset,
            Ending::GaveUp => Ended::Hung,
        },
        headers_after: outcome.headers_after,
        took: outcome.took,
    }
}

fn observed(fields: &fields::Fields) -> Fields {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    Fields(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
}
