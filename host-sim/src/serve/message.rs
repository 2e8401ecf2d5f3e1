//! Between hyper's messages and the model's header maps.
//!
//! Framing is hyper's business on the sockets and the model's inside, so the fields that carry it are
//! taken off on the way out.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, request, response,
};

use crate::model::HeaderMap;

/// A client's request as the model takes it.
pub(super) fn from_request(head: &request::Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(":method", head.method.as_str().to_owned());
    if let Some(authority) = head.uri.authority() {
        headers.append(":authority", authority.as_str().to_owned());
    }
    // A plain CONNECT has no path; an extended one does.
    let protocol = head.extensions.get::<hyper::ext::Protocol>();
    if head.method != Method::CONNECT || protocol.is_some() {
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        headers.append(":path", path.to_owned());
    }
    if let Some(scheme) = head.uri.scheme_str() {
        headers.append(":scheme", scheme.to_owned());
    }
    if let Some(protocol) = protocol {
        headers.append(":protocol", protocol.as_str().to_owned());
    }
    append_fields(&mut headers, &head.headers);
    headers
}

/// A server's response as the model takes it.
pub(super) fn from_response(head: &response::Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(":status", head.status.as_str().to_owned());
    append_fields(&mut headers, &head.headers);
    headers
}

/// Trailers as the model takes them.
pub(super) fn from_trailers(fields: &http::HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    append_fields(&mut headers, fields);
    headers
}

fn append_fields(headers: &mut HeaderMap, fields: &http::HeaderMap) {
    for (name, value) in fields {
        let name = Bytes::copy_from_slice(name.as_str().as_bytes());
        headers.append(name, Bytes::copy_from_slice(value.as_bytes()));
    }
}

/// A response for a client. Headers without a usable status are answered with 502.
pub(super) fn to_response<B>(headers: &HeaderMap, body: B) -> Response<B> {
    let status = headers.text(":status").and_then(|status| status.parse::<u16>().ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields(headers, status == StatusCode::SWITCHING_PROTOCOLS);
    response
}

/// A request for a server, over a connection of this kind.
pub(super) fn to_request<B>(
    headers: &HeaderMap,
    http2: bool,
    body: B,
) -> Result<Request<B>, http::Error> {
    let method = headers.text(":method").unwrap_or("GET");
    let authority = headers.text(":authority").unwrap_or_default();
    let path = headers.text(":path").unwrap_or("/");
    let uri = Uri::builder();
    let uri = match (method, http2) {
        ("CONNECT", _) => uri.authority(authority),
        (_, true) => uri.scheme("http").authority(authority).path_and_query(path),
        (_, false) => uri.path_and_query(path),
    };
    let mut request = Request::builder().method(method).uri(uri.build()?).body(body)?;
    *request.headers_mut() = fields(headers, headers.contains(b"upgrade"));
    if !http2 {
        request.headers_mut().insert("host", HeaderValue::from_str(authority)?);
    }
    Ok(request)
}

/// Trailers for a socket.
pub(super) fn to_trailers(headers: &HeaderMap) -> http::HeaderMap {
    fields(headers, false)
}

/// The fields without pseudo headers and framing. An upgrade keeps `connection`, which it consists of.
fn fields(headers: &HeaderMap, upgrades: bool) -> http::HeaderMap {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers.iter() {
        let framing = matches!(name.as_ref(), b"transfer-encoding" | b"keep-alive" | b"host")
            || (name.as_ref() == b"connection" && !upgrades);
        if name.starts_with(b":") || framing {
            continue;
        }
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value.clone())) {
            map.append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (*name, *value)).collect()
    }

    #[test]
    fn framing_stays_on_its_side_of_the_model() {
        let headers = model(&[
            (":method", "POST"),
            (":path", "/v1/x?y=1"),
            (":authority", "llm.example.com"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("x-a", "1"),
        ]);
        let request = to_request(&headers, false, ()).expect("a request");
        assert_eq!(request.uri(), "/v1/x?y=1");
        let names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-a", "host"]);
        let request = to_request(&headers, true, ()).expect("a request");
        assert_eq!(request.uri(), "http://llm.example.com/v1/x?y=1");
    }

    #[test]
    fn a_request_comes_back_as_it_went_out() {
        let request = Request::post("http://h:1/p").header("x-a", "1").header("x-a", "2").body(());
        let (head, ()) = request.expect("a request").into_parts();
        let expected = model(&[
            (":method", "POST"),
            (":authority", "h:1"),
            (":path", "/p"),
            (":scheme", "http"),
            ("x-a", "1"),
            ("x-a", "2"),
        ]);
        assert_eq!(from_request(&head), expected);
    }

    #[test]
    fn a_response_without_a_status_is_a_bad_gateway() {
        assert_eq!(to_response(&model(&[("x", "y")]), ()).status(), StatusCode::BAD_GATEWAY);
        assert_eq!(to_response(&model(&[(":status", "404")]), ()).status(), StatusCode::NOT_FOUND);
    }
}
