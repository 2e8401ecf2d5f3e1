//! `host-sim count`: how many tokens the filters count in a file.
//!
//! The file becomes a request, the simulated proxy hands it piece by piece to the module that users
//! load, and the number is read where access logs read it. So the answer is that of a proxy, with
//! the code and the 32-bit numbers that ship, and not that of a library which ought to agree.
//!
//! # Limits
//! A body is held twice in memory. The speed is that of the simulator, pieces and all; the filters'
//! own is measured by `cargo bench -p benches --bench tokens`.

mod body;
mod proxy;

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::body::Shape;
use self::proxy::{Counted, Proxy};
use super::{Format, out};

/// Counts the tokens of files with the filters' module in the simulated proxy.
///
/// Prints for each file its count, how it was found (`exact` or `estimated`), by how many percent of the count it
/// may be off, and the speed.
#[derive(Debug, Args)]
pub(super) struct Count {
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The vocabulary, or `estimate` for none.
    #[arg(long, value_enum)]
    encoding: Encoding,
    /// What the file is.
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    shape: Shape,
    /// How many bytes of the request's body the proxy receives at once; 16,384 at most, and that for bodies from 16 MiB on.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    split: u32,
    /// One line for each file, or one JSON object for all.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Whose tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Encoding {
    /// GPT-4o and later.
    O200kBase,
    /// GPT-4, GPT-3.5.
    Cl100kBase,
    /// Any model: by the kinds of characters.
    Estimate,
}

/// Why there is no count of a file.
#[derive(Debug, thiserror::Error)]
enum CountError {
    #[error("{file}: cannot be read ({reason}); name a file, or `-` for standard input")]
    Unreadable { file: String, reason: std::io::Error },
    #[error("{file}")]
    Body { file: String, source: body::BodyError },
    #[error("{file}")]
    Proxy { file: String, source: proxy::ProxyError },
}

impl Count {
    /// Counts file by file; one that fails does not keep the others from being counted.
    pub(super) fn run(self) -> ExitCode {
        let proxy = match Proxy::new(self.encoding) {
            Ok(proxy) => proxy,
            Err(error) => return super::refuse(&*error),
        };
        let mut code = ExitCode::SUCCESS;
        let mut files = Vec::new();
        for file in &self.files {
            let begun = Instant::now();
            match self.count(file, &proxy) {
                Ok((counted, bytes)) => {
                    let speed = bytes as f64 / 1e6 / begun.elapsed().as_secs_f64().max(1e-9);
                    let Counted { count, source, bound } = counted;
                    if self.format == Format::Json {
                        files.push(
                            json!({"file": file, "count": count, "source": source, "bound": bound}),
                        );
                    } else if let Err(closed) = out::line(format_args!(
                        "{file}: {count} tokens, {source}, within {bound}%, {speed:.1} MB/s"
                    )) {
                        return closed.into();
                    }
                }
                Err(error) => {
                    super::refuse(&error);
                    code = ExitCode::FAILURE;
                }
            }
        }
        match self.format {
            Format::Json => out::all([json!({"files": files})], code),
            Format::Text => code,
        }
    }

    /// What was counted, and the size of the file.
    fn count(&self, file: &str, proxy: &Proxy) -> Result<(Counted, usize), CountError> {
        let bytes = read(file)
            .map_err(|reason| CountError::Unreadable { file: file.to_owned(), reason })?;
        let body = body::made(self.shape, &bytes)
            .and_then(|body| body.within_bounds(self.split as usize))
            .map_err(|source| CountError::Body { file: file.to_owned(), source })?;
        let length = bytes.len();
        drop(bytes);
        let counted = proxy
            .count(body, self.split as usize)
            .map_err(|source| CountError::Proxy { file: file.to_owned(), source })?;
        Ok((counted, length))
    }
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}
