//! A file in the place of another, at one stroke.
//!
//! Envoy reads a file again when one is *moved* over it, and never sees one that is half written. The new one
//! has the old one's rights and owner, as far as we may give them.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::WeightsError;

pub(super) fn replace(file: &Path, before: &str, after: &str) -> Result<(), WeightsError> {
    let unwritable = |reason| WeightsError::Unwritable { file: file.to_owned(), reason };
    // A link stays one.
    let target = fs::canonicalize(file).map_err(unwritable)?;
    let new = beside(&target, after).map_err(unwritable)?;
    if fs::read(&target).map_err(unwritable)? != before.as_bytes() {
        return Err(WeightsError::Changed(file.to_owned()));
    }
    new.persist(&target).map_err(|error| unwritable(error.error))?;
    Ok(())
}

fn beside(target: &Path, text: &str) -> io::Result<tempfile::NamedTempFile> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".weights-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    let old = fs::metadata(target)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        // Only root may give files away; who may not, owns the new one.
        let _ = fchown(new.as_file(), Some(old.uid()), Some(old.gid()));
    }
    new.as_file().set_permissions(old.permissions())?;
    new.as_file().sync_all()?;
    Ok(new)
}
