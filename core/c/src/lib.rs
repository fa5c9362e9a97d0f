//! `echo-core` for C: what `include/echo_core.h` declares, and explains.
//!
//! Each function is the method of [`Endpoint`] with its name, on a session in storage that the
//! caller lends. It is the boundary to C: what a caller has to keep stands in the header, and
//! what can be checked is checked once, in `echo_open_sized`.

#![cfg_attr(not(test), no_std)]

#[cfg(test)]
mod tests;

use core::mem::MaybeUninit;
use core::time::Duration;
use core::{ptr, slice};

use echo_core::{CloseReason, Endpoint, Instant, Rules};

type Session = echo_core::Session<BUFFER>;

/// `ECHO_BUFFER` of the header: the environment's when it was built, or the default.
const BUFFER: usize = match option_env!("ECHO_BUFFER") {
    None => 1024,
    Some(bytes) => match usize::from_str_radix(bytes, 10) {
        Ok(bytes) => bytes,
        Err(_) => panic!("ECHO_BUFFER is no number of bytes"),
    },
};

/// `ECHO_ABI` of the header.
const ABI: u32 = 1;

/// `ECHO_NEVER` of the header.
const NEVER: u64 = u64::MAX;

// What the header reserves beside the buffer is enough, and `uint64_t` is aligned well enough.
const _: () = assert!(size_of::<Session>() <= BUFFER.next_multiple_of(8) + 168);
const _: () = assert!(align_of::<Session>() <= align_of::<u64>());

/// `echo_rules` of the header.
#[repr(C)]
struct EchoRules {
    idle: u32,
    one_shot: u8,
    rfc862: u8,
}

impl EchoRules {
    fn rules(&self) -> Rules {
        let idle = (self.idle > 0).then(|| Duration::from_millis(self.idle.into()));
        Rules { idle, one_shot: self.one_shot != 0, exit: self.rfc862 == 0, ..Rules::default() }
    }
}

#[unsafe(no_mangle)]
extern "C" fn echo_open_sized(
    storage: *mut Session,
    size: usize,
    abi: u32,
    now: u64,
    rules: Option<&EchoRules>,
) -> bool {
    if abi != ABI || size < size_of::<Session>() || storage.is_null() || !storage.is_aligned() {
        return false;
    }
    let rules = rules.map_or_else(Rules::default, EchoRules::rules);
    // SAFETY: large enough and aligned, as was just seen, and lent by the caller. Nothing that
    // was there before has to be dropped: a session owns nothing but its bytes.
    unsafe { ptr::write(storage, Session::new(instant(now), rules)) };
    true
}

#[unsafe(no_mangle)]
extern "C" fn echo_to_send(session: &Session, bytes: &mut MaybeUninit<*const u8>) -> usize {
    let to_send = session.to_send();
    bytes.write(to_send.as_ptr());
    to_send.len()
}

#[unsafe(no_mangle)]
extern "C" fn echo_room(session: &Session) -> usize {
    session.room()
}

#[unsafe(no_mangle)]
extern "C" fn echo_deadline(session: &Session) -> u64 {
    session.deadline().map_or(NEVER, millis)
}

#[unsafe(no_mangle)]
extern "C" fn echo_finished(session: &Session) -> bool {
    session.finished()
}

#[unsafe(no_mangle)]
extern "C" fn echo_end(session: &Session) -> u8 {
    match session.end() {
        None => 0,
        Some(CloseReason::Disconnected) => 1,
        Some(CloseReason::Exit) => 2,
        Some(CloseReason::TimedOut) => 3,
        Some(CloseReason::Answered) => 4,
        // None is spoilt on purpose, or asked to leave, here.
        Some(CloseReason::Cut | CloseReason::Reset | CloseReason::Drained) => 5,
    }
}

#[unsafe(no_mangle)]
extern "C" fn echo_echoed(session: &Session) -> u64 {
    #[cfg(feature = "panic")]
    assert!(session.echoed() < 862, "the proof has to see this");
    session.echoed()
}

#[unsafe(no_mangle)]
extern "C" fn echo_sent(session: &mut Session, now: u64, count: usize) {
    session.handle_sent(instant(now), count);
}

#[unsafe(no_mangle)]
extern "C" fn echo_delivered(session: &mut Session, at: u64) {
    session.handle_delivered(instant(at));
}

/// # Safety
///
/// `bytes` points to `count` bytes, none of them inside of `session`, or `count` is 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn echo_received(
    session: &mut Session,
    now: u64,
    bytes: *const u8,
    count: usize,
) -> usize {
    if count == 0 {
        return 0;
    }
    // SAFETY: promised by the caller.
    session.handle_received(instant(now), unsafe { slice::from_raw_parts(bytes, count) })
}

#[unsafe(no_mangle)]
extern "C" fn echo_quiet(session: &mut Session, now: u64) {
    session.handle_quiet(instant(now));
}

#[unsafe(no_mangle)]
extern "C" fn echo_eof(session: &mut Session, now: u64) {
    session.handle_eof(instant(now));
}

#[unsafe(no_mangle)]
extern "C" fn echo_timeout(session: &mut Session, now: u64) {
    session.handle_timeout(instant(now));
}

fn instant(millis: u64) -> Instant {
    Instant::new(Duration::from_millis(millis))
}

/// Rounded up: a driver that waits until then never wakes too early.
fn millis(instant: Instant) -> u64 {
    let time = instant.since_start();
    time.as_secs() * 1000 + u64::from(time.subsec_nanos().div_ceil(1_000_000))
}

/// Never called: `run` proves it, by a link in which nobody defines what it calls.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "proof")]
    {
        unsafe extern "C" {
            fn echo_core_can_panic() -> !;
        }
        // SAFETY: never called; it does not exist.
        unsafe { echo_core_can_panic() }
    }
    #[cfg(not(feature = "proof"))]
    loop {
        core::hint::spin_loop();
    }
}
