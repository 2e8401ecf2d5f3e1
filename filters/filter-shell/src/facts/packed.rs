//! Facts for other plugins, packed into one property.
//!
//! Writing a property costs ten times as much as reading one, so all facts go into a single value:
//! a version byte, then fields of a tag byte, a length byte and their bytes. A reader skips tags
//! it does not know, so a newer writer and an older reader get along; whatever else is wrong with
//! the bytes makes the rest absent, never an error.

use std::time::Duration;

use llm_wire::{Api, RequestFacts, TokenSource};
use traffic_policy::attempt::{Classes, Plan};

use super::{Facts, Part};
use crate::decision::Decision;

const VERSION: u8 = 1;

/// What the fields mean.
mod tag {
    pub(super) const MODEL: u8 = 1;
    pub(super) const PROMPT_TOKENS: u8 = 2;
    pub(super) const ERROR_PERCENT: u8 = 3;
    pub(super) const SOURCE: u8 = 4;
    pub(super) const MAX_OUTPUT: u8 = 5;
    pub(super) const CHOICES: u8 = 6;
    pub(super) const STREAM: u8 = 7;
    pub(super) const INCLUDE_USAGE: u8 = 8;
    pub(super) const TOOLS: u8 = 9;
    pub(super) const IMAGES: u8 = 10;
    pub(super) const PART: u8 = 11;
    pub(super) const POOL: u8 = 12;
    pub(super) const COUNTED: u8 = 13;
    pub(super) const ATTEMPTS: u8 = 14;
    /// Once for each pool of the chain, in order.
    pub(super) const HOP: u8 = 15;
    pub(super) const FIRST_EVENT_WITHIN: u8 = 16;
    pub(super) const GOES_ON: u8 = 17;
    pub(super) const VERSION: u8 = 18;
}

/// Facts and decision as bytes.
pub(crate) fn pack(facts: &Facts, decision: &Decision) -> Vec<u8> {
    let body = &facts.body;
    let mut out = vec![VERSION];
    text(&mut out, tag::MODEL, decision.model.as_deref().or(body.model.as_deref()));
    number(&mut out, tag::PROMPT_TOKENS, Some(body.prompt.tokens));
    number(&mut out, tag::ERROR_PERCENT, Some(u64::from(body.prompt.error_percent)));
    number(&mut out, tag::SOURCE, Some(source_number(body.prompt.source)));
    number(&mut out, tag::MAX_OUTPUT, body.max_output_tokens);
    number(&mut out, tag::CHOICES, body.n);
    number(&mut out, tag::STREAM, body.stream.map(u64::from));
    number(&mut out, tag::INCLUDE_USAGE, body.include_usage.map(u64::from));
    number(&mut out, tag::TOOLS, body.has_tools.then_some(1));
    number(&mut out, tag::IMAGES, body.has_images.then_some(1));
    number(&mut out, tag::PART, Some(part_number(facts.part)));
    text(&mut out, tag::POOL, decision.pool_of(facts));
    text(&mut out, tag::VERSION, decision.version_of(facts));
    number(&mut out, tag::COUNTED, (facts.is_counted || decision.is_counted).then_some(1));
    if let Some(plan) = &decision.plan {
        pack_plan(&mut out, plan);
    }
    out
}

fn pack_plan(out: &mut Vec<u8>, plan: &Plan) {
    number(out, tag::ATTEMPTS, Some(u64::from(plan.attempts)));
    plan.hops.iter().for_each(|pool| text(out, tag::HOP, Some(pool)));
    let limit = plan.first_event_within.map(|span| span.as_millis());
    number(out, tag::FIRST_EVENT_WITHIN, limit.and_then(|ms| u64::try_from(ms).ok()));
    number(out, tag::GOES_ON, Some(u64::from(plan.goes_on.bits())));
}

