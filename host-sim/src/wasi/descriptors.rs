//! File descriptors: 1 and 2 are the log, and there are no others.

use wasmtime::{Caller, Linker};

use super::{Errno, plain, wasi};
use crate::{
    abi::LogLevel,
    model::World,
    vm::{
        Allowed, GuestMemory, State,
        trap::{LOGGED_TOO_MUCH, panic_text},
    },
};

type Guest<'a> = Caller<'a, State>;

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "fd_write", |caller: Guest<'_>, fd, list, count, written| {
        write(caller, "fd_write", Allowed::Always, (fd, list, count, written))
    })?;
    linker.func_wrap(
        module,
        "fd_read",
        |mut caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32| {
            wasi(&mut caller, "fd_read", Allowed::Running, |_, _| Err(Errno::NOSYS))
        },
    )?;
    // Envoy says that both were done.
    linker.func_wrap(
        module,
        "fd_seek",
        |mut caller: Guest<'_>, _: u32, _: i64, _: u32, _: u32| {
            wasi(&mut caller, "fd_seek", Allowed::Running, |_, _| Ok(()))
        },
    )?;
    linker.func_wrap(module, "fd_close", |mut caller: Guest<'_>, _: u32| {
        wasi(&mut caller, "fd_close", Allowed::Running, |_, _| Ok(()))
    })?;
    linker.func_wrap(module, "fd_fdstat_get", status)?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |caller: Guest<'_>, _: u32, _: u32| {
        plain(caller, "fd_fdstat_set_flags", |_, _| Err(Errno::NOSYS))
    })?;
    linker.func_wrap(module, "fd_prestat_get", |caller: Guest<'_>, _: u32, _: u32| {
        plain(caller, "fd_prestat_get", |_, _| Err(Errno::BADF))
    })?;
    linker.func_wrap(
        module,
        "fd_prestat_dir_name",
        |caller: Guest<'_>, _: u32, _: u32, _: u32| {
            plain(caller, "fd_prestat_dir_name", |_, _| Err(Errno::NOSYS))
        },
    )?;
    linker.func_wrap(module, "fd_filestat_get", |caller: Guest<'_>, _: u32, _: u32| {
        plain(caller, "fd_filestat_get", |_, _| Err(Errno::BADF))
    })?;
    Ok(())
}

pub(super) fn link_since_1_39(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_advise",
        |caller: Guest<'_>, _: u32, _: u64, _: u64, _: u32| {
            plain(caller, "fd_advise", |_, _| Ok(()))
        },
    )?;
    linker.func_wrap(module, "fd_allocate", |caller: Guest<'_>, fd: u32, _: u64, _: u64| {
        plain(caller, "fd_allocate", |_, _| log_only(fd))
    })?;
    linker.func_wrap(module, "fd_datasync", |caller: Guest<'_>, fd: u32| {
        plain(caller, "fd_datasync", |_, _| log_only(fd))
    })?;
    linker.func_wrap(module, "fd_sync", |caller: Guest<'_>, fd: u32| {
        plain(caller, "fd_sync", |_, _| log_only(fd))
    })?;
    linker.func_wrap(module, "fd_fdstat_set_rights", |caller: Guest<'_>, fd, _: u64, _: u64| {
        plain(caller, "fd_fdstat_set_rights", |_, _| log_only(fd))
    })?;
    linker.func_wrap(module, "fd_filestat_set_size", |caller: Guest<'_>, fd: u32, _: u64| {
        plain(caller, "fd_filestat_set_size", |_, _| log_only(fd))
    })?;
    linker.func_wrap(
        module,
        "fd_filestat_set_times",
        |caller: Guest<'_>, fd: u32, _: u64, _: u64, _: u32| {
            plain(caller, "fd_filestat_set_times", |_, _| log_only(fd))
        },
    )?;
    linker.func_wrap(
        module,
        "fd_pread",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u64, _: u32| {
            plain(caller, "fd_pread", |_, _| Err(Errno::NOSYS))
        },
    )?;
    linker.func_wrap(
        module,
        "fd_pwrite",
        |caller: Guest<'_>, fd, list, count, _offset: u64, written| {
            write(caller, "fd_pwrite", Allowed::UnlessAllocating, (fd, list, count, written))
        },
    )?;
    linker.func_wrap(
        module,
        "fd_readdir",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u64, read: u32| {
            plain(caller, "fd_readdir", |guest, _| {
                guest.write_u32(read, 0)?;
                Err(Errno::NOTDIR)
            })
        },
    )?;
    linker.func_wrap(module, "fd_renumber", |caller: Guest<'_>, from: u32, to: u32| {
        plain(caller, "fd_renumber", |_, _| {
            log_only(from)?;
            log_only(to)?;
            Err(Errno::NOTSUP)
        })
    })?;
    linker.func_wrap(module, "fd_tell", |caller: Guest<'_>, fd: u32, offset: u32| {
        plain(caller, "fd_tell", |guest, _| {
            log_only(fd)?;
            Ok(guest.write_u64(offset, 0)?)
        })
    })?;
    Ok(())
}

