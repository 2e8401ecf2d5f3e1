//! `request_mirror_policies`: copies of requests whose answers nobody hears.

use super::super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// `RequestMirrorPolicy`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPolicy {
    /// Where copies go.
    pub cluster: String,
    /// How many of `out_of` requests are copied; all by default.
    pub fraction: u64,
    /// 100, 10,000 or a million.
    pub out_of: u64,
    /// The copy's host ends in `-shadow`, by default.
    pub appends_suffix: bool,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<MirrorPolicy, Error> {
    let mut message =
        Message::read(reader, "envoy.config.route.v3.RouteAction.RequestMirrorPolicy")?;
    message.not_modelled(&["cluster_header"], "`cluster`", CURE)?;
    let cluster = message.required("cluster")?.name()?.to_owned();
    let (fraction, out_of) = message.or("runtime_fraction", (100, 100), runtime_fraction)?;
    // Traces are not modelled, and so nobody sees whether they are sampled.
    message.maybe("trace_sampled", Reader::boolean)?;
    let bare = message.or("disable_shadow_host_suffix_append", false, Reader::boolean)?;
    message.finish()?;
    Ok(MirrorPolicy { cluster, fraction, out_of, appends_suffix: !bare })
}

fn runtime_fraction(reader: &Reader<'_>) -> Result<(u64, u64), Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.RuntimeFractionalPercent")?;
    let value = message.required("default_value")?;
    message.maybe("runtime_key", |key| key.string().map(drop))?;
    message.finish()?;
    let mut value = Message::read(&value, "envoy.type.v3.FractionalPercent")?;
    let numerator = value.or("numerator", 0, Reader::integer)?;
    let denominators = [("HUNDRED", 100), ("TEN_THOUSAND", 10_000), ("MILLION", 1_000_000)];
    let out_of = value.or("denominator", 100, |choice| choice.choice(&denominators))?;
    value.finish()?;
    Ok((numerator, out_of))
}
