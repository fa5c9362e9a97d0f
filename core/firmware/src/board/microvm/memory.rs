//! What the compiler may call on any target: string instructions, eight bytes at a time.

#![expect(unsafe_code, reason = "a contract with the compiler")]

use core::arch::asm;

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller lends both.
    unsafe {
        asm!(
            "rep movsq", "mov rcx, {rest}", "rep movsb",
            rest = in(reg) n % 8, inout("rcx") n / 8 => _, inout("rdi") to => _,
            inout("rsi") from => _, options(nostack, preserves_flags),
        );
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= n {
        // SAFETY: going upwards, each byte is read before it is overwritten.
        return unsafe { memcpy(to, from, n) };
    }
    // SAFETY: as above, downwards; the flag is set only here.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") n => _, inout("rdi") to.wrapping_add(n).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(n).wrapping_sub(1) => _, options(nostack),
        );
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    let bytes = u64::from(byte as u8) * 0x0101_0101_0101_0101;
    // SAFETY: the caller lends it.
    unsafe {
        asm!(
            "rep stosq", "mov rcx, {rest}", "rep stosb",
            rest = in(reg) n % 8, inout("rcx") n / 8 => _, inout("rdi") to => _,
            in("rax") bytes, options(nostack, preserves_flags),
        );
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: the caller lends both; volatile, or the loop would become a call of memcmp.
        let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the caller lends both.
    unsafe { memcmp(a, b, n) }
}

/// Precompiled `core` names it, though nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
