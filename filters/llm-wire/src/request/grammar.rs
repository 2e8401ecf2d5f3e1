//! Which fields of which API mean what.
//!
//! A [`Place`] is a position in a body that has a meaning. [`member`] and [`element`] lead from a
//! container's place to the places inside it; whatever they do not name is [`Place::Ignored`], and
//! is skipped whole. The places are shared where the APIs agree, so the tables stay short.
//!
//! Field names of servers that follow OpenAI (`reasoning_content` of vLLM and DeepSeek) are in
//! the tables too.

use crate::api::Api;
use crate::media::MediaKind;
use crate::text::Piece;

/// A position that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing here is of interest.
    Ignored,
    /// The body.
    Root,
    Model,
    /// Who asks, and what the request belongs to.
    User,
    Session,
    Metadata,
    Stream,
    StreamOptions,
    IncludeUsage,
    /// The most tokens of the answer.
    MaxTokens,
    /// The same under the name that wins over the older one.
    MaxCompletionTokens,
    /// How many answers.
    Choices,
    /// A reference to what the server has stored.
    Stored,
    /// What costs tokens by no published rule.
    Unpriced,
    /// In which form the answer is to be: text, or JSON by a schema.
    Format,
    /// The list of tools, and one of them.
    Tools,
    Tool,
    /// The list of messages, and one of them.
    Messages,
    Message,
    /// What a message says: a string, or a list of parts.
    Content,
    Part,
    /// The field that tells what a part is.
    PartType,
    /// An image, audio or a file: a string, or an object with the medium somewhere in it.
    Media(MediaKind),
    MediaObject,
    /// The medium itself or its URL; a reference to one that the server has; how closely to look.
    MediaData,
    MediaId,
    Detail,
    /// Anthropic: where an image or a document comes from.
    Source,
    SourceType,
    SourceData,
    /// Calls of tools, one of them, and its function.
    Calls,
    Call,
    Function,
    /// A string that is text.
    Text(Piece),
    /// A value whose JSON is text.
    Json(Piece),
    /// Completions and embeddings: a string, tokens, or a list of either.
    Prompts,
    /// Responses: a string, or a list of items that are much like messages.
    Items,
}

/// The longest member name in the tables below, which must fit into the capture buffer.
pub(super) const LONGEST_NAME: usize = 64;

/// The place of an object's member.
pub(super) fn member(api: Api, object: Place, name: &[u8]) -> Place {
    match object {
        Place::Root => root_member(api, name),
        Place::StreamOptions => match name {
            b"include_usage" => Place::IncludeUsage,
            _ => Place::Ignored,
        },
        Place::Format => match name {
            b"format" => Place::Format,
            b"json_schema" | b"schema" => Place::Unpriced,
            _ => Place::Ignored,
        },
        Place::Metadata => match name {
            b"user_id" => Place::User,
            _ => Place::Ignored,
        },
        Place::Message => message_member(name),
        Place::Part => part_member(name),
        Place::MediaObject => media_member(name),
        Place::Source => match name {
            b"type" => Place::SourceType,
            b"data" | b"url" => Place::SourceData,
            b"content" => Place::Content,
            b"file_id" => Place::MediaId,
            _ => Place::Ignored,
        },
        Place::Call => match name {
            b"function" | b"custom" => Place::Function,
            _ => Place::Ignored,
        },
        Place::Function => match name {
            b"name" => Place::Text(Piece::CallName),
            b"arguments" | b"input" => Place::Text(Piece::CallArguments),
            _ => Place::Ignored,
        },
        _ => Place::Ignored,
    }
}

