//! The registers of the chip's devices.

#![expect(unsafe_code, reason = "words in memory that no variable stands for")]

use core::ptr;

/// A register. Only devices have an address here, and none of them writes to memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Register(usize);

impl Register {
    /// The one at this address of the data sheet.
    pub(super) const fn at(address: usize) -> Self {
        Self(address)
    }

    pub(super) fn read(self) -> u32 {
        // SAFETY: see the type.
        unsafe { ptr::with_exposed_provenance::<u32>(self.0).read_volatile() }
    }

    pub(super) fn write(self, value: u32) {
        // SAFETY: see the type.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(self.0).write_volatile(value) };
    }
}
