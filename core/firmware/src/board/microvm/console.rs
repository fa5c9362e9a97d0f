//! The serial line.

use core::fmt::{self, Write};

use super::port::{SERIAL, SERIAL_STATUS};

/// Bits of the status.
const RECEIVED: u8 = 1;
const VACANT: u8 = 1 << 5;

pub(super) struct Console;

impl Write for Console {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        for byte in words.bytes() {
            while SERIAL_STATUS.read() & VACANT == 0 {}
            SERIAL.write(byte);
        }
        Ok(())
    }
}

/// The next byte that came.
pub(super) fn read() -> Option<u8> {
    (SERIAL_STATUS.read() & RECEIVED != 0).then(|| SERIAL.read())
}
