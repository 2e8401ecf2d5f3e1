//! What is still there when it should not be.

use super::{Lint, message};
use crate::model::{
    chain::{Iteration, Kind},
    context::Context,
    effect::StreamId,
    vm::Side,
    world::World,
};

impl World {
    /// Somebody gives up on a stream: is it a plugin that has held it all the time?
    pub(crate) fn lint_abandoned(&mut self, id: StreamId) {
        let filters = self.streams.at(id).chain.filters.iter();
        let mut holding = Vec::new();
        for filter in filters {
            let Kind::Plugin(plugin) = &filter.kind else { continue };
            for (side, leg) in [(Side::Decode, &filter.decode), (Side::Encode, &filter.encode)] {
                if leg.iteration != Iteration::Continue {
                    holding.push((plugin.plugin, side));
                }
            }
        }
        for (plugin, side) in holding {
            let plugin = self.config.plugins.get(plugin).map(|plugin| plugin.name.clone());
            let detail = format!(
                "plugin `{}` held a {} until somebody gave up on it; resume it, or answer it, \
                 also when what it waits for does not come",
                plugin.unwrap_or_default(),
                message(side)
            );
            self.note(Lint::StreamNeverEnds, detail);
        }
    }

    /// Looks for streams and root contexts that a run leaves behind.
    pub(crate) fn lint_what_is_left(&mut self) {
        for id in self.streams.ids() {
            self.lint_abandoned(id);
        }
        let mut left = Vec::new();
        for vm in self.vms.iter().filter(|vm| !vm.failed) {
            for context in vm.contexts.values() {
                if let Context::Root(root) = context
                    && root.closing
                {
                    left.push((root.plugin, vm.thread, root.tick_millis));
                }
            }
        }
        for (plugin, thread, tick) in left {
            let plugin = self.config.plugins.get(plugin).map(|plugin| plugin.name.clone());
            let plugin = plugin.unwrap_or_default();
            self.note(
                Lint::ContextLeaked,
                format!(
                    "plugin `{plugin}` on {thread}: proxy_on_done of an old configuration answered \
                     false, and proxy_done was never called; call it when the work is done"
                ),
            );
            if tick > 0 {
                self.note(
                    Lint::TickLeaked,
                    format!(
                        "plugin `{plugin}` on {thread}: an old configuration that is to end still \
                         ticks every {tick} ms; set the period to 0 in proxy_on_done"
                    ),
                );
            }
        }
    }
}
