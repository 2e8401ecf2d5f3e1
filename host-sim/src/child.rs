//! Child processes that do not outlive us.
//!
//! A `Child` of the standard library lives on when its handle is dropped. Here dropping kills. What
//! dropping cannot reach, our own violent end, is left to the kernel where `setpriv` exists: it sends the
//! child a signal when the *thread* that started it ends. So all children are started by one thread that
//! lives as long as the process.

use std::{
    ffi::OsStr,
    io,
    process::{self, Command, ExitStatus},
    sync::{Mutex, OnceLock, PoisonError, mpsc},
};

use tokio::sync::oneshot;

/// A child process that is killed when this is dropped.
pub(crate) struct Child {
    process: Mutex<process::Child>,
    pid: u32,
}

impl Child {
    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.try_wait().ok().flatten()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
}

impl From<process::Child> for Child {
    fn from(process: process::Child) -> Self {
        Self { pid: process.id(), process: Mutex::new(process) }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Both fail only for a process that has ended and been waited for.
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// A command whose process the kernel kills when ours dies, where the machine can do that.
pub(crate) fn dying_with_us(program: impl AsRef<OsStr>) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let available = *SETPRIV.get_or_init(|| {
        let known = Command::new("setpriv").arg("--help").output();
        known.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("--pdeathsig"))
    });
    if !available {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

type Order = (Command, oneshot::Sender<io::Result<process::Child>>);

/// Starts a command from the thread that lives as long as the process.
///
/// # Errors
/// When the program cannot be started.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, done) in orders {
                // Nobody waits any more: the child is killed by the drop below.
                if let Err(Ok(unwanted)) = done.send(command.spawn()) {
                    drop(Child::from(unwanted));
                }
            }
        });
        sender
    });
    let (done, started) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts processes has ended");
    spawner.send((command, done)).map_err(|_| gone())?;
    Ok(Child::from(started.await.map_err(|_| gone())??))
}
