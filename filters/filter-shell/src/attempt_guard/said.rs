//! What was read of an error, in the words of policies.
//!
//! Bytes and decisions do not know each other; whoever stands between them translates.

use llm_wire::ErrorClass;
use traffic_policy::attempt::Class;

/// The same class.
pub(super) fn class(of: ErrorClass) -> Class {
    match of {
        ErrorClass::RateLimited => Class::RateLimited,
        ErrorClass::Overloaded => Class::Overloaded,
        ErrorClass::ServerError => Class::ServerError,
        ErrorClass::Timeout => Class::Timeout,
        ErrorClass::ContextLength => Class::ContextLength,
        ErrorClass::ContentPolicy => Class::ContentPolicy,
        ErrorClass::Authentication => Class::Authentication,
        ErrorClass::Other => Class::Other,
    }
}
