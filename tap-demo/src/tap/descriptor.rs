//! The descriptor of the interface, which `tun-tap` offers only as a number.

#![expect(unsafe_code, reason = "a number says nothing about how long it is a descriptor")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use tun_tap::Iface;

/// An interface that can be read, written and waited for as any other file.
///
/// Its own `recv` and `send` go through the C library, where a call that may wait is a place at which
/// a thread can be cancelled. Where there is a second thread, that costs more than a copy of the frame.
pub(super) struct Descriptor(pub(super) Iface);

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: only dropping the interface closes it, and it lives as long as `self`.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}
