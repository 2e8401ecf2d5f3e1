//! A load that is the same for every proxy: one thread, a few kept connections, one request at a
//! time on each.
//!
//! Written on blocking sockets and not with a load tool, because what is measured is the proxy's
//! processor time per request, for a known number of requests; how many a second there are does
//! not matter, and a generator that takes the second core for itself would only add noise.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Kept connections to one proxy.
pub struct Load {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
}

impl Load {
    /// Opens connections over which this body will be posted to the chat API.
    ///
    /// # Errors
    /// When the proxy does not accept them.
    pub fn open(proxy: SocketAddr, connections: usize, body: &[u8]) -> io::Result<Self> {
        let mut request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let open = || {
            let stream = TcpStream::connect(proxy)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            Ok(stream)
        };
        let connections = (0..connections).map(|_| open()).collect::<io::Result<_>>()?;
        Ok(Self { connections, request })
    }

    /// Sends so many requests, round by round over the connections, and reads each answer.
    ///
    /// # Errors
    /// When a connection breaks, or an answer is not a 200.
    pub fn send(&mut self, requests: usize) -> io::Result<()> {
        let mut sent = 0;
        while sent < requests {
            for connection in &mut self.connections {
                connection.write_all(&self.request)?;
            }
            for connection in &mut self.connections {
                read_answer(connection)?;
                sent += 1;
            }
        }
        Ok(())
    }
}

/// Reads one answer with a content-length.
fn read_answer(connection: &mut TcpStream) -> io::Result<()> {
    let mut answer = Vec::with_capacity(1024);
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed"));
        }
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).into_owned();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(head));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if answer.len() >= end + 4 + length {
            return Ok(());
        }
    }
}
