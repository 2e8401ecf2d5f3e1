//! A plugin's life in one VM: which part it plays, its configuration, its ticks and queues.
//!
//! A VM may have many root contexts: other listeners' plugins, other configurations, and the old
//! one of a plugin that was reconfigured, which lives on while requests use it. So nothing of a
//! configuration is global; everything hangs on the root that read it.

mod plugin;

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use traffic_policy::invalid::Invalid;

use crate::attempt_guard::{Guard, GuardStream};
use crate::config::{self, Section};
use crate::exchange::Stream;
use crate::gate::{Gate, GateStream};
use crate::host::{body, properties, streams};
pub(crate) use plugin::{Blind, Plugin};

/// Sets the module up: logging, what to say on a panic, and the root contexts with their filters.
pub fn start(sections: &'static [Section]) {
    proxy_wasm::set_log_level(LogLevel::Info);
    // There should be none. If there is, the place is all that its author needs, and the message
    // could hold what a client sent.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => log::error!("llm-mesh: panic at {}:{}", place.file(), place.line()),
        None => log::error!("llm-mesh: panic"),
    }));
    proxy_wasm::set_root_context(|_| Box::new(Root { sections: &[], role: Role::Unconfigured }));
    SECTIONS.with(|cell| cell.set(sections));
}

thread_local! {
    // Which filters the module was built with: the same for every root, unlike a configuration.
    static SECTIONS: std::cell::Cell<&'static [Section]> = const { std::cell::Cell::new(&[]) };
}

/// A root context.
struct Root {
    sections: &'static [Section],
    role: Role,
}

/// What a root context is, by its root id.
enum Role {
    /// Its configuration was not read or was refused; requests pass.
    Unconfigured,
    /// `llm-mesh`: the filters.
    Filters(Rc<Plugin>),
    /// `body-gate`: the gate.
    Gate(Rc<Gate>),
    /// `attempt-guard`: the guard of attempts.
    Guard(Rc<Guard>),
}

impl Root {
    fn configure(&self) -> Result<Role, Invalid> {
        let bytes = body::configuration().unwrap_or_default();
        let root_id = properties::root_id().unwrap_or_default();
        match root_id.as_slice() {
            b"llm-mesh" => {
                let plugin = Plugin::new(config::read(&bytes, self.sections)?);
                Ok(Role::Filters(Rc::new(plugin)))
            }
            b"body-gate" => Ok(Role::Gate(Rc::new(Gate::configure(&bytes)?))),
            b"attempt-guard" => Ok(Role::Guard(Rc::new(Guard::configure(&bytes)?))),
            other => Err(Invalid::not_one_of(
                "root_id",
                &String::from_utf8_lossy(other),
                ["llm-mesh", "body-gate", "attempt-guard"],
                "set it in the plugin (Istio: pluginName)",
            )),
        }
    }

    fn is_idle(&self) -> bool {
        match &self.role {
            Role::Unconfigured => true,
            Role::Filters(plugin) => plugin.waiting.is_empty(),
            Role::Gate(gate) => gate.is_idle(),
            Role::Guard(guard) => guard.is_idle(),
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.sections = SECTIONS.with(std::cell::Cell::get);
        match self.configure() {
            Ok(role) => {
                self.role = role;
                true
            }
            Err(invalid) => {
                log::error!("llm-mesh: {invalid}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        match &self.role {
            Role::Unconfigured => {}
            Role::Filters(plugin) => {
                plugin.tick_filters();
                for (_, exchange) in plugin.waiting.tick() {
                    if let Ok(mut exchange) = exchange.try_borrow_mut() {
                        exchange.overdue();
                    }
                }
            }
            Role::Gate(gate) => gate.on_tick(),
            Role::Guard(guard) => guard.on_tick(),
        }
    }

    fn on_queue_ready(&mut self, _: u32) {
        if let Role::Gate(gate) = &self.role {
            gate.on_queue_ready();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.role {
            Role::Unconfigured => Box::new(Untouched),
            Role::Filters(plugin) => Box::new(Stream::new(context, plugin.clone())),
            Role::Gate(gate) => Box::new(GateStream::new(context, gate.clone())),
            Role::Guard(guard) => Box::new(GuardStream::new(context, guard.clone())),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        if let Role::Filters(plugin) = &self.role {
            plugin.answered(token, body_size);
        }
    }

    /// This configuration is no longer the newest. Requests that still wait need their deadline,
    /// so ticks end only where nobody waits.
    fn on_done(&mut self) -> bool {
        if let Role::Filters(plugin) = &self.role {
            plugin.replaced();
        }
        if self.is_idle() {
            let _ = streams::tick_every(0);
        }
        true
    }
}

/// A request to a plugin that has no configuration.
struct Untouched;

impl Context for Untouched {}
impl HttpContext for Untouched {}
