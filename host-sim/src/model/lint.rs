//! What a plugin may do and should not: legal for every host, and almost always a mistake.
//!
//! A hostcall that is refused tells its guest so; these are answered with Ok, or with a status that
//! nobody looks at, and show later as a request that hangs, a header that is not there, or memory
//! that is not given back.
//! Each finding is made where the model has the facts anyway; a run collects them, the same one once.
//!
//! # Limits
//! A lint sees what happened, not what could have: a path that no run takes is not looked at.
//! It looks at plugins alone: a server whose own `content-length` is wrong is no finding.

mod leaks;
mod lengths;
mod resume;

use std::fmt;

use super::{time::Nanos, vm::Side, world::World};
use crate::abi::{Export, MapType, MetricType};
pub(crate) use lengths::Lengths;

/// A gateway that runs for days must not grow with every mistake of a plugin.
const FINDINGS_MAX: usize = 100;

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    /// A plugin holds a message, and nothing ever moves it.
    StreamNeverEnds,
    /// A message is resumed that is not held: too early, too late, or twice.
    ResumeWithoutPause,
    /// A plugin answers a stream that it has answered.
    SecondLocalReply,
    /// Headers are read or changed when they are not there.
    HeadersOutsideWindow,
    /// A body does not have the length that its headers announce.
    ContentLength,
    /// A metric is defined again while requests run, or one more of very many.
    LateMetric,
    /// A call may wait for its answer for ever.
    CallWithoutTimeout,
    /// A root context asked for time to end and never took leave.
    ContextLeaked,
    /// A root context that is to end still ticks.
    TickLeaked,
    /// Two plugins register a queue of the same name, and only the last one hears of it.
    QueueNameCollision,
}

impl Lint {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::StreamNeverEnds,
        Self::ResumeWithoutPause,
        Self::SecondLocalReply,
        Self::HeadersOutsideWindow,
        Self::ContentLength,
        Self::LateMetric,
        Self::CallWithoutTimeout,
        Self::ContextLeaked,
        Self::TickLeaked,
        Self::QueueNameCollision,
    ];

    /// The name by which a scenario silences it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StreamNeverEnds => "stream_never_ends",
            Self::ResumeWithoutPause => "resume_without_pause",
            Self::SecondLocalReply => "second_local_reply",
            Self::HeadersOutsideWindow => "headers_outside_window",
            Self::ContentLength => "content_length",
            Self::LateMetric => "late_metric",
            Self::CallWithoutTimeout => "call_without_timeout",
            Self::ContextLeaked => "context_leaked",
            Self::TickLeaked => "tick_leaked",
            Self::QueueNameCollision => "queue_name_collision",
        }
    }
}

/// More metrics than this of one plugin are not a configuration's, but its clients'.
const DEFINITIONS_MAX: usize = 10_000;

/// A mistake that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub lint: Lint,
    /// Who, what, and what comes of it.
    pub detail: String,
    /// When it was made for the first time, in virtual time.
    pub at: Nanos,
    /// How long the trace was then; none without a trace.
    pub trace_end: Option<usize>,
}

/// What has been found in a run.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    all: Vec<Finding>,
    pub(crate) lengths: Lengths,
}

impl World {
    /// What plugins did that is legal and a mistake, in the order of the first time.
    #[must_use]
    pub fn lints(&self) -> &[Finding] {
        &self.lints.all
    }

    /// Notes a mistake of the plugin that is being called.
    pub(crate) fn lint(&mut self, lint: Lint, what: fmt::Arguments<'_>) {
        let plugin = self.plugin().map(|plugin| plugin.name.clone()).unwrap_or_default();
        let callback = self.callback().map(Export::name).unwrap_or_default();
        self.note(lint, format!("plugin `{plugin}` in {callback}: {what}"));
    }

    pub(crate) fn note(&mut self, lint: Lint, detail: String) {
        let known = |known: &Finding| known.lint == lint && known.detail == detail;
        if self.lints.all.len() >= FINDINGS_MAX || self.lints.all.iter().any(known) {
            return;
        }
        self.trace.line(self.now, format_args!("    lint {}: {detail}", lint.name()));
        let trace_end = self.trace.is_on().then(|| self.trace.lines().len());
        self.lints.all.push(Finding { lint, detail, at: self.now, trace_end });
    }
}

impl World {
    /// A header map was asked for that is not there.
    pub(crate) fn lint_window(&mut self, map: MapType, verb: &str) {
        let which = match map {
            MapType::RequestHeaders => "request headers",
            MapType::ResponseHeaders => "response headers",
            // Asking whether there are trailers is how plugins find out.
            MapType::RequestTrailers if verb == "changed" => "request trailers",
            MapType::ResponseTrailers if verb == "changed" => "response trailers",
            _ => return,
        };
        let why = match self.stream_context() {
            Some(context) if context.logging && verb == "read" => return,
            Some(context) if context.logging => "when the stream is logged nothing can be changed",
            Some(_) => {
                "they are there in their own callback, and as long as the plugin pauses there"
            }
            None => "no stream is the effective context",
        };
        self.lint(Lint::HeadersOutsideWindow, format_args!("{which} {verb} out of reach: {why}"));
    }

    /// A metric is defined.
    ///
    /// While requests run that is right once, when it is needed for the first time, and only as long
    /// as there are few of them.
    pub(crate) fn lint_definition(&mut self, kind: MetricType, name: &str) {
        let starting = matches!(
            self.callback(),
            None | Some(Export::VmStart | Export::Configure | Export::ValidateConfiguration)
        );
        let creating = self.callback() == Some(Export::ContextCreate);
        let is_early = starting || (creating && self.stream_context().is_none());
        let Some(root) = self.root_mut() else { return };
        let is_new = root.defined.insert((kind as u32, name.to_owned()));
        if is_early || (is_new && root.defined.len() <= DEFINITIONS_MAX) {
            return;
        }
        let what = if is_new { "one of very many" } else { "again" };
        self.lint(
            Lint::LateMetric,
            format_args!(
                "`{name}` defined {what}; every definition is kept for ever, so define a metric once, \
                 keep the number, and let nothing that clients send become a part of its name"
            ),
        );
    }

    /// A request of a plugin's own begins.
    pub(crate) fn lint_timeout(&mut self, timeout_ms: u32, cluster: &str) {
        if timeout_ms == 0 {
            self.lint(
                Lint::CallWithoutTimeout,
                format_args!(
                    "a call to `{cluster}` without timeout; give one, or it may wait for ever"
                ),
            );
        }
    }
}

/// Which message, in words.
pub(super) fn message(side: Side) -> &'static str {
    match side {
        Side::Decode => "request",
        Side::Encode => "response",
    }
}