/// What is done to the log has no effect, and other descriptors are not open.
fn log_only(fd: u32) -> Result<(), Errno> {
    level(fd).map(drop)
}

fn level(fd: u32) -> Result<LogLevel, Errno> {
    match fd {
        1 => Ok(LogLevel::Info),
        2 => Ok(LogLevel::Error),
        _ => Err(Errno::BADF),
    }
}

fn write(
    mut caller: Guest<'_>,
    name: &'static str,
    allowed: Allowed,
    (fd, list, count, written): (u32, u32, u32, u32),
) -> wasmtime::Result<u32> {
    let (mut panic, mut full) = (None, false);
    let answer = wasi(&mut caller, name, allowed, |guest, world| {
        let text = gather(guest, world, fd, (list, count))?;
        full = text.is_none();
        if let Some(text) = text {
            panic = write_log(guest, world, fd, &text, written)?;
        }
        Ok(())
    });
    if full {
        return Err(wasmtime::format_err!(LOGGED_TOO_MUCH));
    }
    if panic.is_some() {
        caller.data_mut().panic = panic;
    }
    answer
}

/// The text that a list of pieces makes; none if it is more than can be kept.
fn gather(
    guest: &GuestMemory<'_>,
    world: &World,
    fd: u32,
    (list, count): (u32, u32),
) -> Result<Option<Vec<u8>>, Errno> {
    let level = level(fd)?;
    let mut text = Vec::new();
    for place in 0..count {
        let entry = place.checked_mul(8).and_then(|offset| list.checked_add(offset));
        let entry = entry.ok_or(Errno::FAULT)?;
        let len = guest.u32(entry.checked_add(4).ok_or(Errno::FAULT)?)?;
        if len != 0 {
            let piece = guest.bytes(guest.u32(entry)?, len)?;
            if !world.has_room_to_log(level as u32, text.len().saturating_add(piece.len())) {
                return Ok(None);
            }
            text.extend_from_slice(piece);
        }
    }
    Ok(Some(text))
}

fn write_log(
    guest: &mut GuestMemory<'_>,
    world: &mut World,
    fd: u32,
    text: &[u8],
    written: u32,
) -> Result<Option<String>, Errno> {
    let level = level(fd)?;
    let len = u32::try_from(text.len()).map_err(|_| Errno::FAULT)?;
    if len > 0 {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        world.log(level as u32, line).map_err(|_| Errno::BADF)?;
    }
    guest.write_u32(written, len)?;
    Ok(panic_text(level, text))
}

fn status(caller: Guest<'_>, fd: u32, status_out: u32) -> wasmtime::Result<u32> {
    plain(caller, "fd_fdstat_get", |guest, _| {
        log_only(fd)?;
        // 24 bytes of zeros, but for the right to write in the middle word.
        // Envoy does not mind a pointer that is bad.
        let mut bytes = [0; 24];
        bytes[8] = 64;
        let _ = guest.write(status_out, &bytes);
        Ok(())
    })
}
