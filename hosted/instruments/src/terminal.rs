//! What people see: text on stdout and stderr, on a terminal or elsewhere.

pub mod escape;
pub mod outlet;
pub mod panel;
pub mod progress;
pub mod streams;
