//! Through an upgrade or CONNECT.

use bytes::BytesMut;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};

use super::{body::Frame, outcome::Outcome};

/// Sends the frames and reads what comes back into the outcome's body.
///
/// It is over when as many bytes came back as were sent, or the other side closed. Closing the own half
/// first would be the natural sign, but HTTP/1.1 proxies take that for the end of the connection.
pub(super) async fn through(
    tunnel: Upgraded,
    frames: Vec<Frame>,
    started: Instant,
    outcome: &mut Outcome,
) {
    let opened = Instant::now();
    let (mut from, mut to) = tokio::io::split(TokioIo::new(tunnel));
    let expected: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let sending = async {
        for frame in frames {
            tokio::time::sleep_until(opened + frame.at).await;
            to.write_all(&frame.data).await?;
            to.flush().await?;
        }
        Ok(())
    };
    let reading = async {
        let mut body = BytesMut::new();
        while body.len() < expected {
            match from.read_buf(&mut body).await {
                Ok(0) => break,
                Ok(_) => outcome.arrivals.push((started.elapsed(), body.len())),
                Err(error) => {
                    outcome.broken(&error);
                    break;
                }
            }
        }
        outcome.body = body.freeze();
    };
    let (sent, ()) = tokio::join!(sending, reading);
    if let Err::<(), std::io::Error>(error) = sent {
        outcome.broken(&error);
    }
}
