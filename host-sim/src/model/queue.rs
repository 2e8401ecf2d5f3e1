//! Shared queues.
//!
//! A queue belongs to the process; the root context that registered its name *last* is told when
//! something was put in, on its own thread and on a later turn of that thread's event loop.
//! That later turn is what lets a plugin act on another filter's stream outside any filter callback.

use std::collections::{BTreeMap, VecDeque};

use super::{lint::Lint, thread::Thread, time::Event, world::World};
use crate::abi::{ContextId, Status};

#[derive(Debug)]
struct Queue {
    values: VecDeque<Vec<u8>>,
    thread: Thread,
    /// The VM is found by its key, so that a VM that replaced a dead one is told in its stead.
    key: usize,
    context: ContextId,
    /// The last registrant's name and root id.
    plugin: (String, String),
}

/// All queues of the process.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
}

impl World {
    /// `proxy_register_shared_queue`: the same token for the same name; what is in the queue stays.
    ///
    /// # Errors
    /// None in practice.
    pub fn register_queue(&mut self, name: &[u8]) -> Result<u32, Status> {
        let (thread, key, context) = {
            let vm = self.vm().ok_or(Status::InternalFailure)?;
            (vm.thread, vm.key, vm.root_of(self.effective_context()))
        };
        let own = self.plugin().map(|plugin| (plugin.name.clone(), plugin.root_id.clone()));
        let own = own.unwrap_or_default();
        let shown = String::from_utf8_lossy(name).into_owned();
        let name = (self.vm_id().to_owned(), name.to_vec());
        // 0 is not a token.
        let fresh = u32::try_from(self.queues.tokens.len()).unwrap_or(u32::MAX - 1) + 1;
        let token = *self.queues.tokens.entry(name).or_insert(fresh);
        let queue = self.queues.queues.entry(token).or_insert_with(|| Queue {
            values: VecDeque::new(),
            thread,
            key,
            context,
            plugin: own.clone(),
        });
        (queue.thread, queue.key, queue.context) = (thread, key, context);
        let before = std::mem::replace(&mut queue.plugin, own.clone());
        if before != own {
            let other = before.0;
            let what = format_args!(
                "queue `{shown}` is `{other}`'s, who hears no more of it; give it a name of its own"
            );
            self.lint(Lint::QueueNameCollision, what);
        }
        Ok(token)
    }

    /// `proxy_resolve_shared_queue`; an empty VM id stands for the caller's own.
    ///
    /// # Errors
    /// [`Status::NotFound`] if nobody registered it.
    pub fn resolve_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        let vm_id = if vm_id.is_empty() {
            self.vm_id().to_owned()
        } else {
            String::from_utf8_lossy(vm_id).into_owned()
        };
        self.queues.tokens.get(&(vm_id, name.to_vec())).copied().ok_or(Status::NotFound)
    }

    /// `proxy_dequeue_shared_queue`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for an unknown token, [`Status::Empty`] for an empty queue.
    pub fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.values.pop_front().ok_or(Status::Empty)
    }

    /// `proxy_enqueue_shared_queue`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for an unknown token.
    pub fn enqueue(&mut self, token: u32, value: &[u8]) -> Result<(), Status> {
        let queue = self.queues.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.values.push_back(value.to_vec());
        let (thread, spec, context) = (queue.thread, queue.key, queue.context);
        self.schedule.at(self.now, Event::QueueReady { thread, spec, context, token });
        Ok(())
    }
}
