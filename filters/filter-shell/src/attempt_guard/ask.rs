//! The request of one attempt: what its own pool wants.

use std::ops::ControlFlow;

use llm_wire::{Api, Found, Members};
use proxy_wasm::types::Action;

use super::attempt::{Asking, Attempting, Phase, Shared};
use super::config::Hop;
use super::original::Original;
use super::settle::told;
use crate::edit::Edit;
use crate::exchange::FACTS;
use crate::facts::{Facts, Head, plain_path, unpack};
use crate::host::headers::{self, Map};
use crate::host::{body, clock, properties, streams};

/// Envoy's own count of attempts; where a route does not have it, those that were told of are counted.
const ATTEMPT_COUNT: &str = "x-envoy-attempt-count";

impl Attempting {
    /// Request headers.
    pub(super) fn begins(&mut self, end_of_stream: bool, shared: &Shared) -> Action {
        self.began = clock::monotonic();
        self.is_asked = end_of_stream;
        self.endpoint = properties::upstream_address().unwrap_or_default();
        let Ok(head) = Head::read() else { return Action::Continue };
        let settings = &self.guard.settings;
        let original = settings.edits().then(|| Original::recall(&settings.headers, head.pairs()));
        let original = original.flatten();
        let facts = self.learn(&head, original.as_ref());
        if self.guard.settings.is_shadow {
            return Action::Continue;
        }
        for name in head.ours() {
            let _ = headers::remove(Map::Request, name);
        }
        let Some(api) = self.api else { return Action::Continue };
        if head.may_be_compressed() {
            let _ = headers::set(Map::Request, "accept-encoding", b"identity");
        }
        let Some(original) = original else { return Action::Continue };
        let pool = self.plan.hop(self.number).or(facts.pool.as_deref()).unwrap_or_default();
        let guard = self.guard.clone();
        let hop = guard.settings.hop(pool);
        self.set_headers(api, hop, &original);
        match hop.filter(|hop| hop.edits_body() && !end_of_stream) {
            Some(hop) => self.read_body(hop, pool.to_owned(), &head, &original, shared),
            None => Action::Continue,
        }
    }

    /// Who this is: which attempt, by which plan, at what.
    fn learn(&mut self, head: &Head, original: Option<&Original>) -> Facts {
        let path = original.and_then(Original::path).map_or_else(|| head.path(), plain_path);
        let api = Api::from_path(path.as_bytes()).filter(|_| head.is_post() && !head.leaves_http());
        let facts = properties::state(FACTS).ok().and_then(|bytes| unpack(&bytes, &path, api));
        let facts = facts.unwrap_or_default();
        let number = head.text(ATTEMPT_COUNT).and_then(|count| count.parse().ok());
        let next = || u8::try_from(told().len()).unwrap_or(u8::MAX).saturating_add(1);
        self.number = number.unwrap_or_else(next);
        self.plan = facts.plan.clone();
        self.api = api;
        self.choices = facts.body.n.unwrap_or(1);
        self.wants_stream = facts.body.stream == Some(true);
        facts
    }

    /// Every header that some attempt may have changed is set to what this one wants.
    fn set_headers(&self, api: Api, hop: Option<&Hop>, original: &Original) {
        let settings = &self.guard.settings;
        if settings.edits_path {
            let path = hop.and_then(|hop| hop.path(api)).map(str::as_bytes);
            let changed = if original.is_first { None } else { original.path() };
            if let Some(path) = path.or(changed) {
                let _ = headers::set(Map::Request, ":path", path);
            }
        }
        if settings.edits_body && !original.is_first {
            original.restore("content-length");
        }
        for name in &settings.headers {
            match hop.and_then(|hop| hop.header(name)) {
                Some(value) => _ = headers::set(Map::Request, name, value.as_bytes()),
                None if original.is_first => {}
                None => original.restore(name),
            }
        }
    }

    /// The headers wait, because the length stands in them.
    fn read_body(
        &mut self,
        hop: &Hop,
        pool: String,
        head: &Head,
        original: &Original,
        shared: &Shared,
    ) -> Action {
        let guard = &self.guard;
        let patience = guard.settings.hold_at_most;
        let may_wait = || guard.waiting.add_for(self.context, shared.clone(), patience);
        if !head.body_is_plain() || !may_wait() {
            self.guard.counters.edits.count(false);
            return Action::Continue;
        }
        let members = Members::new(hop.names.clone());
        let length = original.length();
        self.phase = Phase::Asking(Box::new(Asking { members, pool, length, read: 0 }));
        Action::Pause
    }

