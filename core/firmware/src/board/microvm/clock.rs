//! The time: the processor's counter, whose rate the timer tells, and an alarm.

#![expect(unsafe_code, reason = "the processor's counter")]

use core::arch::x86_64::_rdtsc;
use core::time::Duration;

use echo_core::Instant;

use super::port::{COUNTER, COUNTING};

/// Ticks of the timer in a second.
const HZ: u64 = 1_193_182;
/// For so many ticks of the timer both are compared: 5 ms.
const COMPARED: u16 = 5_966;
/// So many times. A look at the timer that comes 55 ms late, because QEMU had to wait for a
/// processor, misses a whole round, and the rate is then told too low.
const COMPARISONS: u32 = 8;

pub(super) struct Clock {
    start: u64,
    /// Nanoseconds in a tick of the processor, times 2^32.
    scale: u64,
}

impl Clock {
    /// Takes 40 ms.
    pub(super) fn new() -> Self {
        // Counter 0, both bytes, down and round again.
        COUNTING.write(0x34);
        set(0);
        let start = ticks();
        let scale = (0..COMPARISONS).map(|_| compared()).max().unwrap_or_default();
        Self { start, scale }
    }

    pub(super) fn now(&self) -> Instant {
        let ticks = u128::from(ticks() - self.start);
        // 2^64 ns are 584 years.
        Instant::new(Duration::from_nanos(((ticks * u128::from(self.scale)) >> 32) as u64))
    }
}

/// Nanoseconds in a tick of the processor, times 2^32, by the timer.
fn compared() -> u64 {
    let (start, first) = look();
    loop {
        let (end, counter) = look();
        let passed = first.wrapping_sub(counter);
        if passed >= COMPARED {
            // Neither overflows.
            let nanos = u64::from(passed) * 1_000_000_000 / HZ;
            return (nanos << 32) / (end - start);
        }
    }
}

/// Interrupts once, after this time, or earlier if that is too long for the timer: 50 ms.
pub(super) fn alarm(after: Duration) {
    let micros = after.as_micros().min(50_000) as u64;
    // Counter 0, both bytes, once.
    COUNTING.write(0x30);
    set((micros * HZ / 1_000_000) as u16 + 1);
}

pub(super) fn ticks() -> u64 {
    // SAFETY: every processor with 64 bits has it.
    unsafe { _rdtsc() }
}

fn set(counter: u16) {
    for byte in counter.to_le_bytes() {
        COUNTER.write(byte);
    }
}

/// The processor's counter and the timer's at the same time: of some looks the one during which
/// the least time passed, for QEMU may have been interrupted between the two.
fn look() -> (u64, u16) {
    let looks = (0..8).map(|_| {
        let before = ticks();
        COUNTING.write(0);
        let counter = u16::from_le_bytes([COUNTER.read(), COUNTER.read()]);
        let after = ticks();
        (after - before, before + (after - before) / 2, counter)
    });
    let (_, ticks, counter) = looks.min().unwrap_or_default();
    (ticks, counter)
}
