//! Which fields of an answer mean what.
//!
//! One table serves all APIs, because none of them uses another's names for something else. What
//! differs is whether the object is a whole body or an event of a stream: an event's `message`,
//! `output` or `content` says once more what the deltas have said (Responses and MiniMax send the whole
//! answer at the end), so text is looked for in the places of the one or of the other.

use super::usage::Field;

/// A position that means something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing here is of interest.
    #[default]
    Ignored,
    /// The body, or an event's data.
    Root,
    /// What kind of object it is, by two names.
    Type,
    Object,
    /// An error, as a string or as an object.
    Error,
    /// An object with a usage, a status or an error in it.
    Message,
    Response,
    GroqUsage,
    /// The usage and its details.
    Usage,
    InputDetails,
    OutputDetails,
    Count(Field),
    /// A word that says why the answer has ended.
    Finish,
    /// Responses: how far it is, and why it will not come to its end.
    Status,
    Incomplete,
    IncompleteReason,
    /// The list of choices, and one of them.
    Choices,
    Choice,
    /// What a choice says, or a block of Anthropic's.
    Said,
    /// Responses have a string there, Anthropic an object.
    Delta,
    /// A string, or a list of parts.
    Content,
    Part,
    /// A block of Anthropic's, as it begins in a stream.
    Block,
    /// Calls of tools, one of them, and its function.
    Calls,
    Call,
    Function,
    /// A string that is text; arguments may be an object.
    Text(Channel),
    Arguments,
    /// Reasoning by two names, of which some servers send both.
    Reasoning,
    ReasoningContent,
    /// Sound, and the text of it.
    Audio,
    Sound,
    /// Responses: the list of what was generated, one of it, and one that begins in a stream.
    Output,
    OutputItem,
    Item,
    ItemName,
}

/// What a text is to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Content,
    Reasoning,
    Refusal,
    CallName,
    CallArguments,
    Transcript,
}

/// The place of an object's member.
pub(super) fn member(is_event: bool, object: Place, name: &[u8]) -> Place {
    match object {
        Place::Root => root_member(is_event, name),
        Place::Message | Place::Response | Place::GroqUsage => envelope_member(name),
        Place::Usage => match name {
            b"prompt_tokens_details" | b"input_tokens_details" => Place::InputDetails,
            b"completion_tokens_details" | b"output_tokens_details" => Place::OutputDetails,
            _ => Field::of_usage(name).map_or(Place::Ignored, Place::Count),
        },
        Place::InputDetails => Field::of_input(name).map_or(Place::Ignored, Place::Count),
        Place::OutputDetails => Field::of_output(name).map_or(Place::Ignored, Place::Count),
        Place::Incomplete => match name {
            b"reason" => Place::IncompleteReason,
            _ => Place::Ignored,
        },
        Place::Choice => match name {
            b"delta" if is_event => Place::Said,
            b"message" if !is_event => Place::Said,
            b"text" => Place::Text(Channel::Content),
            b"finish_reason" => Place::Finish,
            _ => Place::Ignored,
        },
        Place::Said => said_member(name),
        Place::Part => part_member(is_event, name),
        Place::Call => match name {
            b"function" | b"custom" => Place::Function,
            _ => Place::Ignored,
        },
        Place::Function => match name {
            b"name" => Place::Text(Channel::CallName),
            b"arguments" | b"input" => Place::Arguments,
            _ => Place::Ignored,
        },
        Place::Audio => match name {
            b"transcript" => Place::Text(Channel::Transcript),
            b"data" => Place::Sound,
            _ => Place::Ignored,
        },
        Place::OutputItem => match name {
            b"content" | b"summary" => Place::Content,
            b"name" => Place::Text(Channel::CallName),
            b"arguments" | b"input" => Place::Arguments,
            _ => Place::Ignored,
        },
        Place::Item => match name {
            b"name" => Place::ItemName,
            _ => Place::Ignored,
        },
        _ => Place::Ignored,
    }
}

fn root_member(is_event: bool, name: &[u8]) -> Place {
    match name {
        b"choices" => Place::Choices,
        b"usage" => Place::Usage,
        b"type" => Place::Type,
        b"object" => Place::Object,
        b"error" => Place::Error,
        b"message" => Place::Message,
        b"response" => Place::Response,
        b"x_groq" => Place::GroqUsage,
        b"delta" if is_event => Place::Delta,
        b"content_block" if is_event => Place::Block,
        b"item" if is_event => Place::Item,
        b"content" if !is_event => Place::Content,
        b"output" if !is_event => Place::Output,
        _ if !is_event => envelope_member(name),
        _ => Place::Ignored,
    }
}

/// A message of Anthropic's, or a response; as a body, or in an event.
fn envelope_member(name: &[u8]) -> Place {
    match name {
        b"usage" => Place::Usage,
        b"error" => Place::Error,
        b"stop_reason" => Place::Finish,
        b"status" => Place::Status,
        b"incomplete_details" => Place::Incomplete,
        _ => Place::Ignored,
    }
}

/// A chat's message or a piece of it, or a piece of Anthropic's.
fn said_member(name: &[u8]) -> Place {
    match name {
        b"content" => Place::Content,
        b"reasoning_content" => Place::ReasoningContent,
        b"reasoning" => Place::Reasoning,
        b"refusal" => Place::Text(Channel::Refusal),
        b"tool_calls" => Place::Calls,
        b"function_call" => Place::Function,
        b"audio" => Place::Audio,
        b"text" => Place::Text(Channel::Content),
        b"thinking" => Place::Text(Channel::Reasoning),
        b"partial_json" => Place::Text(Channel::CallArguments),
        b"stop_reason" => Place::Finish,
        _ => Place::Ignored,
    }
}

/// A part of a message, or a block of Anthropic's. What a stream's block has as `input` when it begins
/// is empty.
fn part_member(is_event: bool, name: &[u8]) -> Place {
    match name {
        b"text" => Place::Text(Channel::Content),
        b"refusal" => Place::Text(Channel::Refusal),
        // Mistral has a list of parts there.
        b"thinking" => Place::Content,
        b"name" => Place::Text(Channel::CallName),
        b"input" if !is_event => Place::Arguments,
        _ => Place::Ignored,
    }
}

/// The place of an array's elements.
pub(super) fn element(array: Place) -> Place {
    match array {
        Place::Choices => Place::Choice,
        Place::Calls => Place::Call,
        Place::Content => Place::Part,
        Place::Output => Place::OutputItem,
        _ => Place::Ignored,
    }
}
