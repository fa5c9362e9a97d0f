//! What the debugger, or QEMU in its place, does for the program: ARM's semihosting.

#![expect(unsafe_code, reason = "a breakpoint that the debugger answers")]

use core::arch::asm;

use super::Exit;

const TIME: usize = 0x11;
const ARGUMENTS: usize = 0x15;
const EXIT: usize = 0x20;
/// The program ends, with a status.
const EXITED: usize = 0x20026;

/// The words that QEMU was given for the program.
pub(super) fn arguments(buffer: &'static mut [u8]) -> &'static str {
    let mut block = [buffer.as_mut_ptr().expose_provenance(), buffer.len()];
    let failed = call(ARGUMENTS, &mut block);
    let given = buffer.get(..block[1]).filter(|_| failed == 0).unwrap_or_default();
    str::from_utf8(given).unwrap_or_default()
}

/// Seconds since 1970.
pub(super) fn seconds() -> u32 {
    call(TIME, &mut []) as u32
}

/// Ends QEMU.
pub(super) fn exit(how: Exit) -> ! {
    loop {
        call(EXIT, &mut [EXITED, how as usize]);
    }
}

fn call(operation: usize, block: &mut [usize]) -> usize {
    let result;
    // SAFETY: the debugger writes to the block, and to the buffer that it names.
    unsafe {
        asm!("bkpt 0xab", inout("r0") operation => result, in("r1") block.as_mut_ptr(), options(nostack))
    };
    result
}
