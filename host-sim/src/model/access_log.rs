//! Access-log lines, and every other text with command operators.
//!
//! The operators are those that mesh manifests use; another one prints `-` and is reported by name.

use super::{
    date,
    headers::HeaderMap,
    stream::{Stream, StreamInfo},
};
use crate::{
    bootstrap::{Format, Piece},
    host::Protocol,
};

/// What there is, for messages.
pub(crate) const OPERATORS: [&str; 24] = [
    "RESPONSE_CODE",
    "RESPONSE_FLAGS",
    "RESPONSE_CODE_DETAILS",
    "REQ",
    "RESP",
    "TRAILER",
    "FILTER_STATE",
    "PROTOCOL",
    "START_TIME",
    "BYTES_RECEIVED",
    "BYTES_SENT",
    "DURATION",
    "RESPONSE_DURATION",
    "RESPONSE_TX_DURATION",
    "UPSTREAM_HOST",
    "UPSTREAM_CLUSTER",
    "UPSTREAM_TRANSPORT_FAILURE_REASON",
    "DYNAMIC_METADATA",
    "TRACE_ID",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT",
    "ROUTE_NAME",
    "DOWNSTREAM_REMOTE_ADDRESS",
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
];

/// Renders a format for a stream; names of unknown operators are added to `unknown`.
pub(crate) fn render(format: &Format, stream: &Stream, unknown: &mut Vec<String>) -> String {
    let mut line = String::new();
    for piece in &format.pieces {
        match piece {
            Piece::Literal(text) => line.push_str(text),
            Piece::Operator { name, argument, length } => {
                let value = operator(name, argument.as_deref(), stream).unwrap_or_else(|| {
                    unknown.push(name.clone());
                    None
                });
                let mut value = value.unwrap_or_else(|| "-".to_owned());
                if let Some(length) = *length {
                    let end = (0..=length.min(value.len())).rev();
                    let end = end.into_iter().find(|end| value.is_char_boundary(*end));
                    value.truncate(end.unwrap_or(0));
                }
                line.push_str(&value);
            }
        }
    }
    line
}

/// The value of an operator; the outer none if there is no such operator.
fn operator(name: &str, argument: Option<&str>, stream: &Stream) -> Option<Option<String>> {
    let info = &stream.info;
    let request = stream.request.headers.as_ref();
    Some(match name {
        "RESPONSE_CODE" => Some(info.response_code.unwrap_or(0).to_string()),
        "RESPONSE_FLAGS" => Some(info.flags.to_string()),
        "RESPONSE_CODE_DETAILS" => info.details.clone(),
        "REQ" => header(request, argument?),
        "RESP" => header(stream.response.headers.as_ref(), argument?),
        "TRAILER" => header(stream.response.trailers.as_ref(), argument?),
        "FILTER_STATE" => filter_state(info, argument?),
        "PROTOCOL" => Some(
            match stream.protocol {
                Protocol::Http10 => "HTTP/1.0",
                Protocol::Http11 => "HTTP/1.1",
                Protocol::Http2 => "HTTP/2",
            }
            .to_owned(),
        ),
        "START_TIME" => Some(date::iso_date(info.start_wall)),
        "BYTES_RECEIVED" => Some(info.bytes_received.to_string()),
        "BYTES_SENT" => Some(info.bytes_sent.to_string()),
        "DURATION" => info.end.map(|end| millis(end - info.start)),
        "RESPONSE_DURATION" => {
            info.upstream.first_received.map(|first| millis(first.saturating_sub(info.start)))
        }
        "RESPONSE_TX_DURATION" => {
            let sent = info.end.filter(|_| stream.chain.remote_encode_complete);
            sent.zip(info.upstream.first_received)
                .map(|(end, first)| millis(end.saturating_sub(first)))
        }
        "UPSTREAM_HOST" => info.upstream.address.map(|address| address.to_string()),
        "UPSTREAM_CLUSTER" => info.cluster.clone(),
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => {
            info.upstream.failure.as_ref().map(|reason| reason.replace(' ', "_"))
        }
        // No filter of the model writes any.
        "DYNAMIC_METADATA" => None,
        // Nothing is traced.
        "TRACE_ID" => None,
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Some(info.upstream.attempts.to_string()),
        "ROUTE_NAME" => {
            info.route.as_ref().map(|route| route.name.clone()).filter(|name| !name.is_empty())
        }
        "DOWNSTREAM_REMOTE_ADDRESS" => info.remote.map(|address| address.to_string()),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => info.remote.map(|a| a.ip().to_string()),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => stream.peer.map(|address| address.to_string()),
        _ => return None,
    })
}

fn millis(nanos: u64) -> String {
    (nanos / 1_000_000).to_string()
}

/// `X?Y`: the first header, or the second where that one is missing.
fn header(map: Option<&HeaderMap>, argument: &str) -> Option<String> {
    let map = map?;
    argument.split('?').find_map(|name| {
        let value = map.get(name.to_ascii_lowercase().as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    })
}

/// `PLAIN` prints the text; without it Envoy prints a wrapped value.
fn filter_state(info: &StreamInfo, argument: &str) -> Option<String> {
    let (key, style) = argument.split_once(':').unwrap_or((argument, "TYPED"));
    let value = info.filter_state.get(key.as_bytes())?;
    if style == "PLAIN" {
        return Some(String::from_utf8_lossy(value).into_owned());
    }
    Some(format!(
        "{{\"@type\":\"type.googleapis.com/google.protobuf.BytesValue\",\"value\":\"{}\"}}",
        base64(value)
    ))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = 0_u32;
        for place in 0..3 {
            word = word << 8 | u32::from(group.get(place).copied().unwrap_or(0));
        }
        for place in 0..4_usize {
            let letter = LETTERS.get((word >> (18 - 6 * place)) as usize & 63);
            let filled = place <= group.len();
            text.push(letter.filter(|_| filled).map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: &str, stream: &Stream) -> (String, Vec<String>) {
        let mut unknown = Vec::new();
        let line = render(&Format::parse(format).unwrap(), stream, &mut unknown);
        (line, unknown)
    }

    #[test]
    fn headers_fall_back_and_are_cut_to_length() {
        let mut stream = Stream::default();
        stream.request.headers = Some([("x-b", "abcdef")].into_iter().collect());
        let (line, unknown) = line("%REQ(X-A?X-B):3% %REQ(x-c)%\n", &stream);
        assert_eq!((line.as_str(), unknown.len()), ("abc -\n", 0));
    }

    #[test]
    fn filter_state_is_plain_text_or_a_wrapped_value() {
        let mut stream = Stream::default();
        stream.info.filter_state.insert(b"wasm.n".to_vec(), b"1234".to_vec());
        let (plain, _) = line("%FILTER_STATE(wasm.n:PLAIN)%", &stream);
        let (typed, _) = line("%FILTER_STATE(wasm.n)%", &stream);
        assert_eq!(plain, "1234");
        assert!(typed.ends_with("\"value\":\"MTIzNA==\"}"), "{typed}");
    }

    #[test]
    fn unknown_operators_are_named() {
        let (text, unknown) = line("%RESPONSE_CODE% %NO_SUCH_THING%", &Stream::default());
        assert_eq!((text.as_str(), unknown), ("0 -", vec!["NO_SUCH_THING".to_owned()]));
    }
}
