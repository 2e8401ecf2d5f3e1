//! Which words mean what.

use super::ErrorClass::{
    self, Authentication, ContentPolicy, ContextLength, Overloaded, RateLimited, ServerError,
    Timeout,
};
use memchr::memmem;

/// Values of `code`, `type` and `status`. Words that say no more than the status does, such as
/// `invalid_request_error`, are not among them.
const WORDS: [(ErrorClass, &[&str]); 7] = [
    (
        RateLimited,
        &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit_reached_error",
            "rate_limited",
            "too_many_requests",
            "insufficient_quota",
            "insufficient_balance",
            "quota_exceeded",
            "exceeded_current_quota_error",
            "billing_hard_limit_reached",
            "billing_error",
            "resource_exhausted",
            "throttling_exception",
        ],
    ),
    (
        Overloaded,
        &[
            "overloaded",
            "overloaded_error",
            "engine_overloaded",
            "engine_overloaded_error",
            "server_overloaded",
            "model_overloaded",
            "unavailable",
            "unavailable_error",
            "service_unavailable",
            "service_unavailable_error",
            "service_unavailable_exception",
            "model_not_ready_exception",
            "slow_down",
        ],
    ),
    (
        ServerError,
        &[
            "server_error",
            "internal_error",
            "internal_server_error",
            "internal_server_exception",
            "internal_failure",
            "internal",
            "api_error",
            "api_connection_error",
            "model_error",
            "model_stream_error_exception",
            "generation",
            "incomplete_generation",
        ],
    ),
    (
        Timeout,
        &[
            "timeout",
            "timeout_error",
            "request_timeout",
            "gateway_timeout",
            "model_timeout_exception",
            "deadline_exceeded",
        ],
    ),
    (
        ContextLength,
        &[
            "context_length_exceeded",
            "context_window_exceeded_error",
            "exceed_context_size_error",
            "model_context_window_exceeded",
            "string_above_max_length",
            "prompt_too_long",
        ],
    ),
    (
        ContentPolicy,
        &[
            "content_filter",
            "content_filter_error",
            "content_policy_violation",
            "content_policy_violation_error",
            "content_management_policy",
            "responsible_ai_policy_violation",
            "moderation_blocked",
            "prohibited_content",
            "data_inspection_failed",
        ],
    ),
    (
        Authentication,
        &[
            "authentication_error",
            "permission_error",
            "permission_denied_error",
            "permission_denied",
            "unauthenticated",
            "unauthorized",
            "access_denied_exception",
            "invalid_api_key",
            "invalid_authentication_error",
            "account_deactivated",
        ],
    ),
];

/// What a prompt that is too long is told.
const TOO_LONG: [&[u8]; 9] = [
    b"maximum context length",
    b"prompt is too long",
    b"input is too long",
    b"context window",
    b"context size",
    b"context length",
    b"longer than the maximum model length",
    b"exceeds the maximum number of tokens",
    b"too large for model",
];

/// What a prompt that is not wanted is told.
const UNWANTED: [&[u8]; 4] = [
    b"content management policy",
    b"content filtering policy",
    b"content policy",
    b"safety system",
];

const TOO_MUCH: [&[u8]; 5] =
    [b"overloaded", b"over capacity", b"at capacity", b"too busy", b"loading model"];

const TOO_OFTEN: [&[u8]; 3] = [b"rate limit", b"too many requests", b"exceeded your current quota"];

const TOO_SLOW: [&[u8]; 2] = [b"timed out", b"timeout"];

/// The class of a word, whether it is written `rate_limit_error`, `RateLimitError` or `RATE-LIMIT-ERROR`.
pub(super) fn of_word(word: &[u8]) -> Option<ErrorClass> {
    let letters = |word: &[u8]| -> Vec<u8> {
        word.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    let word = letters(word);
    let is_word = |known: &&str| letters(known.as_bytes()) == word;
    WORDS.iter().find(|(_, words)| words.iter().any(is_word)).map(|(class, _)| *class)
}

/// What a server says of a request that it does not take.
pub(super) fn of_a_bad_request(message: &[u8]) -> Option<ErrorClass> {
    says(message, &TOO_LONG, ContextLength).or_else(|| says(message, &UNWANTED, ContentPolicy))
}

/// What a server says of itself.
pub(super) fn of_a_failure(message: &[u8]) -> Option<ErrorClass> {
    says(message, &TOO_MUCH, Overloaded)
}

/// What a server says when nothing else tells what it is about.
pub(super) fn of_any_error(message: &[u8]) -> Option<ErrorClass> {
    of_a_bad_request(message)
        .or_else(|| of_a_failure(message))
        .or_else(|| says(message, &TOO_OFTEN, RateLimited))
        .or_else(|| says(message, &TOO_SLOW, Timeout))
}

fn says(message: &[u8], phrases: &[&[u8]], class: ErrorClass) -> Option<ErrorClass> {
    phrases.iter().any(|phrase| memmem::find(message, phrase).is_some()).then_some(class)
}
