//! Refusals, as the APIs word them, so that client libraries raise what they always raise.

use filter_shell::{Facts, Reply};
use traffic_policy::route::Refusal;

/// The answer to a request that the policy refuses.
pub(crate) fn reply(why: Refusal, facts: &Facts) -> Reply {
    match why {
        Refusal::UnknownModel => Reply {
            status: 404,
            code: Some("model_not_found"),
            message: format!(
                "The model `{}` does not exist or you do not have access to it.",
                facts.body.model.as_deref().unwrap_or_default()
            ),
            param: Some("model"),
        },
        Refusal::MissingModel => Reply {
            status: 400,
            code: Some("missing_required_parameter"),
            message: "Missing required parameter: 'model'.".into(),
            param: Some("model"),
        },
        Refusal::Incomplete => Reply {
            status: 413,
            code: Some("request_too_large"),
            message: "The request is too large, or was sent too slowly, to be routed.".into(),
            param: None,
        },
        Refusal::Malformed => Reply {
            status: 400,
            code: Some("invalid_json"),
            message: "The body of the request is not valid JSON of this API.".into(),
            param: None,
        },
    }
}
