//! The descriptor of the interface, which `tun-tap` offers only as a number.

#![expect(unsafe_code, reason = "a number says nothing about how long it is a descriptor")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::Tap;

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: only dropping the interface closes it, and it lives as long as `self`.
        unsafe { BorrowedFd::borrow_raw(self.iface.as_raw_fd()) }
    }
}
