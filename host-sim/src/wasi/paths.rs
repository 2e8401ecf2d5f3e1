//! Files by path, and sockets: there are none.
//!
//! The parameters are those that Envoy links, two of which differ from WASI's own: `path_link` and
//! `path_symlink` lack the last one. A guest that imports them does not load in Envoy, nor here.

use wasmtime::{Caller, Linker};

use super::{Errno, plain, wasi};
use crate::vm::{Allowed, State};

type Guest<'a> = Caller<'a, State>;

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "path_open",
        |mut caller: Guest<'_>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: i64,
         _: i64,
         _: u32,
         _: u32| {
            wasi(&mut caller, "path_open", Allowed::Running, |_, _| Err(Errno::NOENT))
        },
    )?;
    linker.func_wrap(
        module,
        "path_filestat_get",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32| {
            unsupported(caller, "path_filestat_get")
        },
    )?;
    Ok(())
}

pub(super) fn link_since_1_39(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    three(linker, module, "path_create_directory")?;
    three(linker, module, "path_remove_directory")?;
    three(linker, module, "path_unlink_file")?;
    six(linker, module, "path_link")?;
    six(linker, module, "path_rename")?;
    linker.func_wrap(
        module,
        "path_symlink",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32| unsupported(caller, "path_symlink"),
    )?;
    linker.func_wrap(
        module,
        "path_filestat_set_times",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32| {
            unsupported(caller, "path_filestat_set_times")
        },
    )?;
    linker.func_wrap(
        module,
        "path_readlink",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, len: u32| {
            plain(caller, "path_readlink", |guest, _| {
                guest.write_u32(len, 0)?;
                Err(Errno::NOTSUP)
            })
        },
    )?;
    link_sockets(linker, module)
}

fn link_sockets(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "sock_accept", |caller: Guest<'_>, _: u32, _: u32, fd: u32| {
        plain(caller, "sock_accept", |guest, _| {
            guest.write_u64(fd, 0)?;
            Err(Errno::NOTSUP)
        })
    })?;
    linker.func_wrap(
        module,
        "sock_recv",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, len: u32, flags: u32| {
            plain(caller, "sock_recv", |guest, _| {
                guest.write_u32(len, 0)?;
                guest.write(flags, &[0; 2])?;
                Err(Errno::NOTSUP)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "sock_send",
        |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, len: u32| {
            plain(caller, "sock_send", |guest, _| {
                guest.write_u32(len, 0)?;
                Err(Errno::NOTSUP)
            })
        },
    )?;
    linker.func_wrap(module, "sock_shutdown", |caller: Guest<'_>, _: u32, _: u32| {
        unsupported(caller, "sock_shutdown")
    })?;
    Ok(())
}

fn three(linker: &mut Linker<State>, module: &str, name: &'static str) -> wasmtime::Result<()> {
    linker.func_wrap(module, name, move |caller: Guest<'_>, _: u32, _: u32, _: u32| {
        unsupported(caller, name)
    })?;
    Ok(())
}

fn six(linker: &mut Linker<State>, module: &str, name: &'static str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        name,
        move |caller: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
            unsupported(caller, name)
        },
    )?;
    Ok(())
}

fn unsupported(caller: Guest<'_>, name: &'static str) -> wasmtime::Result<u32> {
    plain(caller, name, |_, _| Err(Errno::NOTSUP))
}
