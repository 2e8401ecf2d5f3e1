//! What must hold for every body, tried with random ones.

// `cfg(test)` tells clippy that these modules are tests too, although no `#[test]` is in sight.
#[cfg(test)]
mod answer_reference;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod event_reference;
#[cfg(test)]
mod members;
#[cfg(test)]
mod random_bodies;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod splits;
