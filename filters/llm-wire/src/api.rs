//! Which API a request speaks, told by its path.
//!
//! Gateways, Azure and self-hosted servers put prefixes of their own before the path that the
//! vendor documents (`/openai/deployments/x/chat/completions`), so only the last segments decide.
//! What they mean is the same everywhere, because client libraries append exactly these.

/// A request format with a body that carries a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// OpenAI `POST /v1/chat/completions`.
    OpenAiChat,
    /// OpenAI `POST /v1/completions`, the older text completion.
    OpenAiCompletions,
    /// OpenAI `POST /v1/embeddings`.
    OpenAiEmbeddings,
    /// OpenAI `POST /v1/responses`.
    OpenAiResponses,
    /// Anthropic `POST /v1/messages`.
    AnthropicMessages,
}

/// Whose conventions an API follows: the shape of errors, of usage and of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// OpenAI and every server that calls itself compatible with it.
    OpenAi,
    /// Anthropic.
    Anthropic,
}

impl Api {
    /// Finds the API from a request path.
    ///
    /// The query string, one trailing slash and any prefix are ignored; letter case counts, and
    /// percent-encoding is not undone, since none of these names needs it.
    ///
    /// ```
    /// use llm_wire::Api;
    /// assert_eq!(Api::from_path(b"/openai/v1/chat/completions?x=1"), Some(Api::OpenAiChat));
    /// assert_eq!(Api::from_path(b"/v1/models"), None);
    /// ```
    #[must_use]
    pub fn from_path(path: &[u8]) -> Option<Self> {
        let path = path.split(|&byte| byte == b'?' || byte == b'#').next()?;
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let mut segments = path.rsplit(|&byte| byte == b'/');
        let last = segments.next()?;
        let (parent, grandparent) = (segments.next(), segments.next());
        match last {
            b"completions" if parent == Some(b"chat") => Some(Self::OpenAiChat),
            b"completions" => Some(Self::OpenAiCompletions),
            b"embeddings" => Some(Self::OpenAiEmbeddings),
            b"responses" => Some(Self::OpenAiResponses),
            // `/v1/threads/{id}/messages` is OpenAI's Assistants API, which carries no model.
            b"messages" if grandparent != Some(b"threads") => Some(Self::AnthropicMessages),
            _ => None,
        }
    }

    /// Whose conventions this API follows.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::OpenAiChat
            | Self::OpenAiCompletions
            | Self::OpenAiEmbeddings
            | Self::OpenAiResponses => Family::OpenAi,
            Self::AnthropicMessages => Family::Anthropic,
        }
    }

    /// A short name for labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "chat",
            Self::OpenAiCompletions => "completions",
            Self::OpenAiEmbeddings => "embeddings",
            Self::OpenAiResponses => "responses",
            Self::AnthropicMessages => "messages",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segments_decide_whatever_stands_before_them() {
        let cases: [(&str, Option<Api>); 14] = [
            ("/v1/chat/completions", Some(Api::OpenAiChat)),
            ("/openai/deployments/a/chat/completions?api-version=1", Some(Api::OpenAiChat)),
            ("/v1/chat/completions/", Some(Api::OpenAiChat)),
            ("/v1/completions", Some(Api::OpenAiCompletions)),
            ("/v1/embeddings#x", Some(Api::OpenAiEmbeddings)),
            ("/v1/responses", Some(Api::OpenAiResponses)),
            ("/v1/responses/resp_1/cancel", None),
            ("/anthropic/v1/messages", Some(Api::AnthropicMessages)),
            ("/v1/messages/count_tokens", None),
            ("/v1/threads/thread_1/messages", None),
            ("/v1/Chat/Completions", None),
            ("/xchat/completions", Some(Api::OpenAiCompletions)),
            ("/v1/chat/completions/x", None),
            ("", None),
        ];
        for (path, api) in cases {
            assert_eq!(Api::from_path(path.as_bytes()), api, "{path}");
        }
    }

    #[test]
    fn a_query_that_looks_like_a_path_is_ignored() {
        assert_eq!(Api::from_path(b"/v1/models?next=/v1/chat/completions"), None);
    }
}
