//! Upgraded connections and CONNECT: bytes in both directions, between a socket and the engine.

use bytes::{Bytes, BytesMut};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf},
    sync::{mpsc, watch},
};

use super::{
    backlog::{Backlog, Held},
    downstream::{Events, Guard},
    input::{Input, Inputs, may_read},
};
use crate::model::effect::{AttemptId, StreamEvent, UpstreamEvent, UpstreamReset};

type Reading = ReadHalf<TokioIo<Upgraded>>;

/// The client's side of a tunnel.
pub(super) async fn downstream(
    upgrade: OnUpgrade,
    mut guard: Guard,
    mut events: Events,
    mut reading: watch::Receiver<bool>,
    backlog: Backlog,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
    let (inputs, stream) = (guard.inputs.clone(), guard.stream);
    let sending = async {
        while let Some((event, _held)) = events.recv().await {
            let StreamEvent::Data(data, end) = event else { break };
            if to.write_all(&data).await.is_err() || to.flush().await.is_err() {
                return false;
            }
            if end {
                break;
            }
        }
        let _ = to.shutdown().await;
        true
    };
    let receiving = async {
        loop {
            may_read(&mut reading).await;
            backlog.has_room().await;
            let Some(data) = next(&mut from).await else { return };
            if inputs.send(Input::RequestData { stream, data, end: false }).is_err() {
                return;
            }
        }
    };
    tokio::select! {
        ended = sending => guard.ended = ended,
        // The client has closed: dropping the guard says so.
        () = receiving => {}
    }
}

/// The server's side of a tunnel.
pub(super) async fn upstream(
    upgraded: Upgraded,
    attempt: AttemptId,
    inputs: &Inputs,
    mut events: mpsc::UnboundedReceiver<(UpstreamEvent, Held)>,
    mut reading: watch::Receiver<bool>,
    backlog: Backlog,
) {
    let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
    let sending = async {
        while let Some((event, _held)) = events.recv().await {
            let UpstreamEvent::Data(data, end) = event else { break };
            if to.write_all(&data).await.is_err() || to.flush().await.is_err() || end {
                break;
            }
        }
        // The server may still have something to say.
        let _ = to.shutdown().await;
        std::future::pending::<()>().await;
    };
    let receiving = async {
        loop {
            may_read(&mut reading).await;
            backlog.has_room().await;
            let Some(data) = next(&mut from).await else {
                return Input::ResponseData(attempt, Bytes::new(), true);
            };
            if inputs.send(Input::ResponseData(attempt, data, false)).is_err() {
                return Input::AttemptBroke(attempt, UpstreamReset::ConnectionTermination);
            }
        }
    };
    tokio::select! {
        () = sending => {}
        last = receiving => drop(inputs.send(last)),
    }
}

async fn next(from: &mut Reading) -> Option<Bytes> {
    let mut data = BytesMut::with_capacity(16 * 1024);
    match from.read_buf(&mut data).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(data.freeze()),
    }
}
