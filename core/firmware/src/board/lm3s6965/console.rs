//! The serial line: UART 0.

use core::fmt::{self, Write};

use super::register::Register;

const DATA: Register = Register::at(0x4000_c000);
const STATUS: Register = Register::at(0x4000_c018);
const MASK: Register = Register::at(0x4000_c038);

/// Its interrupt line.
pub(super) const LINE: u32 = 5;

/// Bits of the status.
const EMPTY: u32 = 1 << 4;
const FULL: u32 = 1 << 5;

pub(super) struct Console;

impl Write for Console {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        for byte in words.bytes() {
            while STATUS.read() & FULL != 0 {}
            DATA.write(byte.into());
        }
        Ok(())
    }
}

/// From now on a byte that comes interrupts.
pub(super) fn listen() {
    MASK.write(1 << 4);
}

/// The next byte that came. With the last one its interrupt is over.
pub(super) fn read() -> Option<u8> {
    (STATUS.read() & EMPTY == 0).then(|| DATA.read() as u8)
}
