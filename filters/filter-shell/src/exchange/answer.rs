//! The answer goes by: what it says is read, and who follows it is told.
//!
//! It passes untouched, except for an event that only we have asked for. Nothing of it is kept but
//! the tail of an event that is not complete, and that only where such an event may come.
//!
//! The end is where the answer's last bytes are, before they have left: so the client's next request
//! finds what was learnt, and a trace that the proxy finishes with them what was counted. An
//! exchange that is cut short has no last bytes, and ends when the proxy writes its logs.

mod said;

use std::ops::ControlFlow;
use std::time::Duration;

use llm_wire::{AnswerFacts, AnswerScanner, Framing};
use traffic_policy::asking;
use traffic_policy::attempt::Upstream;
use traffic_policy::stream::{Ended, Prompt};

use super::{Exchange, Phase};
use crate::facts::Part;
use crate::filter::{Followed, Follower};
use crate::host::headers::{self, Map, Pairs};
use crate::host::{body, clock, properties};

/// An answer on its way.
pub(super) struct Answering {
    /// Reads it, if it is one that can be read.
    scanner: Option<AnswerScanner>,
    followers: Vec<Box<dyn Follower>>,
    /// Some of its body has come.
    has_bytes: bool,
    /// It is changed where an event is taken out.
    removes: bool,
    /// An error of which may be learnt why.
    is_refusal: bool,
}

/// How long a request has waited in a server's queue, in milliseconds, as Text Generation Inference
/// says it.
const QUEUE_TIME: &[u8] = b"x-queue-time";

impl Exchange {
    /// Response headers.
    pub(super) fn answer_begins(&mut self, end_of_stream: bool) {
        if self.phase != Phase::Decided {
            return;
        }
        self.choose_lesson();
        let is_wanted = self.follows || self.lesson.is_some();
        if let Some(pairs) = is_wanted.then(|| headers::all(Map::Response).ok()).flatten() {
            self.look_at(&pairs);
        }
        if end_of_stream {
            self.answer_ends(Ended::Whole);
        }
    }

    fn look_at(&mut self, pairs: &Pairs) {
        let first =
            |name: &[u8]| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let (status, coding) = (first(b":status"), first(b"content-encoding"));
        let framing = Framing::of_answer(status, coding, first(b"content-type"));
        let status = status.and_then(number).and_then(|n| u16::try_from(n).ok());
        if self.follows {
            self.meter.headers(clock::monotonic(), status, said::kind(framing, coding));
            self.meter.queued(first(QUEUE_TIME).and_then(number).map(Duration::from_millis));
        }
        let upstream = self.upstream(status, pairs);
        self.prepare(framing, status, &upstream);
    }

    /// Makes what reads the answer, and asks who follows it.
    fn prepare(&mut self, framing: Option<Framing>, status: Option<u16>, upstream: &Upstream) {
        let asked = self.asked.is_some();
        let removes = asked && framing == Some(Framing::Events);
        let choices = self.facts.body.n.unwrap_or(1);
        let scanner = framing.map(|framing| AnswerScanner::new(framing).of_choices(choices));
        let scanner = scanner.map(|s| if removes { s.removing_usage() } else { s });
        if removes {
            // What is taken out is missing from it.
            let _ = headers::remove(Map::Response, b"content-length");
        }
        let is_refusal = asked && status.is_some_and(asking::may_be_refusal);
        let followers = self.followers(upstream);
        if followers.is_empty() && self.lesson.is_none() {
            // It is nobody's concern.
            self.has_ended = true;
            return;
        }
        let has_bytes = false;
        self.answering =
            Some(Box::new(Answering { scanner, followers, has_bytes, removes, is_refusal }));
    }

    fn followers(&self, upstream: &Upstream) -> Vec<Box<dyn Follower>> {
        if !self.follows {
            return Vec::new();
        }
        let route = self.plugin.follows.route.then(properties::route_name).flatten();
        let (facts, decision) = (&self.facts, &self.decision);
        let exchange = Followed { facts, decision, route: route.as_deref(), upstream };
        self.plugin.filters.iter().filter_map(|filter| filter.follow(&exchange)).collect()
    }

