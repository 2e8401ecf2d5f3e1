//! A wasm module in V8, as Envoy runs it: Node with the flag that Envoy gives its engine.
//!
//! Node and not Envoy, because a text can be counted there without a request around it. Both have
//! the same compiler; `--no-liftoff` takes away the quick one that Node would begin with.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/tokens/v8.mjs");

/// A running Node with the module; it ends when this is dropped.
pub struct V8 {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl V8 {
    /// Starts Node with a module.
    ///
    /// # Errors
    /// When there is no Node on PATH.
    pub fn start(module: &Path) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new("node")
            .args(["--no-liftoff", SCRIPT])
            .arg(module)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| {
                format!(
                    "`node` cannot be started ({why}); install Node 20 or later and put it on PATH"
                )
            })?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("node without an output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Puts a text into the module.
    ///
    /// # Errors
    /// When Node has ended.
    pub fn load(&mut self, text: &Path) -> Result<(), Box<dyn Error>> {
        self.ask(&json!({ "load": text })).map(drop)
    }

    /// Counts the text's tokens once, and says how long that took.
    ///
    /// # Errors
    /// When Node has ended.
    pub fn count(&mut self, encoding: u32, piece: u32) -> Result<(u64, Duration), Box<dyn Error>> {
        let (tokens, nanoseconds) = self.ask(&json!({ "count": [encoding, piece] }))?;
        Ok((tokens, Duration::from_nanos(nanoseconds)))
    }

    fn ask(&mut self, question: &Value) -> Result<(u64, u64), Box<dyn Error>> {
        let input = self.input.as_mut().ok_or("node without an input")?;
        writeln!(input, "{question}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line).map_err(|_| "node has ended; its message is above")?)
    }
}

impl Drop for V8 {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
