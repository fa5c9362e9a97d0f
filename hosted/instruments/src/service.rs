//! What a server says of its clients, whatever stack it serves them on.

mod log;
mod totals;

pub use self::log::{Lines, Log};
pub use self::totals::{End, Totals};
