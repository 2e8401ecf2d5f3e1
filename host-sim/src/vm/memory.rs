//! A guest's linear memory, for the time of one hostcall: the only pointer arithmetic.
//!
//! Pointers and lengths are what a guest says and are checked on every use.
//! A length of 0 does not excuse a pointer outside of the memory, exactly as in Envoy.

use crate::abi::Status;

/// The bytes that a guest can address.
pub(crate) struct GuestMemory<'a> {
    bytes: &'a mut [u8],
}

impl<'a> GuestMemory<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes at `pointer`.
    pub(crate) fn bytes(&self, pointer: u32, len: u32) -> Result<&[u8], Status> {
        let start = offset(pointer)?;
        self.bytes
            .get(start..)
            .and_then(|from| from.get(..offset(len).ok()?))
            .ok_or(Status::InvalidMemoryAccess)
    }

    /// The number at `pointer`.
    pub(crate) fn u32(&self, pointer: u32) -> Result<u32, Status> {
        let bytes = self.bytes(pointer, 4)?.first_chunk().ok_or(Status::InvalidMemoryAccess)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Copies bytes to `pointer`; all of them or none.
    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Status> {
        self.writable(pointer, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// The room at `pointer`, to be filled in place.
    pub(crate) fn writable(&mut self, pointer: u32, len: usize) -> Result<&mut [u8], Status> {
        let start = offset(pointer)?;
        self.bytes
            .get_mut(start..)
            .and_then(|from| from.get_mut(..len))
            .ok_or(Status::InvalidMemoryAccess)
    }

    /// Writes a 32-bit number.
    pub(crate) fn write_u32(&mut self, pointer: u32, number: u32) -> Result<(), Status> {
        self.write(pointer, &number.to_le_bytes())
    }

    /// Writes a 64-bit number.
    pub(crate) fn write_u64(&mut self, pointer: u32, number: u64) -> Result<(), Status> {
        self.write(pointer, &number.to_le_bytes())
    }
}

fn offset(number: u32) -> Result<usize, Status> {
    usize::try_from(number).map_err(|_| Status::InvalidMemoryAccess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_is_inside_and_the_next_is_not() {
        let mut bytes = [1, 2, 3, 4];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.bytes(3, 1), Ok(&[4][..]));
        assert_eq!(memory.bytes(3, 2), Err(Status::InvalidMemoryAccess));
    }

    #[test]
    fn no_bytes_may_stand_at_the_end_but_not_behind_it() {
        let mut bytes = [0; 4];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.bytes(4, 0), Ok(&[][..]));
        assert_eq!(memory.bytes(5, 0), Err(Status::InvalidMemoryAccess));
    }

    #[test]
    fn a_length_that_would_wrap_around_is_refused() {
        let mut bytes = [0; 8];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.bytes(4, u32::MAX), Err(Status::InvalidMemoryAccess));
    }

    #[test]
    fn a_number_that_does_not_fit_writes_nothing() {
        let mut bytes = [9; 6];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.write_u32(3, 0), Err(Status::InvalidMemoryAccess));
        assert_eq!(memory.write_u32(2, 0x0403_0201), Ok(()));
        assert_eq!(memory.u32(2), Ok(0x0403_0201));
        assert_eq!(bytes, [9, 9, 1, 2, 3, 4]);
    }
}
