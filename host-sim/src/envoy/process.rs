//! Starting, asking and stopping the process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    log::{FORMAT, LogLine, PluginLine},
    metrics::read_metrics,
};
use crate::{
    child::{self, Child},
    client::{ClientRequest, Ending, exchange},
};

/// How Envoy is run.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// Worker threads.
    pub concurrency: usize,
    /// The level of Envoy's own messages.
    pub log_level: String,
    /// The level of what plugins write.
    pub plugin_log_level: String,
    /// Every connection drains as soon as draining begins, as in Istio's proxies. Otherwise chance
    /// decides, with odds that grow over ten minutes.
    pub drain_at_once: bool,
    /// How long it may take until it is live. Compiling a module on a busy machine takes seconds.
    pub ready_within: Duration,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            log_level: "warning".to_owned(),
            plugin_log_level: "info".to_owned(),
            drain_at_once: false,
            ready_within: Duration::from_secs(60),
        }
    }
}

/// Why there is no running Envoy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Files for it cannot be written.
    #[error("the directory for Envoy's files cannot be written")]
    Files(#[source] io::Error),
    /// The program cannot be started.
    #[error("`{}` cannot be started", .0.display())]
    Spawn(PathBuf, #[source] io::Error),
    /// It ended before it was ready; most often it refused its configuration.
    #[error("Envoy ended before it was ready ({status}); its last messages:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It did not become ready.
    #[error("Envoy was not ready after {waited:?}; its last messages:\n{log}")]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// It is ready and does not say where it listens.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// Why the admin interface did not answer.
#[derive(Debug, thiserror::Error)]
#[error("Envoy's admin interface: {path}: {problem}")]
pub struct AdminError {
    path: String,
    problem: String,
}

/// Envoy's process ended by itself while it was in use.
#[derive(Debug, thiserror::Error)]
#[error("Envoy's process ended ({status}); its last messages:\n{log}")]
pub struct EndedError {
    status: ExitStatus,
    log: String,
}

/// A running Envoy. Dropping it kills it.
pub struct RunningEnvoy {
    child: Child,
    directory: TempDir,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    /// How many requests the admin interface has answered.
    asked: AtomicU32,
}

const LOG: &str = "envoy.log";
const OUTPUT: &str = "stdout";
/// How many of its messages an error shows.
const MESSAGES: usize = 8;

impl RunningEnvoy {
    /// Starts this binary with this bootstrap and waits until it is live.
    ///
    /// # Errors
    /// When it cannot be started, refuses the bootstrap, or is not live in time.
    pub async fn start(
        binary: &Path,
        bootstrap: &Value,
        options: &EnvoyOptions,
    ) -> Result<Self, StartError> {
        let directory = tempfile::Builder::new().prefix("envoy-").tempdir();
        let directory = directory.map_err(StartError::Files)?;
        let at = |name: &str| directory.path().join(name);
        let config = at("bootstrap.json");
        let admin_path = at("admin");
        fs::write(&config, format!("{bootstrap:#}")).map_err(StartError::Files)?;
        let written = File::create(at(OUTPUT)).map_err(StartError::Files)?;
        let log = File::create(at(LOG)).map_err(StartError::Files)?;
        let mut command = child::dying_with_us(binary);
        command
            .arg("--config-path")
            .arg(&config)
            // Merged over the file: a file for users has no admin port that is free everywhere.
            .args(["--config-yaml", ADMIN])
            .arg("--admin-address-path")
            .arg(&admin_path)
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--log-level", &options.log_level, "--log-format", FORMAT])
            .args(["--component-log-level", &format!("wasm:{}", options.plugin_log_level)])
            .args(["--file-flush-interval-msec", "20", "--disable-hot-restart"])
            .args(drain_strategy(options))
            .stdin(Stdio::null())
            .stdout(written)
            .stderr(log);
        let child = spawn(command, binary).await?;
        let mut envoy = Self {
            child,
            directory,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            listeners: BTreeMap::new(),
            asked: AtomicU32::new(0),
        };
        envoy.wait_until_live(&admin_path, options.ready_within).await?;
        envoy.listeners = envoy.ask_listeners().await?;
        Ok(envoy)
    }

    async fn wait_until_live(
        &mut self,
        admin_path: &Path,
        limit: Duration,
    ) -> Result<(), StartError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.ended() {
                return Err(StartError::Exited { status, log: self.last_messages() });
            }
            if let Some(admin) = address_in(admin_path) {
                self.admin = admin;
                if self.get("/ready").await.is_ok_and(|answer| answer.trim() == "LIVE") {
                    return Ok(());
                }
            }
            if started.elapsed() > limit {
                return Err(StartError::NotReady { waited: limit, log: self.last_messages() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ask_listeners(&self) -> Result<BTreeMap<String, SocketAddr>, AdminError> {
        let path = "/listeners?format=json";
        let answer: Value = serde_json::from_str(&self.get(path).await?)
            .map_err(|error| AdminError { path: path.to_owned(), problem: error.to_string() })?;
        let statuses = answer.get("listener_statuses").and_then(Value::as_array);
        let listener = |status: &Value| {
            let address = status.pointer("/local_address/socket_address")?;
            let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
            let ip = address.get("address")?.as_str()?.parse().ok()?;
            Some((status.get("name")?.as_str()?.to_owned(), SocketAddr::new(ip, port)))
        };
        Ok(statuses.into_iter().flatten().filter_map(listener).collect())
    }

    /// Where each listener listens, by name.
    #[must_use]
    pub fn listeners(&self) -> &BTreeMap<String, SocketAddr> {
        &self.listeners
    }

    /// The admin interface.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Where its files are: the bootstrap, the log, and what the bootstrap may write there.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Asks the admin interface.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn get(&self, path: &str) -> Result<String, AdminError> {
        self.ask("GET", path).await
    }

    /// Tells the admin interface to do something.
    ///
    /// # Errors
    /// When it does not answer with 200.
    pub async fn post(&self, path: &str) -> Result<String, AdminError> {
        self.ask("POST", path).await
    }

    async fn ask(&self, method: &str, path: &str) -> Result<String, AdminError> {
        let request = ClientRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            ..ClientRequest::default()
        };
        let outcome = exchange(self.admin, request).await;
        if outcome.status.is_some() {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
        let body = String::from_utf8_lossy(&outcome.body).into_owned();
        if outcome.status == Some(200) && outcome.ending == Ending::Complete {
            return Ok(body);
        }
        let problem = match outcome.status {
            Some(status) => format!("status {status}: {}", body.trim()),
            None => outcome.detail,
        };
        Err(AdminError { path: path.to_owned(), problem })
    }

    /// All metrics, histograms with all that was recorded before this call.
    ///
    /// A question makes Envoy collect its threads' histograms, and is answered before that is done. How far
    /// it has come is seen by a histogram that is collected with the others: the one of the admin
    /// interface's own requests. When it has this call's first question, the others have what came before.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn metrics(&self) -> Result<BTreeMap<String, f64>, AdminError> {
        let before = f64::from(self.asked.load(Ordering::SeqCst));
        let mut questions = 0;
        loop {
            let metrics = read_metrics(&self.get("/stats/prometheus").await?);
            questions += 1;
            let collected = admin_requests(&metrics).is_some_and(|count| count > before);
            if collected || questions == QUESTIONS_MAX {
                return Ok(metrics);
            }
            if questions > 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Everything in the log so far.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        let bytes = fs::read(self.directory.path().join(LOG)).unwrap_or_default();
        LogLine::read(&String::from_utf8_lossy(&bytes))
    }

    /// What plugins wrote so far.
    #[must_use]
    pub fn plugin_log(&self) -> Vec<PluginLine> {
        self.log().iter().filter_map(LogLine::of_plugin).collect()
    }

    /// What it wrote to standard output so far: access logs that the bootstrap sends there.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = fs::read(self.directory.path().join(OUTPUT)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the process ends by itself.
    pub async fn ended(&self) -> EndedError {
        loop {
            if let Some(status) = self.child.ended() {
                return EndedError { status, log: self.last_messages() };
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end of its log; of a crash all that it says of itself, and what came before.
    fn last_messages(&self) -> String {
        let log = self.log();
        let crash = log.iter().position(|line| line.level == "critical");
        let last = log.iter().skip(crash.unwrap_or(log.len()).saturating_sub(MESSAGES));
        last.map(|line| format!("  {}", line.message)).collect::<Vec<_>>().join("\n")
    }

    /// Ends it as an operator would, so that access logs are complete, and kills it when that takes
    /// more than two seconds.
    pub async fn stop(self) {
        if self.post("/quitquitquit").await.is_ok() {
            let deadline = Instant::now() + Duration::from_secs(2);
            while self.child.ended().is_none() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Where a configuration hides the admin interface's own histogram, waiting for it ends here.
const QUESTIONS_MAX: u32 = 20;

/// How many requests of its own the admin interface has in its histogram.
fn admin_requests(metrics: &BTreeMap<String, f64>) -> Option<f64> {
    let is_it = |name: &str| name.contains("downstream_rq_time_count") && name.contains("admin");
    metrics.iter().find(|(name, _)| is_it(name)).map(|(_, count)| *count)
}

/// A free admin port, and histograms that are collected whenever they are asked for.
const ADMIN: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
stats_flush_on_admin: true
"#;

fn drain_strategy(options: &EnvoyOptions) -> &'static [&'static str] {
    if options.drain_at_once { &["--drain-strategy", "immediate"] } else { &[] }
}

async fn spawn(command: Command, binary: &Path) -> Result<Child, StartError> {
    child::spawn(command).await.map_err(|error| StartError::Spawn(binary.to_path_buf(), error))
}

fn address_in(path: &Path) -> Option<SocketAddr> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
