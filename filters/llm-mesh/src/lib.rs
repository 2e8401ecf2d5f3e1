//! The module a proxy loads: the filters of the project, put together.
//!
//! A plugin with root id `llm-mesh` runs those filters whose sections its configuration has, in
//! the order below. A plugin with root id `body-gate` is the gate, to stand right behind it.
//! With one cargo feature the module has one filter in it.

#![expect(missing_docs, reason = "inside `proxy_wasm::main!`, out of reach")]

use filter_shell::Section;

/// The filters, in the order in which they are asked.
const SECTIONS: &[Section] = &[
    #[cfg(feature = "token-router")]
    token_router::SECTION,
    #[cfg(feature = "canary-split")]
    canary_split::SECTION,
    #[cfg(feature = "retry-breaker")]
    retry_breaker::SECTION,
    #[cfg(feature = "token-metrics")]
    token_metrics::SECTION,
];

proxy_wasm::main! {{
    filter_shell::start(SECTIONS);
}}
