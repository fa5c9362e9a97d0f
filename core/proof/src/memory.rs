//! What the compiler may call on any target, in the plainest form.

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: a contract with the compiler, as for the next three.
    unsafe { copy(to, from, n) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as above.
    unsafe { copy(to, from, n) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    // SAFETY: as above; volatile, or the loop would become a call of memset.
    (0..n).for_each(|i| unsafe { to.add(i).write_volatile(byte as u8) });
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: as above.
        let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: as above.
    unsafe { memcmp(a, b, n) }
}

/// The program is linked, never run: an order that suits overlapping memory
/// is not needed.
unsafe fn copy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: as above.
    (0..n).for_each(|i| unsafe { to.add(i).write_volatile(from.add(i).read_volatile()) });
    to
}

/// Precompiled `core` names it, though nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
