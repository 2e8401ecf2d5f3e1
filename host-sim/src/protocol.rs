//! Which HTTP a new connection speaks.
//!
//! HTTP/2 with prior knowledge begins with `PRI * HTTP/2.0`, and no method begins with `PRI`, so three
//! bytes decide. They are looked at without being taken, which leaves the connection as it was.

use std::{io, time::Duration};

use tokio::net::TcpStream;

/// The longest head that scripted servers and clients read from HTTP/2. Envoy's own limit is 60 KiB before
/// plugins add theirs; with the library's default of 16 KiB it would answer in a server's place.
pub(crate) const HTTP2_HEAD_MAX: u32 = 1024 * 1024;

const PREFACE: &[u8; 3] = b"PRI";

/// True when the client opened with the HTTP/2 preface.
///
/// # Errors
/// When the connection fails or closes before it has said anything.
pub(crate) async fn speaks_http2(socket: &TcpStream) -> io::Result<bool> {
    let mut seen = [0_u8; PREFACE.len()];
    loop {
        let length = socket.peek(&mut seen).await?;
        let arrived = seen.get(..length).unwrap_or_default();
        if arrived.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(arrived) {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // `P` alone is a beginning of both. Looking again at once would find the same byte.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