    /// A frame of the request's body, behind all that waits of it.
    pub(super) fn asks(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            self.is_complete();
        }
        let Phase::Asking(asking) = &mut self.phase else { return Action::Continue };
        let limit = self.guard.settings.body_limit;
        let mut found = Found::Reading;
        body::request(asking.read..size.min(limit), |bytes| {
            asking.read += bytes.len();
            found = asking.members.feed(bytes);
            ControlFlow::Continue(())
        });
        if found == Found::Reading && size < limit && !end_of_stream {
            return Action::Pause;
        }
        if size >= limit && found == Found::Reading {
            self.guard.counters.body_limit.increment();
        }
        self.edit_body();
        Action::Continue
    }

    /// The request's trailers: its body was all.
    pub(super) fn asked(&mut self) -> Action {
        self.is_complete();
        self.edit_body();
        Action::Continue
    }

    /// The server's time begins: how long the client has taken to send is none of it. The router counts alike.
    fn is_complete(&mut self) {
        self.is_asked = true;
        self.began = clock::monotonic();
    }

    /// Writes the body as this attempt's pool wants it, and lets the request go on.
    fn edit_body(&mut self) {
        let phase = self.take_phase();
        let Phase::Asking(asking) = phase else {
            self.phase = phase;
            return;
        };
        let guard = self.guard.clone();
        guard.waiting.remove(self.context);
        let Some(hop) = guard.settings.hop(&asking.pool) else { return };
        let edit = edit(hop, &asking.members);
        let is_done = !edit.is_empty()
            && edit.apply().is_ok_and(|()| {
                asking.length.is_none_or(|length| {
                    let length = edit.length(length).to_string();
                    headers::set(Map::Request, "content-length", length.as_bytes()).is_ok()
                })
            });
        guard.counters.edits.count(is_done);
    }

    /// The body has not come in time, or the proxy does not show it. It goes as it is; a server that does not know
    /// the model will say so. Called from a root's tick.
    pub(super) fn asks_no_longer(&mut self, asking: &Asking) {
        self.guard.counters.edits.count(false);
        if asking.read == 0 {
            self.guard.sees_no_body();
        }
        let _ = streams::resume_request();
    }
}

/// The fields that are there get other values; those that are not are put in front.
fn edit(hop: &Hop, members: &Members) -> Edit {
    let mut edit = Edit::default();
    let mut missing: Vec<usize> = (0..hop.fields.len()).collect();
    for (field, place) in members.found() {
        missing.retain(|other| *other != field);
        if let Some(json) = hop.fields.get(field) {
            edit.add(place, json.clone().into_bytes());
        }
    }
    // What was not found of a body that was not read to its end may still come.
    let Some((place, others_follow)) = members.place_for_more().filter(|_| !missing.is_empty())
    else {
        return edit;
    };
    let pair = |field: &usize| {
        let name = serde_json::to_string(hop.names.get(*field)?).ok()?;
        Some(format!("{name}:{}", hop.fields.get(*field)?))
    };
    let pairs: Vec<String> = missing.iter().filter_map(pair).collect();
    let comma = if others_follow { "," } else { "" };
    edit.add(&(place..place), format!("{}{comma}", pairs.join(",")).into_bytes());
    edit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt_guard::config::Settings;

    /// The changes for a body of which so many bytes were read.
    fn changes(body: &str, read: usize) -> Vec<(std::ops::Range<u32>, String)> {
        let settings = Settings::read(
            br#"{"version": 1, "pools": [{"name": "a", "model": "m", "body": {"t": 0, "a\"b": []}}]}"#,
        );
        let settings = settings.unwrap();
        let hop = settings.hop("a").unwrap();
        let mut members = Members::new(hop.names.clone());
        members.feed(&body.as_bytes()[..read]);
        let edit = edit(hop, &members);
        let change =
            |c: &crate::edit::Change| (c.range.clone(), String::from_utf8(c.by.clone()).unwrap());
        edit.changes().iter().map(change).collect()
    }

    #[test]
    fn fields_that_are_there_are_replaced_and_the_others_put_in_front() {
        let body = r#"{"model":"x","t":1,"model":2}"#;
        let wanted = [(1..1, r#""a\"b":[],"#), (9..12, "\"m\""), (17..18, "0"), (27..28, "\"m\"")];
        assert_eq!(changes(body, body.len()), wanted.map(|(at, by)| (at, by.to_owned())));
        assert_eq!(changes("{}", 2), [(1..1, r#""a\"b":[],"model":"m","t":0"#.to_owned())]);
    }

    #[test]
    fn of_a_body_that_was_not_read_to_its_end_only_what_was_seen_is_replaced() {
        let body = r#"{"model":"x","t":1}"#;
        assert_eq!(changes(body, 14), [(9..12, "\"m\"".to_owned())]);
        assert_eq!(changes(body, 5), []);
    }
}
