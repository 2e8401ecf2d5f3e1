//! How large a guest's memory may become, and whether it wanted more.
//!
//! Growth beyond the limit fails inside the guest, as in Envoy; what it does then, most often a trap of
//! its allocator, says nothing of the reason. So the refusal is kept, and told with the trap.

use wasmtime::ResourceLimiter;

/// The limit, and what was refused.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    bytes: usize,
    refused: bool,
}

impl MemoryLimit {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, refused: false }
    }

    /// The sentence that explains a trap behind a refused growth.
    pub(super) fn explanation(&self) -> Option<String> {
        let mib = self.bytes / (1024 * 1024);
        self.refused.then(|| {
            format!(
                "  its memory could not grow beyond {mib} MiB before (Envoy's limit is 1024 MiB)"
            )
        })
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grows = desired <= self.bytes;
        self.refused |= !grows;
        Ok(grows)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