/// The facts that the bytes hold, for a request of this API. `None`: not the version we read.
pub(crate) fn unpack(bytes: &[u8], path: &str, api: Option<Api>) -> Option<Facts> {
    let mut rest = bytes.strip_prefix(&[VERSION])?;
    let mut body = RequestFacts::default();
    let (mut part, mut pool, mut is_counted) = (Part::Headers, None, false);
    let mut version = None;
    let mut plan = Plan::default();
    while let Some(([tag, length], after)) = rest.split_first_chunk::<2>() {
        let Some((value, after)) = after.split_at_checked(usize::from(*length)) else { break };
        rest = after;
        match *tag {
            tag::MODEL => body.model = std::str::from_utf8(value).ok().map(str::to_owned),
            tag::PROMPT_TOKENS => body.prompt.tokens = read(value),
            tag::ERROR_PERCENT => {
                body.prompt.error_percent = u32::try_from(read(value)).unwrap_or(u32::MAX);
            }
            tag::SOURCE => body.prompt.source = source_of(read(value)),
            tag::MAX_OUTPUT => body.max_output_tokens = Some(read(value)),
            tag::CHOICES => body.n = Some(read(value)),
            tag::STREAM => body.stream = Some(read(value) != 0),
            tag::INCLUDE_USAGE => body.include_usage = Some(read(value) != 0),
            tag::TOOLS => body.has_tools = true,
            tag::IMAGES => body.has_images = true,
            tag::PART => part = part_of(read(value)),
            tag::COUNTED => is_counted = true,
            tag::POOL => pool = std::str::from_utf8(value).ok().map(str::to_owned),
            tag::VERSION => version = std::str::from_utf8(value).ok().map(str::to_owned),
            tag::HOP => plan.hops.push(String::from_utf8_lossy(value).into_owned()),
            tag::ATTEMPTS => plan.attempts = u8::try_from(read(value)).unwrap_or(u8::MAX),
            tag::FIRST_EVENT_WITHIN => {
                plan.first_event_within = Some(Duration::from_millis(read(value)));
            }
            tag::GOES_ON => plan.goes_on = Classes::from_bits(value.first().copied().unwrap_or(0)),
            _ => {}
        }
    }
    let path = path.to_owned();
    Some(Facts { path, api, body, part, pool, is_counted, plan, version, ..Facts::default() })
}

/// A text of at most 255 bytes; names are bounded far below that.
fn text(out: &mut Vec<u8>, tag: u8, value: Option<&str>) {
    let Some(value) = value else { return };
    let Ok(length) = u8::try_from(value.len()) else { return };
    out.extend([tag, length]);
    out.extend(value.as_bytes());
}

/// A number without its leading zero bytes, little-endian.
fn number(out: &mut Vec<u8>, tag: u8, value: Option<u64>) {
    let Some(value) = value else { return };
    let bytes = value.to_le_bytes();
    let used = 8 - (value.leading_zeros() / 8) as usize;
    out.extend([tag, u8::try_from(used).unwrap_or(8)]);
    out.extend(bytes.iter().take(used));
}

fn read(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn source_number(source: TokenSource) -> u64 {
    match source {
        TokenSource::Exact => 1,
        TokenSource::Calibrated => 2,
        TokenSource::Estimated => 3,
    }
}

fn source_of(number: u64) -> TokenSource {
    match number {
        1 => TokenSource::Exact,
        2 => TokenSource::Calibrated,
        _ => TokenSource::Estimated,
    }
}

fn part_number(part: Part) -> u64 {
    match part {
        Part::Headers => 0,
        Part::Beginning => 1,
        Part::Whole => 2,
        Part::Malformed => 3,
    }
}

fn part_of(number: u64) -> Part {
    match number {
        1 => Part::Beginning,
        2 => Part::Whole,
        3 => Part::Malformed,
        _ => Part::Headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_wire::TokenCount;
    use traffic_policy::attempt::Class;

    fn facts() -> Facts {
        Facts {
            path: "/v1/chat/completions".into(),
            api: Some(Api::OpenAiChat),
            body: RequestFacts {
                model: Some("llama-70b".into()),
                stream: Some(true),
                include_usage: Some(false),
                max_output_tokens: Some(u64::MAX),
                n: Some(0),
                has_tools: true,
                prompt: TokenCount {
                    tokens: 6000,
                    error_percent: 12,
                    source: TokenSource::Calibrated,
                },
                ..RequestFacts::default()
            },
            part: Part::Whole,
            pool: Some("gpu-large".into()),
            version: Some("v2".into()),
            ..Facts::default()
        }
    }

    #[test]
    fn facts_survive_packing() {
        let packed = pack(&facts(), &Decision::default());
        assert_eq!(unpack(&packed, &facts().path, facts().api), Some(facts()));
    }

    #[test]
    fn a_plan_survives_packing() {
        let plan = Plan {
            attempts: 3,
            hops: vec!["gpu-a".into(), "gpu-b".into(), "provider".into()],
            first_event_within: Some(Duration::from_millis(2_600)),
            goes_on: [Class::RateLimited, Class::Overloaded].into_iter().collect(),
        };
        let mut decision = Decision::default();
        decision.plan = Some(plan.clone());
        let unpacked = unpack(&pack(&facts(), &decision), "", None);
        assert_eq!(unpacked.map(|facts| facts.plan), Some(plan));
    }

    #[test]
    fn an_unknown_tag_is_skipped_and_an_unknown_version_is_not_read() {
        let mut packed = pack(&facts(), &Decision::default());
        packed.splice(1..1, [200, 2, 9, 9]);
        assert_eq!(unpack(&packed, &facts().path, facts().api), Some(facts()));
        packed[0] = 2;
        assert_eq!(unpack(&packed, "", None), None);
    }

    #[test]
    fn bytes_that_are_cut_short_lose_what_was_cut() {
        let packed = pack(&facts(), &Decision::default());
        for end in 1..packed.len() {
            assert!(unpack(&packed[..end], "", None).is_some(), "cut at {end}");
        }
    }
}
