//! A request arrives: is it ours, who sent it, and will its body be read?

use llm_wire::{Api, RequestScanner, ScanLimits};
use proxy_wasm::types::Action;
use traffic_policy::record::fingerprint;
use traffic_policy::stream::Meter;

use super::{Exchange, Phase, Shared};
use crate::config::Access;
use crate::facts::{Facts, Head, Part, unpack};
use crate::gate;
use crate::host::headers::{self, Map};
use crate::host::{clock, properties};
use crate::root::Blind;
use crate::tokens::Tokens;

/// Filter state with the packed facts. That it is there tells a later plugin of ours that it is
/// not the first; while it waits at the gate it is [`gate::HOLD_MARK`].
pub(crate) const FACTS: &str = "llm.facts";

impl Exchange {
    /// Request headers.
    pub(super) fn arrive(&mut self, end_of_stream: bool, shared: &Shared) -> Action {
        self.phase = Phase::Passing;
        let Ok(head) = Head::read() else { return Action::Continue };
        #[cfg(feature = "fault-injection")]
        crate::fault::at_headers(self.context, &head);
        let earlier = properties::state(FACTS).ok();
        if earlier.is_none() {
            self.remove_forged(&head);
        }
        if head.leaves_http() || !self.plugin.shared.matching.covers(&head) {
            return Action::Continue;
        }
        let first = earlier.is_none();
        self.take_away(&head);
        self.learn(&head, earlier.as_deref());
        self.expect_answer(&head, end_of_stream);
        match self.way(&head, end_of_stream, first) {
            Way::Decide(part) => self.decide(part),
            Way::Read(access) => self.read_body(access, shared),
        }
    }

    /// Takes away what only we may say, so that nobody outside chooses a pool by a header.
    ///
    /// This is done for requests that `match` does not cover as well: their routes may look at
    /// the same headers.
    fn remove_forged(&self, head: &Head) {
        let names = head.ours();
        if names.is_empty() || self.peer_is_trusted() {
            return;
        }
        for name in names {
            let _ = headers::remove(Map::Request, name);
        }
    }

    /// Takes away what filters tell the proxy, so that no client tells it something else. The proxy does
    /// so itself, but not for peers that its configuration calls internal.
    fn take_away(&self, head: &Head) {
        for name in &self.plugin.takes_away {
            if head.has(name.as_bytes()) {
                let _ = headers::remove(Map::Request, name.as_bytes());
            }
        }
    }

    fn peer_is_trusted(&self) -> bool {
        let trusted = &self.plugin.shared.trust_incoming;
        !trusted.is_empty()
            && properties::peer_principal()
                .is_some_and(|peer| trusted.iter().any(|name| name.as_bytes() == peer))
    }

    /// Facts from the headers; and from an earlier plugin of ours, if there was one.
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn learn(&mut self, head: &Head, earlier: Option<&[u8]>) {
        let path = head.path().into_owned();
        let api = Api::from_path(path.as_bytes());
        self.facts = earlier.and_then(|bytes| unpack(bytes, &path, api)).unwrap_or_else(|| Facts {
            path,
            api,
            ..Facts::default()
        });
        self.facts.headers = head.select(&self.plugin.reads_headers);
        self.facts.draw = head.request_id().map_or_else(draw, fingerprint);
        self.content_length = head.content_length();
        self.facts.body_bytes = self.content_length;
    }

    /// Time begins, and the server is asked for an answer that can be read.
    fn expect_answer(&mut self, head: &Head, end_of_stream: bool) {
        let follows = self.plugin.follows;
        if !follows.answers || !head.is_post() {
            return;
        }
        self.follows = true;
        self.meter = Meter::new(clock::monotonic(), self.plugin.shared.stall_after);
        if end_of_stream {
            self.request_is_complete();
        }
        self.may_be_compressed = head.may_be_compressed();
        if follows.plain && self.may_be_compressed && self.facts.api.is_some() {
            self.may_be_compressed =
                headers::set(Map::Request, "accept-encoding", b"identity").is_err();
        }
    }

    /// Whether to wait for the body, and in which way.
    fn way(&self, head: &Head, end_of_stream: bool, first: bool) -> Way {
        if self.facts.part != Part::Headers {
            // An earlier plugin has read it.
            return Way::Decide(self.facts.part);
        }
        if end_of_stream || self.facts.api.is_none() {
            return Way::Decide(Part::Headers);
        }
        if !head.body_is_plain() {
            return Way::Decide(Part::Beginning);
        }
        match self.plugin.shared.body.access {
            Access::HeadersOnly => Way::Decide(Part::Headers),
            Access::Knob if self.plugin.blind.get() == Some(Blind::Knob) => {
                self.plugin.counters.blind(Blind::Knob).increment();
                Way::Decide(Part::Headers)
            }
            Access::Knob => Way::Read(Access::Knob),
            Access::Gate if first => Way::Read(Access::Gate),
            // The gate has been passed already; nothing would hold the request.
            Access::Gate => Way::Decide(Part::Headers),
        }
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn read_body(&mut self, access: Access, shared: &Shared) -> Action {
        let Some(api) = self.facts.api else { return self.decide(Part::Headers) };
        if !self.plugin.waiting.add(self.context, shared.clone()) {
            self.plugin.counters.waiting_requests.increment();
            return self.decide(Part::Beginning);
        }
        if access == Access::Gate && properties::set_state(FACTS, gate::HOLD_MARK).is_err() {
            self.plugin.waiting.remove(self.context);
            return self.decide(Part::Headers);
        }
        // What goes on to the gate cannot be read again.
        let vocabularies = (access == Access::Gate && !self.plugin.vocabularies.is_empty())
            .then(|| (self.plugin.vocabularies.clone(), self.plugin.counters.exact_counters));
        let tokens = Tokens::new(vocabularies).with_head(self.plugin.reads_conversation);
        let scanner = RequestScanner::with_sink(api, ScanLimits::default(), tokens);
        self.scanner = Some(Box::new(scanner));
        self.phase = Phase::Reading(access);
        match access {
            Access::Knob => Action::Pause,
            Access::Gate | Access::HeadersOnly => Action::Continue,
        }
    }
}

/// What to do with a request whose headers have come.
enum Way {
    /// Decide with what is known.
    Decide(Part),
    /// Read the body first.
    Read(Access),
}

/// Chance, where no id of the request can stand for it.
fn draw() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
