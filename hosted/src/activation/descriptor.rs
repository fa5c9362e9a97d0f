//! Descriptors that this process was started with. That a number is one, and that nobody else here uses it,
//! is what no type can tell: the one place where `hosted` needs `unsafe` for it.
#![expect(unsafe_code, reason = "a number from the environment becomes a descriptor")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Takes over a descriptor, which a program that this one starts does not get.
///
/// # Errors
///
/// If there is none with this number.
pub(super) fn take(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: it only sets a flag, and does not do so without a descriptor.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open. It is above the standard streams, this process has opened nothing before, and each
    // number is taken once: nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
