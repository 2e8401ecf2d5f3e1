//! Messages that are resumed although nobody holds them.
//!
//! Resuming acts when the guest has returned, but before its answer counts. So a plugin that resumes
//! in the callback in which it pauses resumes nothing, and then pauses for ever.

use super::{Lint, message};
use crate::model::{
    chain::Iteration,
    effect::StreamId,
    vm::{Side, VmId},
    world::World,
};

impl World {
    /// A plugin resumes a message; called before the message moves.
    pub(crate) fn lint_resume(&mut self, vm: VmId, id: StreamId, filter: usize, side: Side) {
        let stream = self.streams.at(id);
        let chain = &stream.chain;
        // What is over, or is being answered, may be resumed without harm: a call's answer can come late.
        let answered = side == Side::Decode && stream.response.headers.is_some();
        if chain.destroyed || chain.local_complete || answered || chain.prepared_reply.is_some() {
            return;
        }
        let Some(entry) = chain.filters.get(filter) else { return };
        let leg = match side {
            Side::Decode => &entry.decode,
            Side::Encode => &entry.encode,
        };
        if leg.iteration != Iteration::Continue {
            return;
        }
        let plugin = chain.plugin(filter).map(|plugin| plugin.plugin);
        let plugin = plugin.and_then(|place| self.config.plugins.get(place));
        let plugin = plugin.map(|plugin| plugin.name.clone()).unwrap_or_default();
        let thread = self.vms.get(vm.0).map(|vm| vm.thread.to_string()).unwrap_or_default();
        let detail = format!(
            "plugin `{plugin}` on {thread} resumed a {} that it does not hold: in the callback in \
             which it pauses, where it has no effect, or a second time",
            message(side)
        );
        self.note(Lint::ResumeWithoutPause, detail);
    }
}
