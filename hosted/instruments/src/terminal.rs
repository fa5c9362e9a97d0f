//! What people see: text on stdout and stderr, on a terminal or elsewhere.

pub mod escape;
pub(crate) mod live;
pub mod notes;
pub(crate) mod outlet;
pub mod streams;
