//! A Python script that answers: one line of JSON for each that it is told.
//!
//! It ends when its standard input does, and that closes with this process, however this process ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use host_sim::parts::Parts;
use serde_json::Value;

use crate::{read, workspace};

/// A running script. Dropping it kills it.
pub struct Python {
    process: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Python {
    /// Starts a script of `tests/` that has the packages of the real clients.
    pub fn with_clients(parts: &Parts, script: &str) -> Self {
        let packages = read(Path::new("tests/clients.txt"));
        let python = parts.python("clients", &packages).unwrap_or_else(|error| panic!("{error}"));
        let mut command = Command::new(python);
        command.arg("-u").arg(workspace().join("tests").join(script));
        // Proxies of the machine's user are none of the clients' affair here.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python runs");
        let told = process.stdin.take().expect("its standard input");
        let said = BufReader::new(process.stdout.take().expect("its standard output"));
        Self { process, told, said }
    }

    /// Tells it something and waits for its answer.
    pub fn ask(&mut self, order: &Value) -> Value {
        writeln!(self.told, "{order}").expect("the script listens; what it said is above");
        let mut line = String::new();
        self.said.read_line(&mut line).expect("text");
        serde_json::from_str(&line).expect("the script answers; what it said is above")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
