//! The stack: `boot.s` of each board has painted it, from one symbol of its `link.ld` to another.

#![expect(unsafe_code, reason = "memory that no variable stands for")]

use core::ptr;

/// What it was painted with.
const PAINT: u32 = 0x5a5a_5a5a;

unsafe extern "C" {
    safe static STACK_END: [u32; 0];
    safe static STACK_TOP: [u32; 0];
}

/// The most bytes that it has had so far, and how many it may have.
pub(crate) fn used() -> (usize, usize) {
    let (start, size) = (STACK_END.as_ptr(), STACK_TOP.as_ptr().addr() - STACK_END.as_ptr().addr());
    let unused = from(start).take_while(|word| *word == PAINT).count();
    (size - unused * 4, size)
}

/// What is on it from this word on, to its top.
pub(crate) fn from(start: *const u32) -> impl Iterator<Item = u32> {
    let words = (start.addr()..STACK_TOP.as_ptr().addr()).step_by(4);
    // SAFETY: from one symbol to the other is the stack, which nobody else writes to meanwhile.
    words.map(|at| unsafe { ptr::with_exposed_provenance::<u32>(at).read_volatile() })
}

/// Goes deeper than the stack is.
#[cfg(feature = "overflow")]
#[expect(unconditional_recursion, reason = "what is below it must be noticed")]
pub(crate) fn overflow(depth: u32) -> u32 {
    let used = core::hint::black_box([depth; 64]);
    overflow(used[63] + 1) + used[0]
}
