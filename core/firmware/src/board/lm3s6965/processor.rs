//! The processor: its start, its sleep and its faults.

#![expect(unsafe_code, reason = "instructions that no function of core stands for")]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

use super::register::Register;
use super::{Board, Exit, Lm3s6965};
use crate::stack;

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

/// Tells where it was called from, for `addr2line`, as far as the stack shows it: the words and
/// places of all panics would be 12 KiB of the image.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe static CODE_END: [u32; 0];
    }
    // A return address has its lowest bit set: Thumb.
    let is_code = |word: &u32| word % 2 == 1 && (*word as usize) < CODE_END.as_ptr().addr();
    let stack_pointer;
    // SAFETY: it changes nothing.
    unsafe { asm!("mov {}, sp", out(reg) stack_pointer, options(nomem, nostack, preserves_flags)) };
    for word in stack::from(stack_pointer).filter(is_code).take(8) {
        Lm3s6965::log(format_args!("panicked below {word:#x}"));
    }
    Lm3s6965::exit(Exit::Panicked)
}
