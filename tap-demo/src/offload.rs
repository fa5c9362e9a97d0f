//! Tells the kernel that this end takes large segments with unfinished
//! checksums (`TUNSETOFFLOAD`).
//!
//! The setting belongs to the interface, not to the program: on a persistent
//! one it outlives us, and a program that does not expect such segments would hang.
//! So it is set at every start, even to nothing, and undone at the end.

#![expect(unsafe_code, reason = "no crate offers this request of the TUN driver")]

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{IntegerSetter, Opcode, ioctl, opcode};

/// From `linux/if_tun.h`.
const TUNSETOFFLOAD: Opcode = opcode::write::<u32>(b'T', 208);
const TUN_F_CSUM: usize = 1;
const TUN_F_TSO4: usize = 2;
const TUN_F_TSO6: usize = 4;

/// Lets the kernel send large segments to this end, or not.
pub(crate) fn set(tap: impl AsFd, wanted: bool) -> io::Result<()> {
    let flags = if wanted { TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 } else { 0 };
    // SAFETY: the request takes an integer, reads and writes no memory of ours.
    unsafe { ioctl(tap, IntegerSetter::<TUNSETOFFLOAD>::new_usize(flags))? };
    Ok(())
}
