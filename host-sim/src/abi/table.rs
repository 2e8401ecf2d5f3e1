//! Every hostcall, with the versions that have it and what the simulator makes of it.
//!
//! Data only: `host-sim abi` prints it, an unknown import is explained from it, and a test holds
//! that it lists exactly what is linked.

use std::fmt;

use crate::abi::AbiVersion::{self, V0_1_0, V0_2_0, V0_2_1};

/// One function that a host offers to guests in the module `env`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hostcall {
    /// The import's name.
    pub name: &'static str,
    /// The chapter of the specification, which is also the file that links it.
    pub chapter: &'static str,
    /// The first version that has it.
    pub since: AbiVersion,
    /// The last version that has it.
    pub until: AbiVersion,
    /// What the simulator makes of it.
    pub support: Support,
}

/// What the simulator makes of a hostcall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// As Envoy does it.
    Modelled,
    /// The run fails with a named error when a guest calls it.
    Refused {
        /// Why, for the user.
        reason: &'static str,
    },
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Modelled => f.write_str("modelled"),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
        }
    }
}

impl Hostcall {
    /// The hostcall with this name, in any version.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        HOSTCALLS.iter().find(|hostcall| hostcall.name == name)
    }

    /// Whether guests of this version may import it.
    #[must_use]
    pub fn is_in(&self, version: AbiVersion) -> bool {
        (self.since..=self.until).contains(&version)
    }

    const fn all(chapter: &'static str, name: &'static str) -> Self {
        Self { name, chapter, since: V0_1_0, until: V0_2_1, support: Support::Modelled }
    }

    const fn only_first(chapter: &'static str, name: &'static str) -> Self {
        Self { until: V0_1_0, ..Self::all(chapter, name) }
    }

    const fn since(version: AbiVersion, chapter: &'static str, name: &'static str) -> Self {
        Self { since: version, ..Self::all(chapter, name) }
    }

    const fn refused(chapter: &'static str, name: &'static str, reason: &'static str) -> Self {
        Self { support: Support::Refused { reason }, ..Self::all(chapter, name) }
    }
}

/// Why resolving names fails a run.
pub const NO_DNS: &str = "Envoy's DNS resolver is not simulated";

/// All of them, by chapter.
pub const HOSTCALLS: &[Hostcall] = &[
    Hostcall::all("log", "proxy_log"),
    Hostcall::since(V0_2_1, "log", "proxy_get_log_level"),
    Hostcall::all("clock", "proxy_get_current_time_nanoseconds"),
    Hostcall::all("timer", "proxy_set_tick_period_milliseconds"),
    Hostcall::all("property", "proxy_get_property"),
    Hostcall::all("property", "proxy_set_property"),
    Hostcall::only_first("property", "proxy_get_configuration"),
    Hostcall::since(V0_2_0, "stream", "proxy_continue_stream"),
    Hostcall::since(V0_2_0, "stream", "proxy_close_stream"),
    Hostcall::only_first("stream", "proxy_continue_request"),
    Hostcall::only_first("stream", "proxy_continue_response"),
    Hostcall::only_first("stream", "proxy_clear_route_cache"),
    Hostcall::all("reply", "proxy_send_local_response"),
    Hostcall::all("headers", "proxy_get_header_map_value"),
    Hostcall::all("headers", "proxy_add_header_map_value"),
    Hostcall::all("headers", "proxy_replace_header_map_value"),
    Hostcall::all("headers", "proxy_remove_header_map_value"),
    Hostcall::all("headers", "proxy_get_header_map_pairs"),
    Hostcall::all("headers", "proxy_set_header_map_pairs"),
    Hostcall::all("headers", "proxy_get_header_map_size"),
    Hostcall::all("buffer", "proxy_get_buffer_status"),
    Hostcall::all("buffer", "proxy_get_buffer_bytes"),
    Hostcall::all("buffer", "proxy_set_buffer_bytes"),
    Hostcall::all("shared_data", "proxy_get_shared_data"),
    Hostcall::all("shared_data", "proxy_set_shared_data"),
    Hostcall::all("shared_queue", "proxy_register_shared_queue"),
    Hostcall::all("shared_queue", "proxy_resolve_shared_queue"),
    Hostcall::all("shared_queue", "proxy_dequeue_shared_queue"),
    Hostcall::all("shared_queue", "proxy_enqueue_shared_queue"),
    Hostcall::all("metric", "proxy_define_metric"),
    Hostcall::all("metric", "proxy_increment_metric"),
    Hostcall::all("metric", "proxy_record_metric"),
    Hostcall::all("metric", "proxy_get_metric"),
    Hostcall::all("http_call", "proxy_http_call"),
    Hostcall::all("grpc_call", "proxy_grpc_call"),
    Hostcall::all("grpc_call", "proxy_grpc_stream"),
    Hostcall::all("grpc_call", "proxy_grpc_send"),
    Hostcall::all("grpc_call", "proxy_grpc_cancel"),
    Hostcall::all("grpc_call", "proxy_grpc_close"),
    Hostcall::all("lifecycle", "proxy_get_status"),
    Hostcall::all("lifecycle", "proxy_set_effective_context"),
    Hostcall::all("lifecycle", "proxy_done"),
    Hostcall::all("foreign", "proxy_call_foreign_function"),
    Hostcall::refused("foreign", "envoy_resolve_dns", NO_DNS),
    Hostcall::all("emscripten", "pthread_equal"),
    Hostcall::all("emscripten", "emscripten_notify_memory_growth"),
];

const NO_SIGNATURES: Support = Support::Refused { reason: "signatures are not modelled" };
const NO_CEL: Support = Support::Refused { reason: "the expression language CEL is not modelled" };

/// The functions that Envoy 1.40 offers by name beyond the ABI, and what is made of each.
pub const FOREIGN_FUNCTIONS: &[(&str, Support)] = &[
    ("clear_route_cache", Support::Modelled),
    ("set_envoy_filter_state", Support::Modelled),
    ("declare_property", Support::Modelled),
    ("compress", Support::Modelled),
    ("uncompress", Support::Modelled),
    ("sign", NO_SIGNATURES),
    ("verify_signature", NO_SIGNATURES),
    ("expr_create", NO_CEL),
    ("expr_evaluate", NO_CEL),
    ("expr_delete", NO_CEL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_what_envoy_registers_for_them() {
        let has = |name: &str, version| Hostcall::named(name).unwrap().is_in(version);
        assert!(has("proxy_continue_request", V0_1_0) && !has("proxy_continue_request", V0_2_0));
        assert!(!has("proxy_continue_stream", V0_1_0) && has("proxy_continue_stream", V0_2_0));
        assert!(!has("proxy_get_log_level", V0_2_0) && has("proxy_get_log_level", V0_2_1));
        assert!(has("proxy_log", V0_1_0) && has("proxy_log", V0_2_1));
    }

    #[test]
    fn no_name_is_listed_twice() {
        for hostcall in HOSTCALLS {
            let same = HOSTCALLS.iter().filter(|other| other.name == hostcall.name).count();
            assert_eq!(same, 1, "{}", hostcall.name);
        }
    }
}
