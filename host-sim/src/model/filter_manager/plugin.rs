//! A wasm plugin as a filter: which callbacks it gets, with which windows open, and what its answers mean.

use super::{Data, DataStatus, HeadersStatus, TrailersStatus};
use crate::{
    abi::{Callback, DataAction, HeadersAction, TrailersAction},
    model::{
        context::{BodyWindow, Windows},
        effect::StreamId,
        engine::{Asked, Engine},
        vm::{Side, VmId},
    },
};

impl Engine {
    pub(super) fn plugin_request_headers(
        &mut self,
        id: StreamId,
        place: usize,
        end: bool,
    ) -> HeadersStatus {
        self.create_stream_context(id, place);
        self.plugin_headers(id, place, Side::Decode, end)
    }

    pub(super) fn plugin_response_headers(
        &mut self,
        id: StreamId,
        place: usize,
        end: bool,
    ) -> HeadersStatus {
        if self.deaf_to_responses(id, place) {
            return HeadersStatus::Continue;
        }
        self.plugin_headers(id, place, Side::Encode, end)
    }

    fn plugin_headers(
        &mut self,
        id: StreamId,
        place: usize,
        side: Side,
        end_of_stream: bool,
    ) -> HeadersStatus {
        self.set_end_of_stream(id, place, end_of_stream);
        self.windows(id, place, side, |windows| windows.headers = true);
        let streams = &mut self.world.streams;
        let headers = match side {
            Side::Decode => streams.owner_at(id).request.headers.as_ref(),
            Side::Encode => streams.at(id).response.headers.as_ref(),
        };
        let count = headers.map_or(0, |headers| u32::try_from(headers.len()).unwrap_or(u32::MAX));
        let asked = self.ask(id, place, |context| match side {
            Side::Decode => Callback::RequestHeaders { context, count, end_of_stream },
            Side::Encode => Callback::ResponseHeaders { context, count, end_of_stream },
        });
        let status = match asked {
            Asked::Missing => HeadersStatus::Continue,
            Asked::Failed | Asked::Answer { stopped: true, .. } => HeadersStatus::StopAllWatermark,
            Asked::Answer { value, .. } => match HeadersAction::from_number(value) {
                HeadersAction::Continue | HeadersAction::ContinueAndEndStream => {
                    HeadersStatus::Continue
                }
                HeadersAction::StopIteration if self.body_while_stopped(id, place) => {
                    HeadersStatus::StopIteration
                }
                HeadersAction::StopAllIterationAndBuffer => HeadersStatus::StopAllBuffer,
                HeadersAction::StopIteration | HeadersAction::StopAllIterationAndWatermark => {
                    HeadersStatus::StopAllWatermark
                }
            },
        };
        if status == HeadersStatus::Continue {
            self.windows(id, place, side, |windows| windows.headers = false);
        }
        status
    }

    pub(super) fn plugin_request_body(
        &mut self,
        id: StreamId,
        place: usize,
        data: &mut Data,
        end: bool,
    ) -> DataStatus {
        let created = |plugin: &crate::model::chain::PluginFilter| plugin.created;
        if !self.world.streams.at(id).chain.plugin(place).is_some_and(created) {
            return DataStatus::Continue;
        }
        self.plugin_body(id, place, Side::Decode, data, end)
    }

    pub(super) fn plugin_response_body(
        &mut self,
        id: StreamId,
        place: usize,
        data: &mut Data,
        end: bool,
    ) -> DataStatus {
        if self.deaf_to_responses(id, place) {
            return DataStatus::Continue;
        }
        self.plugin_body(id, place, Side::Encode, data, end)
    }

    fn plugin_body(
        &mut self,
        id: StreamId,
        place: usize,
        side: Side,
        data: &mut Data,
        end_of_stream: bool,
    ) -> DataStatus {
        let mut buffering = false;
        self.windows(id, place, side, |windows| buffering = windows.buffering);
        let carries = matches!(data, Data::Frame(frame) if !frame.is_empty());
        self.world.streams.at(id).chain.filter(place).leg(side).added = buffering && carries;
        if buffering {
            // The guest sees all that is held for it, this piece included.
            match side {
                Side::Decode => self.add_decoded_data(id, data),
                Side::Encode => self.add_encoded_data(id, data),
            }
            if self.world.streams.at(id).chain.destroyed {
                return DataStatus::StopAndBuffer;
            }
        }
        self.set_end_of_stream(id, place, end_of_stream);
        let size = self.lend_body(id, place, side, data, buffering);
        let asked = self.ask(id, place, |context| match side {
            Side::Decode => Callback::RequestBody { context, size, end_of_stream },
            Side::Encode => Callback::ResponseBody { context, size, end_of_stream },
        });
        self.take_body_back(id, place, side, data);
        let status = match asked {
            Asked::Missing => DataStatus::Continue,
            Asked::Failed | Asked::Answer { stopped: true, .. } => DataStatus::StopNoBuffer,
            Asked::Answer { value, .. } => match DataAction::from_number(value) {
                DataAction::Continue => DataStatus::Continue,
                DataAction::StopIterationAndBuffer => DataStatus::StopAndBuffer,
                DataAction::StopIterationAndWatermark => DataStatus::StopAndWatermark,
                DataAction::StopIterationNoBuffer => DataStatus::StopNoBuffer,
            },
        };
        self.windows(id, place, side, |windows| {
            windows.buffering = status == DataStatus::StopAndBuffer;
            windows.piece &= status != DataStatus::Continue;
        });
        status
    }

