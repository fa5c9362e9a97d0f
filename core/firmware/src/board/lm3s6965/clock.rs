//! The time: the processor's own counter, and a timer of the chip as the alarm.

use core::cell::Cell;
use core::time::Duration;

use echo_core::Instant;

use super::register::Register;

/// The clock of the chip.
const CLOCKING: Register = Register::at(0x400f_e060);
/// SysTick.
const CONTROL: Register = Register::at(0xe000_e010);
const RELOAD: Register = Register::at(0xe000_e014);
const COUNTER: Register = Register::at(0xe000_e018);
/// Timer 0.
const TIMER_MODE: Register = Register::at(0x4003_0004);
const TIMER_CONTROL: Register = Register::at(0x4003_000c);
const TIMER_MASK: Register = Register::at(0x4003_0018);
const TIMER_CLEAR: Register = Register::at(0x4003_0024);
const TIMER_LOAD: Register = Register::at(0x4003_0028);

/// The alarm's interrupt line.
pub(super) const ALARM: u32 = 19;

/// At 50 MHz, the most that the chip can.
const TICK: Duration = Duration::from_nanos(20);
/// The counter has 24 bits: a round takes 335 ms.
const ROUND: u32 = 1 << 24;
/// So long a sleep at most, so that no round of the counter is missed.
const SLEEP: u32 = ROUND / 2;

/// Must be read once a round, at least.
pub(super) struct Clock {
    ticks: Cell<u64>,
    last: Cell<u32>,
}

impl Clock {
    /// Starts it, once.
    pub(super) fn start() -> Self {
        // 200 MHz divided by 4.
        CLOCKING.write(3 << 23 | 1 << 22);
        RELOAD.write(ROUND - 1);
        COUNTER.write(0);
        CONTROL.write(0b101);
        TIMER_MODE.write(1);
        TIMER_MASK.write(1);
        Self { ticks: Cell::new(0), last: Cell::new(COUNTER.read()) }
    }

    pub(super) fn now(&self) -> Instant {
        let counter = COUNTER.read();
        // It counts downwards.
        let passed = self.last.replace(counter).wrapping_sub(counter) % ROUND;
        self.ticks.update(|ticks| ticks + u64::from(passed));
        Instant::new(Duration::from_nanos(self.ticks.get() * TICK.as_nanos() as u64))
    }

    /// Sets the alarm, unless that time has come. It rings in time, or earlier.
    pub(super) fn alarm(&self, at: Option<Instant>) -> bool {
        let now = self.now();
        let left = at.map(|at| at.saturating_duration_since(now));
        let ticks = left.map_or(SLEEP, |left| {
            let ticks = left.as_nanos().div_ceil(TICK.as_nanos());
            u32::try_from(ticks).unwrap_or(SLEEP).min(SLEEP)
        });
        TIMER_CONTROL.write(0);
        TIMER_CLEAR.write(1);
        if ticks > 0 {
            TIMER_LOAD.write(ticks);
            TIMER_CONTROL.write(1);
        }
        ticks > 0
    }
}
