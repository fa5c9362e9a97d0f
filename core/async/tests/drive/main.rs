//! The pump over a wire that the test holds, on a clock that the test sets. That it also waits
//! and wakes as it should is shown in `tests/check`: by the list of cases over a connection in
//! memory, and over sockets.

mod closing;
mod properties;
mod turns;
mod wire;

use std::cell::RefCell;
use std::pin::pin;
use std::task::Poll;

use echo_async::{Broken, Pump, Turn};
use echo_core::Endpoint;
use embedded_io_async::ErrorKind;

use crate::wire::{Half, Watch, Wire, poll};

type Driven<E> = Poll<Result<Turn<E>, Broken<ErrorKind>>>;

/// Drives as far as it goes without waiting, and gives the rest up.
fn drive<E: Endpoint>(
    pump: &mut Pump<'_, Watch>,
    wire: &RefCell<Wire>,
    endpoint: &mut E,
) -> Driven<E::End> {
    let (mut reader, mut writer) = (Half(wire), Half(wire));
    let driven = poll(pin!(pump.drive(&mut reader, &mut writer, endpoint)));
    driven.expect("it waits in the end")
}
