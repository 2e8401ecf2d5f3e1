//! `compress` and `uncompress`: bytes in the format of zlib.
//!
//! What is compressed here can be uncompressed anywhere, and the other way round; the compressed bytes
//! themselves are another library's than Envoy's, and need not be equal.

use miniz_oxide::{
    deflate::compress_to_vec_zlib,
    inflate::{DecompressError, TINFLStatus, decompress_to_vec_zlib_with_limit},
};

use crate::abi::Status;

/// Envoy's is zlib's default.
const LEVEL: u8 = 6;

/// What a guest can hold; Envoy itself would go on.
const LARGEST: usize = 1024 * 1024 * 1024;

pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    Ok(compress_to_vec_zlib(bytes, LEVEL))
}

pub(super) fn uncompress(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    decompress_to_vec_zlib_with_limit(bytes, LARGEST).map_err(
        |DecompressError { status, .. }| match status {
            TINFLStatus::HasMoreOutput => Status::InvalidMemoryAccess,
            _ => Status::SerializationFailure,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"the quick brown fox jumps over the lazy dog, the quick brown fox";

    /// What Envoy 1.40 makes of [`TEXT`].
    const OF_ENVOY: &[u8] =
        b"x\x9c+\xc9HU(,\xcdL\xceVH*\xca/\xcfSH\xcb\xafP\xc8*\xcd-(V\xc8/K-R(\xc9\
        HU\xc8I\xac\xaaTH\xc9O\xd7\x01\xf3\xd0\x14\x03\x00\xfed\x17y";

    #[test]
    fn compressed_bytes_are_not_envoys_and_mean_the_same() {
        let compressed = compress(TEXT).unwrap();
        assert_ne!(compressed, OF_ENVOY);
        assert_eq!(uncompress(&compressed).unwrap(), TEXT);
        assert_eq!(uncompress(OF_ENVOY).unwrap(), TEXT);
    }

    #[test]
    fn what_is_no_zlib_is_a_failure() {
        assert_eq!(uncompress(b"nonsense"), Err(Status::SerializationFailure));
        assert_eq!(uncompress(&OF_ENVOY[..20]), Err(Status::SerializationFailure));
    }
}
