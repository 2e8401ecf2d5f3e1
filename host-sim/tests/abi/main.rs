//! What crosses the boundary between a guest and the host, with guests in WebAssembly text.
//!
//! Text, because a guest made with an SDK cannot pass a bad pointer, lack an allocator or import
//! what does not exist. What hostcalls mean is tested with the model.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod envoy;
#[cfg(test)]
mod guest;
#[cfg(test)]
mod live;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod marshalling;
#[cfg(test)]
mod module_cache;
#[cfg(test)]
mod pointers;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod proposals;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod wasi;
