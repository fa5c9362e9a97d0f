//! The processor: its start, its sleep and its faults.

#![expect(unsafe_code, reason = "instructions that no function of core stands for")]

use core::arch::{asm, global_asm};

use super::register::Register;
use super::{Board, Exit, Lm3s6965};

global_asm!(include_str!("boot.s"));

const ENABLE: [Register; 2] = [Register::at(0xe000_e100), Register::at(0xe000_e104)];
const PENDING: [Register; 2] = [Register::at(0xe000_e280), Register::at(0xe000_e284)];

/// These interrupt lines end a sleep.
pub(super) fn wake_at(lines: &[u32]) {
    for line in lines {
        ENABLE[*line as usize / 32].write(1 << (line % 32));
    }
}

/// What these interrupt lines wanted so far does not end the next sleep.
pub(super) fn acknowledge(lines: &[u32]) {
    for line in lines {
        PENDING[*line as usize / 32].write(1 << (line % 32));
    }
}

/// Sleeps until an interrupt. One that came since [`acknowledge`] is not lost.
pub(super) fn sleep() {
    // SAFETY: it changes nothing.
    unsafe { asm!("wfi", options(nomem, nostack, preserves_flags)) };
}

/// Called by `boot.s` with the address of the instruction.
#[unsafe(no_mangle)]
extern "C" fn faulted(at: u32) -> ! {
    Lm3s6965::log(format_args!("fault at {at:#x}"));
    Lm3s6965::exit(Exit::Panicked)
}