    /// A frame of the answer.
    pub(super) fn answer_goes_on(&mut self, size: usize, end_of_stream: bool) {
        let Some(mut answering) = self.answering.take() else { return };
        if size > 0 && !answering.has_bytes {
            answering.has_bytes = true;
            self.meter.bytes(clock::monotonic());
        }
        if answering.is_refusal {
            body::response(0..size, |bytes| {
                self.refused_with(bytes);
                ControlFlow::Continue(())
            });
        }
        self.read(&mut answering, size, end_of_stream);
        self.answering = Some(answering);
        if end_of_stream {
            self.answer_ends(Ended::Whole);
        }
    }

    /// Reads a frame, and puts in its place what is left of it.
    fn read(&mut self, answering: &mut Answering, size: usize, end_of_stream: bool) {
        let Answering { scanner: Some(scanner), followers, removes, .. } = answering else {
            return;
        };
        let mut events = 0u32;
        let (mut frame, mut is_changed) = (Vec::new(), false);
        body::response(0..size, |bytes| {
            let left = scanner.feed(bytes, &mut || events += 1);
            is_changed |= left.is_some();
            if *removes {
                frame.extend_from_slice(left.as_deref().unwrap_or(bytes));
            }
            ControlFlow::Continue(())
        });
        if end_of_stream && let Some(held) = scanner.finish() {
            is_changed = true;
            frame.extend(held);
        }
        let is_written = !(*removes && is_changed) || body::replace_response(size, &frame).is_ok();
        self.tell(followers, events);
        if !is_written {
            // The client has the frame as it came. Nothing that was held must follow it.
            answering.scanner = None;
        }
    }

    /// Tells of events with generated output.
    fn tell(&mut self, followers: &mut [Box<dyn Follower>], events: u32) {
        if events == 0 || followers.is_empty() {
            return;
        }
        let now = clock::monotonic();
        for _ in 0..events {
            match self.meter.generated(now) {
                Some(gap) => followers.iter_mut().for_each(|follower| follower.gap(gap)),
                None => {
                    let took = self.meter.first_token().unwrap_or_default();
                    followers.iter_mut().for_each(|follower| follower.begins(took));
                }
            }
        }
    }

    /// It has ended.
    pub(super) fn answer_ends(&mut self, ended: Ended) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let answering = self.answering.take();
        let (scanner, followers, is_refusal) = match answering.map(|answering| *answering) {
            Some(Answering { scanner, followers, is_refusal, .. }) => {
                (scanner, followers, is_refusal)
            }
            None if self.phase == Phase::Decided && self.follows => {
                let upstream = self.upstream(None, &Pairs::default());
                (None, self.followers(&upstream), false)
            }
            None => return,
        };
        let facts = scanner.map(|scanner| scanner.facts()).unwrap_or_default();
        self.learn_usage(&facts);
        self.count_removed(&facts);
        self.judge_asking(&facts, is_refusal);
        self.finish(followers, ended, &facts);
    }

    fn finish(&mut self, mut followers: Vec<Box<dyn Follower>>, ended: Ended, facts: &AnswerFacts) {
        if followers.is_empty() {
            return;
        }
        let ended = if self.decision.refusal().is_some() { Ended::Refused } else { ended };
        let answer = said::answer(facts);
        let outcome = self.meter.clone().end(clock::monotonic(), ended, &self.prompt(), answer);
        self.publish_outcome(&outcome);
        followers.iter_mut().for_each(|follower| follower.finish(&outcome));
    }

    fn prompt(&self) -> Prompt {
        let body = &self.facts.body;
        match self.facts.part {
            Part::Whole => Prompt::whole(body.prompt.tokens),
            Part::Beginning => {
                Prompt::beginning(body.prompt.tokens, body.bytes_read, self.content_length)
            }
            Part::Headers | Part::Malformed => Prompt::default(),
        }
    }

    fn count_removed(&self, facts: &AnswerFacts) {
        let counters = &self.plugin.asking.counters;
        counters.removed.add(u64::from(facts.removed));
        counters.kept.add(u64::from(facts.held_too_long));
        self.plugin.counters.parser_resyncs.add(u64::from(facts.resyncs));
    }

    /// The proxy writes its logs: whatever has not ended by now was cut short.
    pub(super) fn is_logged(&mut self) {
        if !self.has_ended && self.phase == Phase::Decided && self.follows {
            let by_client = properties::client_has_gone();
            self.answer_ends(if by_client { Ended::ByClient } else { Ended::ByServer });
        }
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}
