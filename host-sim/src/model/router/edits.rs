//! Headers that routes add and remove.

use crate::{
    bootstrap::{AppendAction, HeaderEdits},
    model::{
        access_log,
        effect::StreamId,
        engine::Engine,
        headers::{HeaderMap, MapKind},
        stream::Stream,
        vm::Side,
    },
};

impl Engine {
    /// Applies the levels of edits in order to the headers of one side.
    pub(crate) fn edit_headers(&mut self, id: StreamId, side: Side, levels: &[HeaderEdits]) {
        let mut unknown = Vec::new();
        let kind = match side {
            Side::Decode => MapKind::Request,
            Side::Encode => MapKind::Response,
        };
        let stream = self.world.streams.at(id);
        let slot = |stream: &mut Stream| match side {
            Side::Decode => stream.request.headers.take(),
            Side::Encode => stream.response.headers.take(),
        };
        let Some(mut headers) = slot(stream) else { return };
        // Values may speak of the headers that are being edited, so those are put back for each look.
        for level in levels {
            match side {
                Side::Decode => stream.request.headers = Some(headers.clone()),
                Side::Encode => stream.response.headers = Some(headers.clone()),
            }
            apply_edits(level, kind, &mut headers, stream, &mut unknown);
        }
        match side {
            Side::Decode => stream.request.headers = Some(headers),
            Side::Encode => stream.response.headers = Some(headers),
        }
        for operator in unknown {
            self.world.refuse(&format!("route: operator %{operator}% is not modelled"));
        }
    }
}

/// Applies one level: removals first, as Envoy does.
fn apply_edits(
    edits: &HeaderEdits,
    kind: MapKind,
    headers: &mut HeaderMap,
    stream: &Stream,
    unknown: &mut Vec<String>,
) {
    for name in &edits.remove {
        headers.remove(name.as_bytes());
    }
    for add in &edits.add {
        let value = access_log::render(&add.value, stream, unknown);
        if value.is_empty() && !add.keep_empty_value {
            continue;
        }
        let there = headers.contains(add.name.as_bytes());
        match add.action {
            AppendAction::Append => headers.add(kind, add.name.clone(), value),
            AppendAction::AddIfAbsent if !there => headers.add(kind, add.name.clone(), value),
            AppendAction::Overwrite => headers.set(add.name.clone(), value),
            AppendAction::OverwriteIfExists if there => headers.set(add.name.clone(), value),
            AppendAction::AddIfAbsent | AppendAction::OverwriteIfExists => {}
        }
    }
}
