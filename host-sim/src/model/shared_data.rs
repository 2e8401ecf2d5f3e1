//! The key-value store that all VMs of a process share.
//!
//! Keys live in the namespace of a `vm_id`, not of a VM: Istio leaves the id empty everywhere, so all
//! plugins of a proxy meet in one namespace.
//! Nothing is ever deleted, and a compare-and-swap number is unique in the whole process.

use std::collections::BTreeMap;

use super::world::World;
use crate::abi::Status;

/// One namespace: key to value and compare-and-swap number.
type Space = BTreeMap<Vec<u8>, (Vec<u8>, u32)>;

#[derive(Debug, Default)]
pub(crate) struct SharedData {
    spaces: BTreeMap<String, Space>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn get(&self, space: &str, key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        self.spaces.get(space).and_then(|keys| keys.get(key)).cloned().ok_or(Status::NotFound)
    }

    /// `cas` 0 sets whatever is there; another number must be the current one, unless the key is missing.
    pub(crate) fn set(
        &mut self,
        space: &str,
        key: &[u8],
        value: &[u8],
        cas: u32,
    ) -> Result<(), Status> {
        let keys = self.spaces.entry(space.to_owned()).or_default();
        if let Some((_, current)) = keys.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(Status::CasMismatch);
        }
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        keys.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Ok(())
    }
}

impl World {
    /// `proxy_get_shared_data`: the value and its compare-and-swap number.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a key that was never set.
    pub fn shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        self.shared.get(self.vm_id(), key)
    }

    /// `proxy_set_shared_data`.
    ///
    /// # Errors
    /// [`Status::CasMismatch`] if the value was changed since `cas` was read.
    pub fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let space = self.vm_id().to_owned();
        self.shared.set(&space, key, value, cas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_number_is_refused_and_the_value_stays() {
        let mut data = SharedData::default();
        data.set("", b"k", b"one", 0).unwrap();
        let (_, first) = data.get("", b"k").unwrap();
        data.set("", b"k", b"two", first).unwrap();
        assert_eq!(data.set("", b"k", b"three", first), Err(Status::CasMismatch));
        assert_eq!(data.get("", b"k").unwrap().0, b"two");
    }

    #[test]
    fn any_number_creates_a_missing_key() {
        let mut data = SharedData::default();
        assert_eq!(data.set("", b"k", b"v", u32::MAX), Ok(()));
        assert_eq!(data.set("", b"k", b"w", u32::MAX), Err(Status::CasMismatch));
    }

    #[test]
    fn namespaces_do_not_meet() {
        let mut data = SharedData::default();
        data.set("a", b"k", b"v", 0).unwrap();
        assert_eq!(data.get("b", b"k"), Err(Status::NotFound));
        assert_eq!(data.get("", b"k"), Err(Status::NotFound));
    }
}
