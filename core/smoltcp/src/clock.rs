//! The two clocks: echo-core counts nanoseconds since a start, smoltcp
//! microseconds. Only this crate needs both, and it translates here.

use core::time::Duration;

use echo_core::Instant;
use smoltcp::time::Instant as WireInstant;

/// The same point on smoltcp's clock, cut to microseconds.
pub(crate) fn to_wire(now: Instant) -> WireInstant {
    // 2^63 microseconds are 292 000 years.
    WireInstant::from_micros(i64::try_from(now.since_start().as_micros()).unwrap_or(i64::MAX))
}

/// The same point on echo-core's clock. smoltcp says "at once" by its zero.
pub(crate) fn from_wire(at: WireInstant) -> Instant {
    Instant::new(Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0)))
}
