//! What a hostcall answers.

use std::fmt;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal;)*) => {
        /// The answer of a hostcall, as the guest gets it.
        ///
        /// Plugins built with the Rust SDK know neither [`Status::InvalidMemoryAccess`] nor
        /// [`Status::Unimplemented`] and panic when they get one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Status {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Status {
            /// Every status, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The status with this number.
            #[must_use]
            pub fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name in the specification.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

statuses! {
    /// It was done.
    Ok = 0 "ok";
    /// There is no such thing: key, property, queue, metric, function.
    NotFound = 1 "not_found";
    /// An argument is wrong, or what it names is not available in this phase.
    BadArgument = 2 "bad_argument";
    /// The value cannot be put in bytes.
    SerializationFailure = 3 "serialization_failure";
    /// The bytes given cannot be read.
    ParseFailure = 4 "parse_failure";
    /// The expression cannot be evaluated.
    BadExpression = 5 "bad_expression";
    /// A pointer or a length is outside the guest's memory.
    InvalidMemoryAccess = 6 "invalid_memory_access";
    /// There is nothing in the queue.
    Empty = 7 "empty";
    /// Somebody else wrote the key since it was read.
    CasMismatch = 8 "cas_mismatch";
    /// The result is not of the type asked for.
    ResultMismatch = 9 "result_mismatch";
    /// The host failed, or the call is forbidden.
    InternalFailure = 10 "internal_failure";
    /// The peer is gone.
    BrokenConnection = 11 "broken_connection";
    /// The host does not have this call.
    Unimplemented = 12 "unimplemented";
}

impl Status {
    /// The number that the guest gets.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_statuses_map_both_ways() {
        for (number, status) in (0..).zip(Status::ALL) {
            assert_eq!(status.number(), number);
            assert_eq!(Status::from_number(number), Some(*status));
        }
        assert_eq!(Status::ALL.len(), 13);
        assert_eq!(Status::from_number(13), None);
    }
}
