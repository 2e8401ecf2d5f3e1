//! Header maps as hostcalls reach them, and the windows in which they can.
//!
//! A map is there from the callback that brings it until the message moves on; while a filter holds
//! the message, its map stays.
//! Reading all pairs of a map that is not there gives an empty list, reading one value is an error:
//! plugins depend on both.

use super::{
    call::Pairs,
    context::{BodyWindow, StreamContext},
    effect::StreamId,
    headers::{HeaderMap, MapKind},
    stream::{CachedRoute, Message, Stream},
    world::World,
};
use crate::abi::{MapType, Status};

impl World {
    /// `proxy_get_header_map_value`: the first value.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a missing name, [`Status::BadArgument`] for a map that is not there
    /// (in the log phase that, too, is [`Status::NotFound`]).
    pub fn header_value(&mut self, map: u32, key: &[u8]) -> Result<Vec<u8>, Status> {
        let map = map_type(map)?;
        let logging = self.stream_context().is_some_and(|context| context.logging);
        let missing = if logging { Status::NotFound } else { Status::BadArgument };
        let Some(found) = self.readable(map) else {
            self.lint_window(map, "read");
            return Err(missing);
        };
        let name = key.to_ascii_lowercase();
        found.get(kind(map).entry_name(&name)).map(|value| value.to_vec()).ok_or(Status::NotFound)
    }

