//! Prints the recording rules for rollouts; see [`tests::canary_rules`].

use tests::canary_rules::{USUAL, canary};

fn main() {
    print!("{}", canary(USUAL));
}
