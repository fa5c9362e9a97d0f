//! The ports of a PC's devices.

#![expect(unsafe_code, reason = "instructions that no function of core stands for")]

use core::arch::asm;

/// A port. Only those of [`self`] exist, and none of them writes to memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port(u16);

pub(super) const PIC: [[Port; 2]; 2] = [[Port(0x20), Port(0x21)], [Port(0xa0), Port(0xa1)]];
/// The first counter of the timer, and how it counts.
pub(super) const COUNTER: Port = Port(0x40);
pub(super) const COUNTING: Port = Port(0x43);
/// Ends QEMU.
pub(super) const EXIT: Port = Port(0xf4);
pub(super) const SERIAL: Port = Port(0x3f8);
pub(super) const SERIAL_STATUS: Port = Port(0x3f8 + 5);

impl Port {
    pub(super) fn write(self, byte: u8) {
        // SAFETY: see the type.
        unsafe { asm!("out dx, al", in("dx") self.0, in("al") byte, options(nomem, nostack)) };
    }

    pub(super) fn read(self) -> u8 {
        let byte;
        // SAFETY: see the type.
        unsafe { asm!("in al, dx", in("dx") self.0, out("al") byte, options(nomem, nostack)) };
        byte
    }
}
