//! What a client sends and no message is: how Envoy names it, and what it does about it.
//!
//! HTTP/1 answers by itself and closes the connection, with what filters there are; HTTP/2 says nothing, and
//! plugins that have not seen the stream never do.

use crate::{
    host::Protocol,
    model::{call::LocalReply, effect::StreamId, engine::Engine, flag::Flags},
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// HTTP/1 that cannot be read.
    Codec,
    /// A control character in a value or a path.
    Characters,
    /// A target that is neither a path nor a whole URL, nor what its method wants.
    Url,
    /// A whole URL of another scheme than HTTP's.
    Scheme,
    /// A host that can be none.
    Authority,
    /// A length, and chunks.
    LengthAndChunks,
    /// Another encoding than chunks.
    TransferEncoding,
    /// `connection` names what must not be removed, or too much.
    Connection,
    /// HTTP/1.0 or older, or no version of HTTP/1.
    Version,
    /// More bytes of headers than allowed.
    TooLarge,
    /// More headers than allowed.
    TooMany,
    /// A field that HTTP/2 does not allow.
    Field,
    /// Fields of HTTP/2 that do not make a request together.
    Rule,
    /// An HTTP/2 body that is not as long as it says.
    Length,
}

impl Malformed {
    fn details(self, http2: bool) -> &'static str {
        match self {
            Self::Codec => "http1.codec_error",
            Self::Characters => "http1.invalid_characters",
            Self::Url => "http1.invalid_url",
            Self::Scheme => "http1.invalid_scheme",
            Self::Authority => "http.invalid_authority",
            Self::LengthAndChunks => "http1.content_length_and_chunked_not_allowed",
            Self::TransferEncoding => "http1.invalid_transfer_encoding",
            Self::Connection => "http1.connection_header_rejected",
            Self::Version => "low_version",
            Self::TooLarge if http2 => "http2.header_list_size_too_large",
            Self::TooLarge => "http1.headers_too_large",
            Self::TooMany if http2 => "http2.too_many_headers",
            Self::TooMany => "http1.too_many_headers",
            Self::Field => "http2.invalid.header.field",
            Self::Rule => "http2.violation.of.messaging.rule",
            Self::Length => "http2.remote_reset",
        }
    }

    const fn answer(self) -> (u32, &'static str) {
        match self {
            Self::TooLarge | Self::TooMany => (431, "Request Header Fields Too Large"),
            Self::TransferEncoding => (501, "Not Implemented"),
            Self::Version => (426, "Upgrade Required"),
            _ => (400, "Bad Request"),
        }
    }
}

impl Engine {
    /// The client's bytes are no message, or no longer one.
    pub(crate) fn refuse_message(&mut self, id: StreamId, malformed: Malformed) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            return;
        }
        let http2 = stream.protocol == Protocol::Http2;
        let details = malformed.details(http2);
        let too_much = matches!(malformed, Malformed::TooLarge | Malformed::TooMany);
        stream.info.flags.insert(match http2 && too_much {
            true => Flags::DOWNSTREAM_REMOTE_RESET,
            false => Flags::DOWNSTREAM_PROTOCOL_ERROR,
        });
        if http2 {
            stream.info.details = Some(details.to_owned());
            return self.end_stream(id);
        }
        // What cannot be read is of no older protocol.
        stream.protocol = Protocol::Http11;
        stream.connection.closing = true;
        let (status, text) = malformed.answer();
        self.send_local_reply(id, LocalReply::text(status, text, details));
    }
}
