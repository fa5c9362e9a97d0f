//! The stack: `boot.s` of each board has painted it, from one symbol of its `link.ld` to another.

#![expect(unsafe_code, reason = "memory that no variable stands for")]

/// What it was painted with.
const PAINT: u32 = 0x5a5a_5a5a;

unsafe extern "C" {
    safe static STACK_END: [u32; 0];
    safe static STACK_TOP: [u32; 0];
}

/// The most bytes that it has had so far, and how many it may have.
pub(crate) fn used() -> (usize, usize) {
    let (end, top) = (STACK_END.as_ptr(), STACK_TOP.as_ptr());
    let words = (top.addr() - end.addr()) / 4;
    // SAFETY: from one symbol to the other is the stack.
    let painted = (0..words).take_while(|word| unsafe { end.add(*word).read_volatile() } == PAINT);
    let unused = painted.count();
    ((words - unused) * 4, words * 4)
}
