//! Protocol options of HTTP/1 and HTTP/2.

use super::message::Message;
use crate::yaml::{Error, Reader};

/// `Http1ProtocolOptions`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http1Options {
    /// Requests in HTTP/1.0 are served; without it they get 426.
    pub accept_http_10: bool,
    /// The host of an HTTP/1.0 request that names none.
    pub default_host_for_http_10: Option<String>,
    /// Trailers of chunked messages are passed on; without it they are dropped.
    pub enable_trailers: bool,
}

/// `Http2ProtocolOptions`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http2Options {
    /// Extended CONNECT is offered.
    pub allow_connect: bool,
}

pub(super) fn read_http1(reader: &Reader<'_>) -> Result<Http1Options, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.Http1ProtocolOptions")?;
    let options = Http1Options {
        accept_http_10: message.or("accept_http_10", false, Reader::boolean)?,
        default_host_for_http_10: message
            .maybe("default_host_for_http_10", |reader| Ok(reader.string()?.to_owned()))?,
        enable_trailers: message.or("enable_trailers", false, Reader::boolean)?,
    };
    message.finish()?;
    Ok(options)
}

pub(super) fn read_http2(reader: &Reader<'_>) -> Result<Http2Options, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.Http2ProtocolOptions")?;
    let options =
        Http2Options { allow_connect: message.or("allow_connect", false, Reader::boolean)? };
    message.finish()?;
    Ok(options)
}
