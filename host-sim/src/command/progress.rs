//! Says on standard error what takes long, so that nobody waits without knowing for what.
//!
//! A terminal hears of it after ten seconds and again every ten; a log file after a minute and again every
//! minute. Nothing is said of what is quicker.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use host_sim::scenario::quantity;

/// What is being done, and since when.
type Task = Option<(String, Instant)>;

/// A thread that looks at what is being done; it ends with the process.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    task: Arc<Mutex<Task>>,
}

impl Progress {
    pub(super) fn watch() -> Self {
        let progress = Self { task: Arc::default() };
        let every = every();
        let watched = progress.clone();
        // Without a thread nothing is said, and all else goes on.
        let _ = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let mut told = 0;
            loop {
                thread::sleep(Duration::from_secs(1));
                let Some((what, since)) = watched.now() else {
                    told = 0;
                    continue;
                };
                let turns = since.elapsed().as_secs() / every.as_secs();
                if turns > told {
                    let elapsed = Duration::from_secs(since.elapsed().as_secs());
                    let elapsed = quantity::display(elapsed);
                    // Not by `eprintln!`, which panics when nobody reads.
                    let _ = writeln!(io::stderr(), "host-sim: still {what}, for {elapsed}");
                }
                told = turns;
            }
        });
        progress
    }

    /// From now on this is being done.
    pub(super) fn begin(&self, what: String) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some((what, Instant::now()));
    }

    /// It is done.
    pub(super) fn end(&self) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn now(&self) -> Task {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Says how far virtual time is, as often as a terminal hears of what takes long.
pub(super) struct Tell {
    last: Instant,
    every: Duration,
    all: Option<Duration>,
}

impl Tell {
    /// `all`: how long it takes, if that is known.
    pub(super) fn new(all: Option<Duration>) -> Self {
        Self { last: Instant::now(), every: every(), all }
    }

    /// This second is over.
    pub(super) fn second(&mut self, second: u64) {
        match self.all {
            Some(all) => self.say(|| format!("second {second} of {}", quantity::display(all))),
            None => self.say(|| format!("second {second}")),
        }
    }

    /// So many are over.
    pub(super) fn done(&mut self, done: usize, all: usize) {
        self.say(|| format!("{done} of {all}"));
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        if self.last.elapsed() >= self.every {
            self.last = Instant::now();
            // Not by `eprintln!`, which panics when nobody reads.
            let _ = writeln!(io::stderr(), "host-sim: {}", text());
        }
    }
}

/// A terminal hears of it more often than a log file.
fn every() -> Duration {
    Duration::from_secs(if io::stderr().is_terminal() { 10 } else { 60 })
}
