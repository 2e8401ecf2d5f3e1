//! The calls that a host makes into a plugin, one variant for each export.
//!
//! The table below is the only place that names an export: its fields are the export's parameters
//! in the ABI's order, and behind the arrow stands how many results it has, so that what the model asks for and what the VM passes cannot drift apart.
//! Exports that merely make a module loadable (`memory`, `malloc`, `_initialize`) are not
//! callbacks; they belong to [`crate::vm`].

use crate::abi::AbiVersion;

/// A context of a VM: a root context (one plugin configuration) or a stream.
pub type ContextId = u32;

/// The most parameters an export has.
pub const PARAMETERS_MAX: usize = 5;

macro_rules! callbacks {
    ($($(#[$doc:meta])* $variant:ident = $name:literal ($($field:ident: $type:ty),*) -> $results:literal;)*) => {
        /// One call into a plugin, with its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the fields carry the ABI's own parameter names")]
        pub enum Callback {
            $($(#[$doc])* $variant { $($field: $type),* },)*
        }

        /// An export that a host calls, without arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Export {
            $($(#[$doc])* $variant,)*
        }

        impl Callback {
            /// The export that takes this call.
            #[must_use]
            pub fn kind(&self) -> Export {
                match self { $(Self::$variant { .. } => Export::$variant,)* }
            }

            /// The context that the call is for.
            #[must_use]
            pub fn context(&self) -> ContextId {
                match *self { $(Self::$variant { context, .. } => context,)* }
            }

            /// The arguments as the guest gets them; those beyond the export's parameters are 0.
            #[must_use]
            pub fn arguments(&self) -> [u32; PARAMETERS_MAX] {
                match *self {
                    $(Self::$variant { $($field),* } => {
                        let mut words = [0; PARAMETERS_MAX];
                        for (word, value) in words.iter_mut().zip([$(u32::from($field)),*]) {
                            *word = value;
                        }
                        words
                    })*
                }
            }
        }

        impl Export {
            /// Every export, in the order of [`Export::index`].
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in the module.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How many parameters the export has in the newest version of the ABI.
            fn newest_parameters(self) -> usize {
                match self { $(Self::$variant => [$(stringify!($field)),*].len(),)* }
            }

            /// Whether the export answers with a number.
            #[must_use]
            pub fn answers(self) -> bool {
                match self { $(Self::$variant => $results == 1,)* }
            }
        }
    };
}

callbacks! {
    /// A root context (`parent` 0) or a stream comes into being.
    ContextCreate = "proxy_on_context_create" (context: u32, parent: u32) -> 0;
    /// The VM's configuration of `size` bytes is readable; false refuses it.
    VmStart = "proxy_on_vm_start" (context: u32, size: u32) -> 1;
    /// The plugin's configuration is to be checked without being put into force.
    ValidateConfiguration = "proxy_validate_configuration" (context: u32, size: u32) -> 1;
    /// The plugin's configuration of `size` bytes is readable; false refuses it.
    Configure = "proxy_on_configure" (context: u32, size: u32) -> 1;
    /// The root context's timer.
    Tick = "proxy_on_tick" (context: u32) -> 0;
    /// A TCP connection was accepted.
    NewConnection = "proxy_on_new_connection" (context: u32) -> 1;
    /// Bytes from a TCP client.
    DownstreamData = "proxy_on_downstream_data" (context: u32, size: u32, end_of_stream: bool) -> 1;
    /// Bytes from a TCP server.
    UpstreamData = "proxy_on_upstream_data" (context: u32, size: u32, end_of_stream: bool) -> 1;
    /// The TCP client's side is closed.
    DownstreamConnectionClose = "proxy_on_downstream_connection_close" (context: u32, peer: u32) -> 0;
    /// The TCP server's side is closed.
    UpstreamConnectionClose = "proxy_on_upstream_connection_close" (context: u32, peer: u32) -> 0;
    /// Request headers; version 0.1.0 is not told of the end of the stream.
    RequestHeaders = "proxy_on_request_headers" (context: u32, count: u32, end_of_stream: bool) -> 1;
    /// A piece of the request's body.
    RequestBody = "proxy_on_request_body" (context: u32, size: u32, end_of_stream: bool) -> 1;
    /// Request trailers, which are the end of the request.
    RequestTrailers = "proxy_on_request_trailers" (context: u32, count: u32) -> 1;
    /// An HTTP/2 METADATA frame of the request; the answer is ignored.
    RequestMetadata = "proxy_on_request_metadata" (context: u32, count: u32) -> 1;
    /// Response headers; version 0.1.0 is not told of the end of the stream.
    ResponseHeaders = "proxy_on_response_headers" (context: u32, count: u32, end_of_stream: bool) -> 1;
    /// A piece of the response's body.
    ResponseBody = "proxy_on_response_body" (context: u32, size: u32, end_of_stream: bool) -> 1;
    /// Response trailers, which are the end of the response.
    ResponseTrailers = "proxy_on_response_trailers" (context: u32, count: u32) -> 1;
    /// An HTTP/2 METADATA frame of the response; the answer is ignored.
    ResponseMetadata = "proxy_on_response_metadata" (context: u32, count: u32) -> 1;
    /// The answer to an HTTP call, or its failure (`headers` 0).
    HttpCallResponse = "proxy_on_http_call_response"
        (context: u32, token: u32, headers: u32, body_size: u32, trailers: u32) -> 0;
    /// Initial metadata of a gRPC stream.
    GrpcReceiveInitialMetadata = "proxy_on_grpc_receive_initial_metadata"
        (context: u32, token: u32, headers: u32) -> 0;
    /// A gRPC message.
    GrpcReceive = "proxy_on_grpc_receive" (context: u32, token: u32, size: u32) -> 0;
    /// Trailing metadata of a gRPC stream.
    GrpcReceiveTrailingMetadata = "proxy_on_grpc_receive_trailing_metadata"
        (context: u32, token: u32, trailers: u32) -> 0;
    /// The end of a gRPC call or stream.
    GrpcClose = "proxy_on_grpc_close" (context: u32, token: u32, grpc_status: u32) -> 0;
    /// A shared queue that the VM registered has something in it.
    QueueReady = "proxy_on_queue_ready" (context: u32, token: u32) -> 0;
    /// A call from a host extension.
    ForeignFunction = "proxy_on_foreign_function" (context: u32, function: u32, size: u32) -> 0;
    /// The context is to end; false asks for time (root contexts only).
    Done = "proxy_on_done" (context: u32) -> 1;
    /// The stream is over and everything about it may be read.
    Log = "proxy_on_log" (context: u32) -> 0;
    /// The context is gone after this call.
    Delete = "proxy_on_delete" (context: u32) -> 0;
    /// Envoy's own: a name that `envoy_resolve_dns` asked for was resolved.
    ResolveDns = "envoy_on_resolve_dns" (context: u32, token: u32, size: u32) -> 0;
    /// Envoy's own: statistics, for a plugin that is a statistics sink.
    StatsUpdate = "envoy_on_stats_update" (context: u32, size: u32) -> 0;
}

impl Callback {
    /// The name of the export that takes this call.
    #[must_use]
    pub fn export(&self) -> &'static str {
        self.kind().name()
    }
}

impl Export {
    /// The place in [`Export::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// How many parameters the export has for a guest of this version.
    #[must_use]
    pub fn parameters(self, version: AbiVersion) -> usize {
        match (self, version) {
            (Self::RequestHeaders | Self::ResponseHeaders, AbiVersion::V0_1_0) => 2,
            _ => self.newest_parameters(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_in_the_order_of_the_abi() {
        let call = Callback::HttpCallResponse {
            context: 1,
            token: 2,
            headers: 3,
            body_size: 4,
            trailers: 5,
        };
        assert_eq!(call.arguments(), [1, 2, 3, 4, 5]);
        assert_eq!((call.context(), call.export()), (1, "proxy_on_http_call_response"));
        let body = Callback::RequestBody { context: 9, size: 16, end_of_stream: true };
        assert_eq!(body.arguments(), [9, 16, 1, 0, 0]);
    }

    #[test]
    fn the_oldest_version_is_not_told_that_headers_end_the_stream() {
        assert_eq!(Export::RequestHeaders.parameters(AbiVersion::V0_1_0), 2);
        assert_eq!(Export::RequestHeaders.parameters(AbiVersion::V0_2_0), 3);
        assert_eq!(Export::RequestBody.parameters(AbiVersion::V0_1_0), 3);
    }

    #[test]
    fn index_is_the_place_in_the_list_and_names_are_distinct() {
        for (place, export) in Export::ALL.iter().enumerate() {
            assert_eq!(export.index(), place);
            let same = Export::ALL.iter().filter(|other| other.name() == export.name());
            assert_eq!(same.count(), 1, "{}", export.name());
        }
    }

    #[test]
    fn only_decisions_answer() {
        assert!(Export::Done.answers() && Export::RequestHeaders.answers());
        assert!(!Export::Log.answers() && !Export::HttpCallResponse.answers());
    }
}
