//! Kinds of errors, as far as they tell whether another attempt may heal them.

use serde::Deserialize;

/// What kind of error a server has answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// This client, key or model has had enough for now: 429.
    RateLimited,
    /// The servers have too much to do: 529, and what says so in its words.
    Overloaded,
    /// It failed, and says no more: 5xx.
    ServerError,
    /// It took too long: 408, 504, and the limits of the proxy.
    Timeout,
    /// The prompt is too long for this model.
    ContextLength,
    /// This model will not answer that.
    ContentPolicy,
    /// The key is missing, wrong, or not allowed to: 401, 403.
    Authentication,
    /// Another error; the request is at fault, as far as can be told.
    Other,
}

impl Class {
    /// All of them, in the order of their numbers in records.
    pub const ALL: [Self; 8] = [
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Timeout,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Authentication,
        Self::Other,
    ];

    /// The word for labels, logs and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::Authentication => "authentication",
            Self::Other => "other",
        }
    }

    /// The statuses that stand for it; none where only words can tell.
    pub fn statuses(self) -> &'static [u16] {
        match self {
            Self::RateLimited => &[429],
            Self::Overloaded => &[529],
            Self::ServerError => &[500, 501, 502, 503],
            Self::Timeout => &[408, 504],
            Self::Authentication => &[401, 403],
            Self::ContextLength | Self::ContentPolicy | Self::Other => &[],
        }
    }

    /// What a status says where no words do.
    pub fn of_status(status: u16) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|class| class.statuses().contains(&status));
        known.or((status >= 500).then_some(Self::ServerError))
    }

    /// Whether somebody has had enough: for that servers say when to come back.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded)
    }

    fn bit(self) -> u8 {
        // There are eight.
        1 << Self::ALL.iter().position(|class| *class == self).unwrap_or(0)
    }
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Classes(u8);

impl Classes {
    /// The set as a byte.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The set that a byte stands for.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, class: Class) -> Self {
        Self(self.0 | class.bit())
    }

    /// Whether it has this one.
    pub fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        for class in Class::ALL {
            let set = Classes::default().with(class);
            assert_eq!(Class::ALL.map(|c| set.has(c)), Class::ALL.map(|c| c == class));
            assert_eq!(Classes::from_bits(set.bits()), set);
        }
        assert_eq!(Class::ALL.into_iter().collect::<Classes>().bits(), u8::MAX);
    }
}
