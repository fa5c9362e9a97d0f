//! The echo service and its instruments on the operating system's TCP.

pub mod timeline;
pub mod units;
