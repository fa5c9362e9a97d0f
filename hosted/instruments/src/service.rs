//! The output of a server about its clients, whatever stack it serves them on.

mod datagrams;
mod drain;
mod faults;
mod log;
mod manager;
mod totals;

pub use self::datagrams::{Datagrams, Dropped};
pub use self::drain::announce_drain;
pub use self::faults::{Faults, Planting};
pub use self::log::{Lines, Log};
pub use self::manager::Manager;
pub use self::totals::{End, Totals};