    /// `proxy_get_header_map_pairs`.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that does not exist in the ABI; one that is not there is empty.
    pub fn header_pairs(&mut self, map: u32) -> Result<Pairs, Status> {
        let map = map_type(map)?;
        let Some(found) = self.readable(map) else {
            self.lint_window(map, "read");
            return Ok(Pairs::new());
        };
        Ok(found.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
    }

    /// `proxy_get_header_map_size`: bytes, not entries.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that could not be changed now.
    pub fn header_map_size(&mut self, map: u32) -> Result<u32, Status> {
        let map = self.writable(map_type(map)?).ok_or(Status::BadArgument)?;
        Ok(u32::try_from(map.byte_size()).unwrap_or(u32::MAX))
    }

    /// `proxy_add_header_map_value`.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that cannot be changed now.
    pub fn add_header(&mut self, map: u32, key: &[u8], value: &[u8]) -> Result<(), Status> {
        self.change(map, |map, kind| map.add(kind, key.to_vec(), value.to_vec()))
    }

    /// `proxy_replace_header_map_value`.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that cannot be changed now.
    pub fn replace_header(&mut self, map: u32, key: &[u8], value: &[u8]) -> Result<(), Status> {
        self.change(map, |map, kind| {
            let name = key.to_ascii_lowercase();
            map.replace(kind.entry_name(&name).to_vec(), value.to_vec());
        })
    }

    /// `proxy_remove_header_map_value`: all entries of the name.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that cannot be changed now.
    pub fn remove_header(&mut self, map: u32, key: &[u8]) -> Result<(), Status> {
        self.change(map, |map, kind| {
            map.remove(kind.entry_name(&key.to_ascii_lowercase()));
        })
    }

    /// `proxy_set_header_map_pairs`: these entries and no others.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a map that cannot be changed now.
    pub fn set_header_pairs(&mut self, map: u32, pairs: Pairs) -> Result<(), Status> {
        self.change(map, |map, kind| {
            *map = HeaderMap::new();
            for (name, value) in pairs {
                map.add(kind, name, value);
            }
        })
    }

    /// A change of request headers makes the route be chosen again.
    fn change(
        &mut self,
        map: u32,
        edit: impl FnOnce(&mut HeaderMap, MapKind),
    ) -> Result<(), Status> {
        let map = map_type(map)?;
        match self.writable(map) {
            Some(found) => edit(found, kind(map)),
            None => {
                self.lint_window(map, "changed");
                return Err(Status::BadArgument);
            }
        }
        if map == MapType::RequestHeaders {
            self.clear_route_cache();
        }
        Ok(())
    }

    /// The stream that has a map: the request is the client's, also for the filters of an attempt, and so is an
    /// answer that has passed them.
    pub(crate) fn holder(&self, map: MapType, stream: StreamId) -> StreamId {
        let handed_on = self.streams.get(stream).map(|stream| stream.handed_on).unwrap_or_default();
        let is_clients = match map {
            MapType::RequestHeaders | MapType::RequestTrailers => true,
            MapType::ResponseHeaders => handed_on.headers,
            MapType::ResponseTrailers => handed_on.trailers,
            _ => false,
        };
        if is_clients { self.streams.owner_of(stream) } else { stream }
    }

    /// Forgets the chosen route of the effective context's stream; for an attempt it is too late.
    pub(crate) fn clear_route_cache(&mut self) {
        if let Some(id) = self.stream_context().map(|context| context.stream) {
            self.clear_route_cache_of(id);
        }
    }

    pub(crate) fn clear_route_cache_of(&mut self, stream: StreamId) {
        self.streams.at(stream).route = CachedRoute::Unknown;
    }

    fn readable(&self, map: MapType) -> Option<&HeaderMap> {
        match map {
            MapType::GrpcInitialMetadata => self.root()?.grpc_view.initial.as_ref(),
            MapType::GrpcTrailingMetadata => self.root()?.grpc_view.trailing.as_ref(),
            MapType::HttpCallResponseHeaders => {
                self.root()?.answer.as_ref().map(|answer| &answer.headers)
            }
            MapType::HttpCallResponseTrailers => self.root()?.answer.as_ref()?.trailers.as_ref(),
            MapType::RequestHeaders
            | MapType::RequestTrailers
            | MapType::ResponseHeaders
            | MapType::ResponseTrailers => {
                let context = self.stream_context()?;
                let stream = self.streams.get(self.holder(map, context.stream))?;
                if context.logging {
                    logged(map, stream)
                } else if window(map, context) {
                    slot_of(map, stream).as_ref()
                } else {
                    None
                }
            }
        }
    }

    /// A map that may be changed; trailers come into being when they are asked for in the last
    /// callback of a body.
    fn writable(&mut self, map: MapType) -> Option<&mut HeaderMap> {
        let context = self.stream_context()?;
        let id = self.holder(map, context.stream);
        let mut open = window(map, context);
        if !open && let Some(late) = makes_trailers(map, context) {
            if late {
                self.note_undefined(id, LATE_TRAILERS);
            }
            let context = self.stream_context_mut()?;
            match map {
                MapType::RequestTrailers => context.request.trailers = true,
                _ => context.response.trailers = true,
            }
            *slot_mut(map, self.streams.at(id)) = Some(HeaderMap::new());
            open = true;
        }
        if open { slot_mut(map, self.streams.at(id)).as_mut() } else { None }
    }
}

fn map_type(number: u32) -> Result<MapType, Status> {
    MapType::from_number(number).ok_or(Status::BadArgument)
}

fn kind(map: MapType) -> MapKind {
    match map {
        MapType::RequestHeaders => MapKind::Request,
        MapType::ResponseHeaders => MapKind::Response,
        _ => MapKind::Trailers,
    }
}

fn window(map: MapType, context: &StreamContext) -> bool {
    match map {
        MapType::RequestHeaders => context.request.headers,
        MapType::RequestTrailers => context.request.trailers,
        MapType::ResponseHeaders => context.response.headers,
        MapType::ResponseTrailers => context.response.trailers,
        MapType::GrpcInitialMetadata
        | MapType::GrpcTrailingMetadata
        | MapType::HttpCallResponseHeaders
        | MapType::HttpCallResponseTrailers => false,
    }
}

/// Envoy adds trailers in the last callback of a body, and asserts that no later event does.
const LATE_TRAILERS: &str = "trailers are added after the callback of the last piece";

/// Whether trailers come into being when they are asked for; `Some(true)`: after the callback.
fn makes_trailers(map: MapType, context: &StreamContext) -> Option<bool> {
    let windows = match map {
        MapType::RequestTrailers => &context.request,
        MapType::ResponseTrailers => &context.response,
        _ => return None,
    };
    let late = matches!(windows.body, BodyWindow::Closed | BodyWindow::Passed(_));
    (context.end_of_stream && windows.piece).then_some(late)
}

/// Request trailers are not handed to access loggers.
fn logged(map: MapType, stream: &Stream) -> Option<&HeaderMap> {
    match map {
        MapType::RequestTrailers => None,
        _ => slot_of(map, stream).as_ref(),
    }
}

fn slot_of(map: MapType, stream: &Stream) -> &Option<HeaderMap> {
    match map {
        MapType::RequestHeaders => &stream.request.headers,
        MapType::RequestTrailers => &stream.request.trailers,
        MapType::ResponseTrailers => &stream.response.trailers,
        _ => &stream.response.headers,
    }
}

fn slot_mut(map: MapType, stream: &mut Stream) -> &mut Option<HeaderMap> {
    let Stream { request, response, .. } = stream;
    let message: (&mut Message, bool) = match map {
        MapType::RequestHeaders => (request, false),
        MapType::RequestTrailers => (request, true),
        MapType::ResponseTrailers => (response, true),
        _ => (response, false),
    };
    let (message, trailers) = message;
    if trailers { &mut message.trailers } else { &mut message.headers }
}
