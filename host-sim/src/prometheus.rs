//! A real Prometheus as a child process: it scrapes, evaluates rules, and answers queries.
//!
//! It listens on a free port of the loopback interface, keeps its data in a directory of its own, and is
//! killed when this is dropped. It can be killed before and started again, with its data and at its port.
//!
//! # Limits
//! Its first scrapes come up to five seconds after its start, whatever the interval: it takes over targets in
//! that rhythm.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    child::{self, Child},
    client::{ClientRequest, exchange},
};

/// Why there is no running Prometheus.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// Files for it cannot be written.
    #[error("the directory for Prometheus' files cannot be written")]
    Files(#[source] io::Error),
    /// The program cannot be started.
    #[error("`{}` cannot be started", .0.display())]
    Spawn(PathBuf, #[source] io::Error),
    /// It ended before it was ready; most often it refused its configuration.
    #[error("Prometheus ended before it was ready ({status}); its log:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: String,
    },
    /// It did not become ready.
    #[error("Prometheus was not ready after {waited:?}; its log:\n{log}")]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// Its log.
        log: String,
    },
    /// A question that it did not answer.
    #[error("Prometheus: {path}: {problem}")]
    Answer {
        /// What was asked.
        path: String,
        /// What it said.
        problem: String,
    },
}

/// One series of a query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, the name among them as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// A running Prometheus. Dropping it kills it.
pub struct RunningPrometheus {
    /// None while it is killed.
    child: Option<Child>,
    binary: PathBuf,
    directory: TempDir,
    address: SocketAddr,
}

const LOG: &str = "prometheus.log";
const CONFIGURATION: &str = "prometheus.yaml";
/// How long it may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

impl RunningPrometheus {
    /// Starts this binary with this configuration, YAML or JSON, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, refuses the configuration, or is not ready in time.
    pub async fn start(binary: &Path, configuration: &str) -> Result<Self, PrometheusError> {
        Self::start_with(binary, configuration, &[]).await
    }

    /// The same, with files that the configuration names: rules, lists of targets.
    ///
    /// # Errors
    /// As above.
    pub async fn start_with(
        binary: &Path,
        configuration: &str,
        files: &[(&str, &str)],
    ) -> Result<Self, PrometheusError> {
        let directory = tempfile::Builder::new().prefix("prometheus-").tempdir();
        let directory = directory.map_err(PrometheusError::Files)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut prometheus = Self { child: None, binary: binary.to_owned(), directory, address };
        for (name, text) in files {
            prometheus.write(name, text)?;
        }
        prometheus.write(CONFIGURATION, configuration)?;
        prometheus.restart().await?;
        Ok(prometheus)
    }

    /// Puts a file beside the configuration, or replaces it as a whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), PrometheusError> {
        let new = self.directory.path().join("new");
        fs::write(&new, text).map_err(PrometheusError::Files)?;
        fs::rename(new, self.directory.path().join(name)).map_err(PrometheusError::Files)
    }

    /// Kills it. Nobody listens at its address until it is started again.
    pub fn kill(&mut self) {
        self.child = None;
    }

    /// Kills it if it runs, and starts it with what it had recorded.
    ///
    /// # Errors
    /// When it cannot be started, or is not ready in time.
    pub async fn restart(&mut self) -> Result<(), PrometheusError> {
        self.kill();
        let directory = self.directory.path();
        let log = File::create(directory.join(LOG)).map_err(PrometheusError::Files)?;
        let mut command = child::dying_with_us(&self.binary);
        command
            .arg(format!("--config.file={}", directory.join(CONFIGURATION).display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={}", self.address))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = child::spawn(command)
            .await
            .map_err(|error| PrometheusError::Spawn(self.binary.clone(), error))?;
        self.child = Some(child);
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<(), PrometheusError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.as_ref().and_then(Child::ended) {
                return Err(PrometheusError::Exited { status, log: self.log() });
            }
            if let Some(address) = listening_on(&self.log()) {
                self.address = address;
                if self.get("/-/ready").await.is_ok() {
                    return Ok(());
                }
            }
            if started.elapsed() > READY_WITHIN {
                return Err(PrometheusError::NotReady { waited: READY_WITHIN, log: self.log() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default()
    }

    /// What a query has as its answer now. A scalar is a series without labels.
    ///
    /// # Errors
    /// When Prometheus refuses the query.
    pub async fn query(&self, expression: &str) -> Result<Vec<Sample>, PrometheusError> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let answer = self.get(&path).await?;
        let no_answer = || PrometheusError::Answer { path: path.clone(), problem: answer.clone() };
        let json: Value = serde_json::from_str(&answer).map_err(|_| no_answer())?;
        samples(&json).ok_or_else(no_answer)
    }

    /// The body of an answer with status 200.
    ///
    /// # Errors
    /// When the answer is another.
    pub async fn get(&self, path: &str) -> Result<String, PrometheusError> {
        let request = ClientRequest { path: path.to_owned(), ..ClientRequest::default() };
        let outcome = exchange(self.address, request).await;
        let body = String::from_utf8_lossy(&outcome.body).into_owned();
        if outcome.status == Some(200) {
            return Ok(body);
        }
        let problem = match outcome.status {
            Some(status) => format!("status {status}: {}", body.trim()),
            None => outcome.detail,
        };
        Err(PrometheusError::Answer { path: path.to_owned(), problem })
    }
}

/// The port is free and so is in the log only.
fn listening_on(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"Listening on\""))?;
    line.split_once("address=")?.1.split_whitespace().next()?.parse().ok()
}

fn samples(answer: &Value) -> Option<Vec<Sample>> {
    let data = answer.get("data")?;
    let result = data.get("result")?;
    if data.get("resultType")? == "scalar" {
        return Some(vec![Sample { labels: BTreeMap::new(), value: number(result)? }]);
    }
    let sample = |series: &Value| {
        let labels = series.get("metric")?.as_object()?.iter();
        let label = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.into()));
        Some(Sample {
            labels: labels.map(label).collect::<Option<_>>()?,
            value: number(series.get("value")?)?,
        })
    };
    result.as_array()?.iter().map(sample).collect()
}

/// `[time, "value"]`
fn number(pair: &Value) -> Option<f64> {
    pair.get(1)?.as_str()?.parse().ok()
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_port_is_read_from_the_log() {
        let log = "level=info msg=\"Start listening for connections\" address=127.0.0.1:0\n\
            level=info component=web msg=\"Listening on\" address=127.0.0.1:40015\n";
        assert_eq!(listening_on(log), Some(SocketAddr::from(([127, 0, 0, 1], 40015))));
        assert_eq!(listening_on("level=info msg=starting"), None);
    }

    #[test]
    fn vectors_and_scalars_are_samples_and_nothing_else_is() {
        let vector = json!({"data": {"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]},
            {"metric": {}, "value": [1.5, "NaN"]},
        ]}});
        let found = samples(&vector).expect("samples");
        assert_eq!((found[0].labels["job"].as_str(), found[0].value), ("a", 1.0));
        assert!(found[1].value.is_nan());
        let scalar = json!({"data": {"resultType": "scalar", "result": [1.5, "2"]}});
        assert_eq!(samples(&scalar).expect("a sample")[0].value, 2.0);
        assert_eq!(samples(&json!({"status": "error"})), None);
    }

    #[test]
    fn a_query_is_encoded_for_an_address() {
        assert_eq!(encoded(r#"up{a="b c"}"#), "up%7Ba%3D%22b%20c%22%7D");
    }
}
