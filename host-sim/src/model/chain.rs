//! The state of one stream's filter chain: what each filter holds back, and what is buffered meanwhile.
//!
//! The rules that move this state are in [`crate::model::filter_manager`].

use std::sync::Arc;

use super::{
    buffer::Buffer,
    call::LocalReply,
    credential::Credential,
    vm::{Side, VmId},
};
use crate::abi::ContextId;

/// How far a filter lets a message pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    /// Everything passes.
    #[default]
    Continue,
    /// This callback's message stops here; later ones still reach this filter.
    StopSingle,
    /// Nothing more reaches this filter; over the limit is an error.
    StopAllBuffer,
    /// Nothing more reaches this filter; over the limit stops reading.
    StopAllWatermark,
}

impl Iteration {
    pub(crate) fn stopped_all(self) -> bool {
        matches!(self, Self::StopAllBuffer | Self::StopAllWatermark)
    }
}

/// A filter's state on one side.
#[derive(Debug, Default)]
pub(crate) struct Leg {
    pub(crate) iteration: Iteration,
    /// The headers went on to the next filter.
    pub(crate) headers_continued: bool,
    /// Resuming starts with this filter, because it has not seen what was held.
    pub(crate) iterate_from_current: bool,
    /// This filter has seen the end of the message.
    pub(crate) end_stream: bool,
    /// The piece that this filter was given was added to what is held before it was asked.
    pub(crate) added: bool,
}

/// A filter in the chain of one stream.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) kind: Kind,
    pub(crate) decode: Leg,
    pub(crate) encode: Leg,
}

impl Filter {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, decode: Leg::default(), encode: Leg::default() }
    }

    pub(crate) fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Decode => &mut self.decode,
            Side::Encode => &mut self.encode,
        }
    }
}

/// What a filter is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A wasm plugin.
    Plugin(PluginFilter),
    /// The router; it has no encode side.
    Router,
    /// Puts a credential on, and is otherwise not there.
    Credential(Arc<Credential>),
    /// What stands at the end of an attempt's filters, and speaks to the server.
    Codec,
}

/// A wasm plugin in the chain of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PluginFilter {
    /// Its place among the configured plugins.
    pub(crate) plugin: usize,
    /// None where the VM was already dead when the stream began.
    pub(crate) vm: Option<VmId>,
    pub(crate) context: ContextId,
    /// The guest was told of the context.
    pub(crate) created: bool,
    /// The stream was failed because the VM is dead.
    pub(crate) failed: bool,
    /// The 503 of a dead VM was sent.
    pub(crate) failure_reply_sent: bool,
}

/// A body held by the filter manager, with a high and a low watermark.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) buffer: Buffer,
    /// Over the high watermark, and not yet below the low one again.
    pub(crate) above: bool,
}

/// Which callbacks of the chain are on the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) decode_headers: bool,
    pub(crate) decode_data: bool,
    pub(crate) decode_trailers: bool,
    pub(crate) encode_headers: bool,
    pub(crate) encode_data: bool,
    pub(crate) encode_trailers: bool,
    pub(crate) end_of_stream: bool,
}

impl Calls {
    pub(crate) fn decoding(self) -> bool {
        self.decode_headers || self.decode_data || self.decode_trailers
    }

    pub(crate) fn encoding(self) -> bool {
        self.encode_headers || self.encode_data || self.encode_trailers
    }
}

/// One stream's filters and what the filter manager keeps beside them.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The headers of a local reply pass the chain.
    pub(crate) replying: bool,
    pub(crate) filters: Vec<Filter>,
    pub(crate) created: bool,
    pub(crate) limit: usize,
    pub(crate) held_request: Option<Held>,
    pub(crate) held_response: Option<Held>,
    /// Going over the limit stops reading; otherwise it is an error.
    pub(crate) decoder_streaming: bool,
    pub(crate) encoder_streaming: bool,
    pub(crate) calls: Calls,
    /// A local reply was sent while a callback ran: the iteration stops there.
    pub(crate) decoder_aborted: bool,
    pub(crate) encoder_aborted: bool,
    /// The request has arrived completely.
    pub(crate) remote_decode_complete: bool,
    /// The response is complete as far as its source is concerned.
    pub(crate) local_complete: bool,
    /// The response has left completely.
    pub(crate) remote_encode_complete: bool,
    /// Response headers have left.
    pub(crate) response_headers_encoded: bool,
    pub(crate) saw_downstream_reset: bool,
    pub(crate) destroyed: bool,
    pub(crate) is_head: bool,
    pub(crate) is_grpc: bool,
    pub(crate) prepared_reply: Option<PreparedReply>,
}

/// A local reply that waits until the filter callback has returned.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreparedReply {
    pub(crate) reply: LocalReply,
}

impl Chain {
    /// A filter by its place; places come from the chain itself.
    pub(crate) fn filter(&mut self, place: usize) -> &mut Filter {
        #[expect(clippy::indexing_slicing, reason = "places come from iterating over this chain")]
        &mut self.filters[place]
    }

    pub(crate) fn plugin(&self, place: usize) -> Option<&PluginFilter> {
        match self.filters.get(place).map(|filter| &filter.kind) {
            Some(Kind::Plugin(plugin)) => Some(plugin),
            _ => None,
        }
    }

    pub(crate) fn plugin_mut(&mut self, place: usize) -> Option<&mut PluginFilter> {
        match self.filters.get_mut(place).map(|filter| &mut filter.kind) {
            Some(Kind::Plugin(plugin)) => Some(plugin),
            _ => None,
        }
    }

    pub(crate) fn held(&mut self, side: Side) -> &mut Option<Held> {
        match side {
            Side::Decode => &mut self.held_request,
            Side::Encode => &mut self.held_response,
        }
    }

    pub(crate) fn streaming(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Decode => &mut self.decoder_streaming,
            Side::Encode => &mut self.encoder_streaming,
        }
    }

    /// The message of this side has come in completely.
    pub(crate) fn complete(&self, side: Side) -> bool {
        match side {
            Side::Decode => self.remote_decode_complete,
            Side::Encode => self.local_complete,
        }
    }

    /// The next filter in the order of this side.
    pub(crate) fn next(&self, side: Side, place: usize) -> Option<usize> {
        match side {
            Side::Decode => Some(place + 1).filter(|next| *next < self.filters.len()),
            Side::Encode => self.encoder_before(place),
        }
    }

    /// The first filter in the order of this side.
    pub(crate) fn first(&self, side: Side) -> Option<usize> {
        match side {
            Side::Decode => Some(0).filter(|_| !self.filters.is_empty()),
            Side::Encode => self.encoder_before(self.filters.len()),
        }
    }

    /// Responses pass the chain backwards, and the router has no encode side.
    fn encoder_before(&self, place: usize) -> Option<usize> {
        (0..place).rev().find(|earlier| self.plugin(*earlier).is_some())
    }
}
