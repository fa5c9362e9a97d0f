//! What the application needs of a board, and the board that is compiled for.

use core::fmt;

use echo_core::Instant;
use echo_smoltcp::smoltcp::phy::Device;
use echo_smoltcp::smoltcp::wire::EthernetAddress;

#[cfg(target_arch = "arm")]
mod lm3s6965;
#[cfg(target_arch = "x86_64")]
mod microvm;
#[cfg(target_arch = "arm")]
pub(crate) use lm3s6965::{CONNECTIONS, RECEIVE, SEND, SESSION};
#[cfg(target_arch = "x86_64")]
pub(crate) use microvm::{CONNECTIONS, RECEIVE, SEND, SESSION};

/// A board: a clock, a network controller, a console, and a way to sleep.
///
/// Beside its board, each folder chooses how much memory is lent to the server: `CONNECTIONS`,
/// for each of them the sizes of the rings, `RECEIVE` and `SEND`, and of the session's buffer,
/// `SESSION`. It also has the panic handler: not every board can afford the words of all panics.
pub(crate) trait Board {
    /// The network controller.
    type Phy: Device;

    fn phy(&mut self) -> &mut Self::Phy;

    fn mac(&self) -> EthernetAddress;

    /// The time since the start, monotonic.
    fn now(&self) -> Instant;

    /// A number that differs at each start.
    fn seed(&self) -> u64;

    /// What whoever started the board wants of the application: see [`Settings`](crate::settings).
    fn settings(&self) -> &str;

    /// Sleeps until a frame or a byte of the console may be there, or until that time, and
    /// returns the byte. It may return earlier.
    fn wait(&mut self, until: Option<Instant>) -> Option<u8>;

    /// Writes a line to the console.
    fn log(line: fmt::Arguments<'_>);

    /// Ends everything.
    fn exit(how: Exit) -> !;
}

/// How everything ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exit {
    /// It was asked to.
    Asked,
    /// The settings, or the board, are unfit.
    Unfit,
    /// A panic, or a fault of the processor.
    Panicked,
}
