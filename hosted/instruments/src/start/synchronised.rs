//! What the kernel knows of its wall clock: an NTP client tells it.

use std::time::Duration;

/// The most by which the clock is off, as the kernel estimates it; None if nothing synchronises the clock, or that cannot be
/// told.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe crate has adjtimex")]
pub(super) fn synchronised() -> Option<Duration> {
    // SAFETY: all of it are numbers, and zeros are valid ones.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: it is valid for writes; with modes of 0 it changes nothing and needs no privilege.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    let known = state >= 0 && state != libc::TIME_ERROR && clock.status & libc::STA_UNSYNC == 0;
    let micros = u64::try_from(clock.maxerror).ok().filter(|_| known)?;
    Some(Duration::from_micros(micros))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn synchronised() -> Option<Duration> {
    None
}
