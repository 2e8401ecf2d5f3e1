//! A server that streams, and a client that reads, for measuring what is between them.
//!
//! Blocking sockets, one thread for each connection. A paced stream leaves event by event, each of which
//! the proxy has to read by itself; a coalesced one in pieces of 64 KiB, as after a stall of the network; one
//! that is open begins and never ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Events in large pieces.
    Coalesced,
    /// Events one by one.
    Paced,
    /// One JSON object of about 16 KB.
    Json,
    /// The first event, the usage and the end, in one piece.
    Brief,
    /// The first events, and then silence.
    Open,
}

impl Answer {
    /// Those with a length that matters.
    pub const ALL: [Self; 3] = [Self::Coalesced, Self::Paced, Self::Json];

    /// How it is asked for.
    fn query(self) -> &'static str {
        match self {
            Self::Coalesced => "coalesced",
            Self::Paced => "paced",
            Self::Json => "json",
            Self::Brief => "brief",
            Self::Open => "open",
        }
    }
}

/// Events of a stream, the last two of them the usage and `[DONE]`.
pub const EVENTS: usize = 502;

/// Bytes of a stream that never ends.
const BEGINNING: usize = 4000;

/// Between two events of a paced stream.
const PACE: Duration = Duration::from_micros(30);

/// Starts the server, which lives as long as the process.
///
/// # Errors
/// When there is no free port.
pub fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // Thousands of streams may be open.
            let small = thread::Builder::new().stack_size(128 << 10);
            let _ = small.spawn(move || serve_connection(connection));
        }
    });
    Ok(address)
}

fn serve_connection(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let events = events();
    let coalesced: Vec<u8> = events.concat();
    let json = json();
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(piece.get(..read).unwrap_or_default());
        // The body is one short object, into which the proxy may have put something.
        if !request.ends_with(b"}") {
            continue;
        }
        let head = String::from_utf8_lossy(&request).into_owned();
        request.clear();
        let asked = |answer: Answer| head.contains(&format!("?{} ", answer.query()));
        if asked(Answer::Json) {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                json.len()
            );
            connection.write_all(head.as_bytes())?;
            connection.write_all(&json)?;
            continue;
        }
        connection.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        )?;
        if asked(Answer::Open) {
            connection.write_all(&chunk(coalesced.get(..BEGINNING).unwrap_or_default()))?;
            continue;
        }
        if asked(Answer::Brief) {
            let [first, .., usage, done] = events.as_slice() else { return Ok(()) };
            connection.write_all(&chunk(&[first.as_slice(), usage, done].concat()))?;
        } else if asked(Answer::Paced) {
            for event in &events {
                connection.write_all(&chunk(event))?;
                let next = Instant::now() + PACE;
                while Instant::now() < next {
                    std::hint::spin_loop();
                }
            }
        } else {
            for piece in coalesced.chunks(64 << 10) {
                connection.write_all(&chunk(piece))?;
            }
        }
        connection.write_all(b"0\r\n\r\n")?;
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// A stream as OpenAI's servers send it.
fn events() -> Vec<Vec<u8>> {
    let words =
        ["The", " sky", " is", " blue", " because", " of", " scattering", ",", "\\n", " 42"];
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-9a8b7c6d5e4f\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"llama-70b\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":{choices}{usage}}}\n\n"
        )
        .into_bytes()
    };
    let delta = |word: &&str| {
        chunk(
            &format!(
                "[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}]"
            ),
            "",
        )
    };
    let mut events: Vec<_> = words.iter().cycle().take(EVENTS - 2).map(delta).collect();
    events.push(chunk(
        "[]",
        ",\"usage\":{\"prompt_tokens\":42,\"completion_tokens\":500,\"total_tokens\":542}",
    ));
    events.push(b"data: [DONE]\n\n".to_vec());
    events
}

fn json() -> Vec<u8> {
    let text = "The sky is blue because of \\\"scattering\\\".\\n".repeat(380);
    format!(
        "{{\"id\":\"chatcmpl-9a8b7c6d5e4f\",\"object\":\"chat.completion\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":42,\"completion_tokens\":3500,\"total_tokens\":3542}}}}"
    )
    .into_bytes()
}

fn request(answer: Answer) -> String {
    format!(
        "POST /v1/chat/completions?{} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}",
        answer.query()
    )
}

/// A client with one kept connection.
pub struct Reader {
    connection: TcpStream,
}

impl Reader {
    /// Connects.
    ///
    /// # Errors
    /// When the proxy does not accept.
    pub fn open(proxy: SocketAddr) -> io::Result<Self> {
        let connection = TcpStream::connect(proxy)?;
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { connection })
    }

    /// Asks for a stream that never ends, and reads its beginning.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn begin(&mut self) -> io::Result<()> {
        self.connection.write_all(request(Answer::Open).as_bytes())?;
        let mut left = BEGINNING;
        let mut piece = [0; 4096];
        while left > 0 {
            left = match self.connection.read(&mut piece)? {
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed")),
                read => left.saturating_sub(read),
            };
        }
        Ok(())
    }

    /// Asks so many times, and reads each answer to its end.
    ///
    /// # Errors
    /// When the connection breaks, or an answer is not a 200.
    pub fn read(&mut self, answer: Answer, times: usize) -> io::Result<()> {
        let request = request(answer);
        let end: &[u8] = if answer == Answer::Json { b"}}" } else { b"\r\n0\r\n\r\n" };
        let mut tail = Vec::new();
        let mut piece = vec![0; 64 << 10];
        for _ in 0..times {
            self.connection.write_all(request.as_bytes())?;
            tail.clear();
            while !tail.ends_with(end) {
                let read = self.connection.read(&mut piece)?;
                if read == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed"));
                }
                if tail.is_empty() && !piece.starts_with(b"HTTP/1.1 200") {
                    return Err(io::Error::other("not a 200"));
                }
                let keep = tail.len().saturating_sub(16);
                tail.drain(..keep);
                tail.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
        }
        Ok(())
    }
}