fn root_member(api: Api, name: &[u8]) -> Place {
    match (name, api) {
        (b"model", _) => Place::Model,
        (b"stream", _) if api != Api::OpenAiEmbeddings => Place::Stream,
        (b"stream_options", Api::OpenAiChat | Api::OpenAiCompletions) => Place::StreamOptions,
        (b"n", Api::OpenAiChat | Api::OpenAiCompletions) => Place::Choices,
        (b"max_tokens", Api::OpenAiChat | Api::OpenAiCompletions | Api::AnthropicMessages) => {
            Place::MaxTokens
        }
        (b"max_completion_tokens", Api::OpenAiChat) => Place::MaxCompletionTokens,
        (b"max_output_tokens", Api::OpenAiResponses) => Place::MaxTokens,
        (b"messages", Api::OpenAiChat | Api::AnthropicMessages) => Place::Messages,
        (b"tools", Api::OpenAiChat | Api::OpenAiResponses | Api::AnthropicMessages)
        | (b"functions", Api::OpenAiChat) => Place::Tools,
        (b"prompt", Api::OpenAiCompletions) | (b"input", Api::OpenAiEmbeddings) => Place::Prompts,
        (b"suffix", Api::OpenAiCompletions) => Place::Text(Piece::Text),
        (b"input", Api::OpenAiResponses) => Place::Items,
        (b"instructions", Api::OpenAiResponses) => Place::Text(Piece::System),
        (b"previous_response_id" | b"conversation" | b"prompt", Api::OpenAiResponses) => {
            Place::Stored
        }
        (b"response_format", Api::OpenAiChat) | (b"text", Api::OpenAiResponses) => Place::Format,
        (b"system", Api::AnthropicMessages) => Place::Content,
        (b"metadata", Api::AnthropicMessages) => Place::Metadata,
        (b"user" | b"safety_identifier", _) if api != Api::AnthropicMessages => Place::User,
        (b"session_id" | b"prompt_cache_key", _) => Place::Session,
        _ => Place::Ignored,
    }
}

/// A message of chat and of Anthropic, or an item of Responses.
fn message_member(name: &[u8]) -> Place {
    match name {
        b"role" => Place::Text(Piece::Role),
        b"name" => Place::Text(Piece::Name),
        b"content" | b"output" | b"summary" => Place::Content,
        b"refusal" | b"reasoning_content" | b"reasoning" => Place::Text(Piece::Text),
        b"tool_calls" => Place::Calls,
        b"function_call" => Place::Function,
        b"arguments" | b"input" => Place::Text(Piece::CallArguments),
        b"type" => Place::PartType,
        b"image_url" => Place::Media(MediaKind::Image),
        b"detail" => Place::Detail,
        // Earlier reasoning that only the server can read, and an answer in sound that it keeps.
        b"encrypted_content" | b"audio" => Place::Unpriced,
        _ => Place::Ignored,
    }
}

fn part_member(name: &[u8]) -> Place {
    match name {
        b"type" => Place::PartType,
        b"text" | b"refusal" | b"thinking" | b"title" | b"context" => Place::Text(Piece::Text),
        b"image_url" => Place::Media(MediaKind::Image),
        b"input_audio" | b"audio_url" => Place::Media(MediaKind::Audio),
        b"file" | b"video_url" => Place::Media(MediaKind::File),
        b"source" => Place::Source,
        b"name" => Place::Text(Piece::CallName),
        b"input" => Place::Json(Piece::CallInput),
        b"content" => Place::Content,
        b"video" => Place::Unpriced,
        _ => media_member(name),
    }
}

/// What tells of a medium, in an object of its own or in the part.
fn media_member(name: &[u8]) -> Place {
    match name {
        b"url" | b"data" | b"file_data" | b"file_url" => Place::MediaData,
        b"file_id" => Place::MediaId,
        b"detail" => Place::Detail,
        _ => Place::Ignored,
    }
}

/// What a part's type says that it is; nothing for those that are text.
pub(super) fn media_kind(part_type: &[u8]) -> Option<MediaKind> {
    match part_type {
        b"image_url" | b"input_image" | b"image" | b"computer_screenshot" => Some(MediaKind::Image),
        b"input_audio" | b"audio_url" => Some(MediaKind::Audio),
        b"file" | b"input_file" | b"document" | b"video_url" => Some(MediaKind::File),
        _ => None,
    }
}

/// The place of an array's elements.
pub(super) fn element(array: Place) -> Place {
    match array {
        Place::Tools => Place::Tool,
        Place::Messages | Place::Items => Place::Message,
        Place::Content => Place::Part,
        Place::Calls => Place::Call,
        Place::Prompts => Place::Prompts,
        _ => Place::Ignored,
    }
}
