//! What a server tells about its clients, whatever stack it serves them on.

mod counters;
mod datagrams;
mod drain;
mod exposition;
mod faults;
mod log;
mod manager;
mod metrics;
mod totals;

pub use self::counters::Counters;
pub use self::datagrams::{Datagrams, Dropped};
pub use self::drain::{Drain, announce_drain, announce_notice};
pub use self::faults::{Faults, Planting};
pub use self::log::{Lines, Log};
pub use self::manager::Manager;
pub use self::metrics::{Metrics, MetricsAddress, MetricsSocket};
pub use self::totals::{End, Totals};
