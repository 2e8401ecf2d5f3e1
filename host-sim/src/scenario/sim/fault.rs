//! What goes wrong with the proxy itself.

use super::{Play, SimError};
use crate::scenario::fault::Event;

impl Play<'_> {
    pub(super) fn go_wrong(&mut self, event: Event) -> Result<(), SimError> {
        self.unfinished -= 1;
        match event {
            Event::ClockJump(by) => self.host.jump_wall_clock(by),
            Event::WorkerLoss(worker) => {
                let known = self.workers.contains(&worker);
                if !known || self.workers.len() == 1 {
                    let workers = self.workers.len();
                    return Err(SimError::Worker { found: worker, workers });
                }
                self.workers.retain(|own| *own != worker);
                self.host.lose_worker(worker);
            }
        }
        Ok(())
    }
}