    /// Puts the piece where hostcalls find it; says how large the body is that the guest sees.
    fn lend_body(
        &mut self,
        id: StreamId,
        place: usize,
        side: Side,
        data: &mut Data,
        buffering: bool,
    ) -> u32 {
        let held = |engine: &mut Self| {
            let held = engine.world.streams.at(id).chain.held(side).as_ref();
            held.map_or(0, |held| held.buffer.len())
        };
        let length = match data {
            Data::Frame(frame) if !buffering => frame.len(),
            _ => held(self),
        };
        let window = match data {
            Data::Frame(frame) => BodyWindow::Frame(std::mem::take(frame)),
            Data::Held => BodyWindow::Held,
        };
        let mut window = Some(window);
        self.windows(id, place, side, |windows| {
            windows.body = window.take().unwrap_or_default();
            windows.piece = true;
        });
        // Without a context nobody took the piece: the VM is dead and the stream is being failed.
        if let (Some(BodyWindow::Frame(frame)), Data::Frame(place)) = (window, &mut *data) {
            *place = frame;
        }
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    fn take_body_back(&mut self, id: StreamId, place: usize, side: Side, data: &mut Data) {
        self.windows(id, place, side, |windows| {
            if let (BodyWindow::Frame(frame) | BodyWindow::Passed(frame), Data::Frame(place)) =
                (std::mem::take(&mut windows.body), data)
            {
                *place = frame;
            }
        });
    }

    pub(super) fn plugin_request_trailers(&mut self, id: StreamId, place: usize) -> TrailersStatus {
        let created = |plugin: &crate::model::chain::PluginFilter| plugin.created;
        if !self.world.streams.at(id).chain.plugin(place).is_some_and(created) {
            return TrailersStatus::Continue;
        }
        self.plugin_trailers(id, place, Side::Decode)
    }

    pub(super) fn plugin_response_trailers(
        &mut self,
        id: StreamId,
        place: usize,
    ) -> TrailersStatus {
        if self.deaf_to_responses(id, place) {
            return TrailersStatus::Continue;
        }
        self.plugin_trailers(id, place, Side::Encode)
    }

    fn plugin_trailers(&mut self, id: StreamId, place: usize, side: Side) -> TrailersStatus {
        self.windows(id, place, side, |windows| windows.trailers = true);
        let streams = &mut self.world.streams;
        let trailers = match side {
            Side::Decode => streams.owner_at(id).request.trailers.as_ref(),
            Side::Encode => streams.at(id).response.trailers.as_ref(),
        };
        let count = trailers.map_or(0, |map| u32::try_from(map.len()).unwrap_or(u32::MAX));
        let asked = self.ask(id, place, |context| match side {
            Side::Decode => Callback::RequestTrailers { context, count },
            Side::Encode => Callback::ResponseTrailers { context, count },
        });
        let status = match asked {
            Asked::Missing => TrailersStatus::Continue,
            Asked::Failed | Asked::Answer { stopped: true, .. } => TrailersStatus::StopIteration,
            Asked::Answer { value, .. } => match TrailersAction::from_number(value) {
                TrailersAction::Continue => TrailersStatus::Continue,
                TrailersAction::StopIteration => TrailersStatus::StopIteration,
            },
        };
        if status == TrailersStatus::Continue {
            self.windows(id, place, side, |windows| windows.trailers = false);
        }
        status
    }

    /// A plugin hears nothing of a response if it never heard of the request, or if the response is the
    /// 503 that its own dead VM caused.
    fn deaf_to_responses(&mut self, id: StreamId, place: usize) -> bool {
        let plugin = self.world.streams.at(id).chain.plugin(place);
        plugin.is_none_or(|plugin| !plugin.created || plugin.failure_reply_sent)
    }

    /// `allow_on_headers_stop_iteration`: a plugin that stops in headers still gets the body. Where plugins
    /// share a root context, the first one's word holds for all.
    fn body_while_stopped(&mut self, id: StreamId, place: usize) -> bool {
        let Some((vm, context)) = self.context_of(id, place) else { return false };
        let root = self.world.context_at(vm, context).map_or(0, |context| context.root);
        let plugin = self.world.root_at(vm, root).map(|root| root.plugin);
        plugin
            .and_then(|plugin| self.world.config.plugins.get(plugin))
            .is_some_and(|plugin| plugin.stop_iteration_on_headers)
    }

    /// Opens or closes windows of a filter's context.
    fn windows(&mut self, id: StreamId, place: usize, side: Side, set: impl FnOnce(&mut Windows)) {
        if let Some((vm, context)) = self.context_of(id, place)
            && let Some(context) = self.world.context_at(vm, context)
        {
            set(context.side(side));
        }
    }

    fn set_end_of_stream(&mut self, id: StreamId, place: usize, end: bool) {
        if let Some((vm, context)) = self.context_of(id, place)
            && let Some(context) = self.world.context_at(vm, context)
        {
            context.end_of_stream = end;
        }
    }

    pub(super) fn context_of(&mut self, id: StreamId, place: usize) -> Option<(VmId, u32)> {
        let plugin = self.world.streams.at(id).chain.plugin(place)?;
        Some((plugin.vm?, plugin.context))
    }
}
