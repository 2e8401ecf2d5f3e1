//! Log lines of plugins.

use std::fmt;

use super::{thread::Thread, time::Nanos, world::World};
use crate::abi::Status;

/// How much text is kept between two looks at it: a guest that logs for ever must not take all memory.
const KEPT_MAX: usize = 64 * 1024 * 1024;

/// One line that a plugin, or Envoy on its behalf, logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Nanos,
    /// On which thread.
    pub thread: Thread,
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 critical.
    pub level: u32,
    /// Plugin name, root id and VM id, as far as they are not empty.
    pub origin: String,
    /// What was logged; bytes that are not UTF-8 are replaced.
    pub message: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LEVELS: [&str; 6] = ["trace", "debug", "info", "warning", "error", "critical"];
        let level = LEVELS.get(self.level as usize).unwrap_or(&"?");
        let gap = if self.origin.is_empty() { "" } else { " " };
        write!(f, "[{level}] wasm log{gap}{}: {}", self.origin, self.message)
    }
}

impl World {
    /// `proxy_get_log_level`.
    #[must_use]
    pub fn log_level(&self) -> u32 {
        self.log_level
    }

    /// Whether a line of so many bytes can be kept; where it cannot, its guest is stopped.
    #[must_use]
    pub fn has_room_to_log(&self, level: u32, bytes: usize) -> bool {
        level < self.log_level || self.logged.saturating_add(bytes) <= KEPT_MAX
    }

    /// What plugins logged since the last call.
    pub(crate) fn take_logs(&mut self) -> Vec<LogLine> {
        self.logged = 0;
        std::mem::take(&mut self.logs)
    }

    /// `proxy_log`. A line below the level in force is dropped, as Envoy's logger does.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a level that does not exist.
    pub fn log(&mut self, level: u32, message: &[u8]) -> Result<(), Status> {
        if level > 5 {
            return Err(Status::BadArgument);
        }
        if level >= self.log_level {
            self.write_log(level, String::from_utf8_lossy(message).into_owned());
        }
        Ok(())
    }

    /// Why plugins trapped, in order.
    #[must_use]
    pub fn traps(&self) -> &[LogLine] {
        &self.traps
    }

    /// A trap is no line of the plugin's: Envoy logs it in its own name.
    pub(crate) fn note_trap(&mut self, export: &str, message: &str) {
        let message = format!("Function: {export} failed: {message}");
        self.trace.line(self.now, format_args!("    {message}"));
        let (at, thread, origin) = (self.now, self.thread(), self.log_origin());
        self.traps.push(LogLine { at, thread, level: 4, origin, message });
    }

    pub(crate) fn write_log(&mut self, level: u32, message: String) {
        self.logged += message.len();
        let origin = self.log_origin();
        let line = LogLine { at: self.now, thread: self.thread(), level, origin, message };
        self.trace.line(self.now, format_args!("    {line}"));
        self.logs.push(line);
    }

    /// A VM that is starting has no plugin yet and logs under its VM id alone.
    fn log_origin(&self) -> String {
        let plugin = self.plugin();
        let name = plugin.map_or("", |plugin| &plugin.name);
        let root = plugin.map_or("", |plugin| &plugin.root_id);
        let parts = [name, root, self.vm_id()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
