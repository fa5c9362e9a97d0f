//! The report as people see it, of runs of every sort.

use std::time::Duration;

use echo_core::{Difference, Failure, Fault, Origin};
use insta::assert_snapshot;
use rustix::io::Errno;

use super::{Layout, header, text};
use crate::made_up::{MadeUp, spread};
use crate::measurement::{Ended, Instrument, Sample};
use crate::plan::{Pace, Plan};
use crate::ports::Ports;
use crate::stack::{Kernel, Lack, Stops};

const MILLI: Duration = Duration::from_millis(1);

/// All that stands on a terminal of this width.
pub(super) fn on(width: usize, run: &MadeUp) -> String {
    laid_out(run, Layout { width: Some(width), histogram: false })
}

fn shown(run: &MadeUp) -> String {
    on(80, run)
}

pub(super) fn laid_out(run: &MadeUp, layout: Layout) -> String {
    format!("{}\n{}", header(&run.subject(), layout), text(&run.subject(), &run.run, layout))
}

#[test]
fn a_closed_loop() {
    let plan = Plan { length: 1000, count: Some(60_000), ..Plan::new() };
    let mut made = MadeUp::new(plan, 4_880);
    made.echoes(spread(60_000, 71));
    let [srtt, min_rtt] = [74, 31].map(Duration::from_micros);
    made.run.kernel = Some(Kernel { retransmits: 1, srtt, min_rtt: Some(min_rtt) });
    made.run.instrument = Some(Instrument {
        clock: Duration::from_nanos(24),
        resolution: Duration::from_nanos(1),
        floor: Some(Duration::from_nanos(310)),
    });
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1000 bytes, closed loop,
        1 connection
    --- board.local:2333 echo statistics ---
    60 000 sent, 60 000 echoed, 0 failed (fail rate below 50.0 ppm at 95 %
        confidence), 4.88 s
    rtt min/avg/max/mdev = 0.071/0.087/0.710/0.063 ms
    echo rate 98.4 Mbit/s, 12 295 messages/s
       p50       p90       p99       p99.9     p99.99    max
       80.0 µs   89.0 µs   90.0 µs   710 µs    710 µs    710 µs
    kernel: min rtt 31.0 µs (segment to ACK), 1 segment retransmitted
    instrument: 310 ns per message, clock 24 ns
    ");
}

fn late() -> MadeUp {
    let pace = Pace::Rate(20_000.0);
    let plan = Plan { length: 64, connections: 1_200, pace, ..Plan::new() };
    let mut made = MadeUp::new(plan, 2_500);
    for (took, n) in spread(40_000, 480).zip(0..) {
        let late = Duration::from_micros(u64::from(n % 1_000));
        let end = Ok(Duration::from_micros(took));
        made.ends(Sample { late, ..Sample::new(MILLI * n / 16, 0, end) });
    }
    made.run.unsent = 9_988;
    made.run.under_way = vec![3 * MILLI, 1_250 * MILLI];
    made
}

#[test]
fn an_open_loop_that_is_late() {
    let mut made = late();
    assert_snapshot!(on(40, &made), @"
    ECHO board.local:2333 (192.0.2.7:2333)
        tcp, 64 bytes, open loop at
        20 000/s, 1200 connections
    --- board.local:2333 echo statistics ---
    40 002 sent, 40 000 echoed, 0 failed
        (fail rate below 75.0 ppm at 95 %
        confidence), 2.50 s
    2 messages in flight at the end, for up
        to 1.25 s
    service min/avg/max/mdev =
        0.480/0.533/4.800/0.429 ms
    response min/avg/max/mdev =
        0.480/1.032/5.799/0.521 ms
    echo rate 8.19 Mbit/s, 16 000 messages/s
                 service   response
       p50       489 µs    992 µs
       p90       498 µs    1.40 ms
       p99       499 µs    1.50 ms
       p99.9     4.80 ms   5.70 ms
       p99.99    4.80 ms   5.80 ms
       max       4.80 ms   5.80 ms
    successive responses are alike:
        40 000 tell as much as about
        5700 independent ones (the mean is
        known to ±1.54 %)
    sent late by: p99 989 µs, max 999 µs;
        9988 due but never sent
    ");
    made.run.under_way.pop();
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 64 bytes, open loop at 20 000/s,
        1200 connections
    --- board.local:2333 echo statistics ---
    40 001 sent, 40 000 echoed, 0 failed (fail rate below 75.0 ppm at 95 %
        confidence), 2.50 s
    1 message in flight at the end
    service min/avg/max/mdev = 0.480/0.533/4.800/0.429 ms
    response min/avg/max/mdev = 0.480/1.032/5.799/0.521 ms
    echo rate 8.19 Mbit/s, 16 000 messages/s
                 p50       p90       p99       p99.9     p99.99    max
       service   489 µs    498 µs    499 µs    4.80 ms   4.80 ms   4.80 ms
       response  992 µs    1.40 ms   1.50 ms   5.70 ms   5.80 ms   5.80 ms
    successive responses are alike: 40 000 tell as much as about 5700 independent
        ones (the mean is known to ±1.54 %)
    sent late by: p99 989 µs, max 999 µs; 9988 due but never sent
    ");
}

#[test]
fn a_warm_up_and_nothing_more() {
    let plan = Plan { omit: 5_000 * MILLI, ..Plan::new() };
    let mut made = MadeUp::new(plan, 0);
    made.run.omitted = 12_345;
    made.run.ended = Ended::Stopped;
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    0 sent, 0 echoed, 0 failed, 0 ns
    warm-up of 5.00 s: 12 345 messages left out; the run ended before anything was
        measured
    ");
}

#[test]
fn nothing_at_all() {
    assert_snapshot!(shown(&MadeUp::new(Plan::new(), 0)), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    0 sent, 0 echoed, 0 failed, 0 ns
    ");
    let mut silent = MadeUp::new(Plan::new(), 1_300);
    silent.run.under_way = vec![1_300 * MILLI];
    assert_snapshot!(shown(&silent), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    1 sent, 0 echoed, 0 failed, 1.30 s
    1 message in flight at the end, for up to 1.30 s
    echo rate 0 bit/s, 0 messages/s
    ");
}

#[test]
fn failures_of_several_kinds() {
    let plan = Plan { length: 1000, connections: 4, keep_going: true, ..Plan::new() };
    let mut made = MadeUp::new(plan, 12_000);
    made.echoes(spread(1_986, 71));
    let differs = |message, fault| {
        Failure::Differs(Difference { message, offset: 992, expected: 0x31, received: 0x33, fault })
    };
    let origin = Origin { connection: 2, message: 6, offset: 500 };
    for (at, failure) in [
        Failure::TimedOut { received: 400, length: 1000, whole: None },
        Failure::TimedOut { received: 0, length: 1000, whole: Some(2_100 * MILLI) },
        Failure::ClosedEarly { received: 1, length: 1000 },
        differs(7, Fault::Stale(origin)),
        differs(8, Fault::Stale(origin)),
        differs(9, Fault::Crossed(origin)),
        differs(10, Fault::Skipped { bytes: 1 }),
        differs(11, Fault::Repeated { bytes: 1_460 }),
        differs(12, Fault::Flipped),
        differs(13, Fault::Overwritten { by: 0x33 }),
        differs(14, Fault::Changed),
        differs(15, Fault::Foreign),
        Failure::Extra { message: 16, bytes: 3 },
        Failure::Reset,
    ]
    .into_iter()
    .enumerate()
    {
        let sample = Sample::new(at as u32 * 900 * MILLI, at % 4, Err(failure));
        made.ends(Sample { message: at as u64 + 4, ..sample });
    }
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1000 bytes, closed loop,
        4 connections
    --- board.local:2333 echo statistics ---
    2000 sent, 1986 echoed, 14 failed (fail rate 0.700 %; 0.417 % to 1.17 % at 95 %
        confidence), 12.0 s
    failed: 2 timed out, 1 reset, 1 closed early, 9 differed, 1 with extra bytes
    rtt min/avg/max/mdev = 0.071/0.086/0.710/0.062 ms
    echo rate 1.32 Mbit/s, 166 messages/s
                      p50       p90       p99       p99.9     p99.99    max
       rtt            80.0 µs   89.0 µs   90.0 µs   710 µs    n/a       710 µs
       with failures  81.0 µs   89.0 µs   710 µs    never     n/a       never
    with failures: the 0.700 % that failed are counted as infinitely late
    messages with wrong bytes:
       2 stale (first in message 7 at byte 992: from message k-1 at byte 500)
       1 of another connection (first in message 9 at byte 992: from connection 2)
       1 with bytes missing (first in message 10 at byte 992: 1 byte missing)
       1 with bytes repeated (first in message 11 at byte 992: the last 1460 bytes
           repeated)
       2 overwritten (0x33; first in message 12 at byte 992)
       1 with bytes changed (first in message 14 at byte 992: 0x33 instead of 0x31)
       1 with foreign bytes (first in message 15 at byte 992: 0x33 instead of 0x31)
    after 0 ns, connection 0, message 4: timed out with 400 of 1000 bytes echoed
    after 900 ms, connection 1, message 5: timed out: the whole echo took 2.10 s
    after 1.80 s, connection 2, message 6: closed by the peer with 1 of 1000 bytes
        echoed
    after 2.70 s, connection 3: message 7 differs at byte 992: 0x33 instead of 0x31,
        stale: byte 500 of message 6 on connection 2
    after 3.60 s, connection 0: message 8 differs at byte 992: 0x33 instead of 0x31,
        stale: byte 500 of message 6 on connection 2
    after 4.50 s, connection 1: message 9 differs at byte 992: 0x33 instead of 0x31,
        of another connection: byte 500 of message 6 on connection 2
    after 5.40 s, connection 2: message 10 differs at byte 992: 0x33 instead of
        0x31; 1 byte is missing
    after 6.30 s, connection 3: message 11 differs at byte 992: 0x33 instead of
        0x31; the last 1460 bytes are repeated
    after 7.20 s, connection 0: message 12 differs at byte 992: 0x33 instead of
        0x31; the bytes after it are right
    after 8.10 s, connection 1: message 13 differs at byte 992: 0x33 instead of
        0x31; the bytes after it are right
    and 4 failures more
    ");
}

#[test]
fn the_first_failure_ends_it() {
    let mut made = MadeUp::new(Plan::new(), 20);
    let errno = Some(Errno::HOSTUNREACH);
    made.ends(Sample { errno, ..Sample::new(20 * MILLI, 0, Err(Failure::Unreachable)) });
    made.run.ended = Ended::Failed;
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    1 sent, 0 echoed, 1 failed (fail rate 100 %; 20.7 % to 100 % at 95 %
        confidence), 20.0 ms
    failed: 1 unreachable
    echo rate 0 bit/s, 0 messages/s
    after 20.0 ms, connection 0, message 0: connection lost or no route to the peer:
        no route to host
    stopped at the first failure (fail-rate goes on after failures)
    ");
}

#[test]
fn who_does_not_accept_is_told_from_who_does_not_echo() {
    let mut made = MadeUp::new(Plan::new(), 20);
    let silent = Err(Failure::TimedOut { received: 0, length: 1, whole: None });
    for unopened in [true, false] {
        made.ends(Sample { unopened, ..Sample::new(20 * MILLI, 0, silent) });
    }
    let shown = shown(&made);
    let told: Vec<_> = shown.lines().filter(|line| line.starts_with("after")).collect();
    let [connecting, echoing] =
        [": timed out while connecting", ", message 0: timed out with 0 of 1 bytes echoed"]
            .map(|what| format!("after 20.0 ms, connection 0{what}"));
    assert_eq!(told, [connecting, echoing]);
}

#[test]
fn a_connection_per_message() {
    let mut made = MadeUp::new(Plan { per_message: true, ..Plan::new() }, 60_000);
    for (took, n) in spread(20_000, 180).zip(0..) {
        let connecting = Some(Duration::from_micros(took / 2));
        let end = Ok(Duration::from_micros(took));
        made.ends(Sample { connecting, ..Sample::new(3 * MILLI * n, 0, end) });
    }
    made.run.ports = Some(Ports { all: 28_232, resting: 20_000 });
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, a new
        connection per message, 1 connection
    --- board.local:2333 echo statistics ---
    20 000 sent, 20 000 echoed, 0 failed (fail rate below 0.0150 % at 95 %
        confidence), 60.0 s
    rtt min/avg/max/mdev = 0.180/0.206/1.800/0.160 ms
    echo rate 2.67 kbit/s, 333 messages/s
                 p50       p90       p99       p99.9     p99.99    max
       message   189 µs    198 µs    199 µs    1.80 ms   1.80 ms   1.80 ms
       connect   94.0 µs   99.0 µs   99.0 µs   900 µs    900 µs    900 µs
    hint: few local ports are free (28 232 local ports, 20 000 connections in
        TIME-WAIT, for a minute each), and each connect has to search for one
        (p50 94.0 µs, p99 99.0 µs): such times reflect this machine more than the
        server; avoid TIME-WAIT (--reset), send fewer messages (--rate), use more
        source addresses (--bind), or allow more ports (sysctl
        net.ipv4.ip_local_port_range)
    ");
    made.plan.reset = true;
    made.run.lack = Some(Lack::Ports);
    let lack = Sample::new(60_000 * MILLI, 0, Err(Failure::Local));
    made.ends(Sample { unopened: true, ..lack });
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, a new
        connection per message, ended by a reset, 1 connection
    --- board.local:2333 echo statistics ---
    20 001 sent, 20 000 echoed, 1 failed (fail rate 50.0 ppm; 8.83 ppm to 0.0283 %
        at 95 % confidence), 60.0 s
    failed: 1 without a local socket
    rtt min/avg/max/mdev = 0.180/0.206/1.800/0.160 ms
    echo rate 2.67 kbit/s, 333 messages/s
                      p50       p90       p99       p99.9     p99.99    max
       message        189 µs    198 µs    199 µs    1.80 ms   1.80 ms   1.80 ms
       connect        94.0 µs   99.0 µs   99.0 µs   900 µs    900 µs    900 µs
       with failures  190 µs    198 µs    1.80 ms   1.80 ms   1.80 ms   never
    with failures: the 50.0 ppm that failed are counted as infinitely late
    this machine ran out of local ports (28 232 local ports, 20 000 connections in
        TIME-WAIT, for a minute each): send fewer messages (--rate), use more source
        addresses (--bind), or allow more ports (sysctl
        net.ipv4.ip_local_port_range)
    after 60.0 s, connection 0: this machine has no free port or socket left
    ");
}

#[test]
fn a_run_that_stood_still() {
    let pace = Pace::Interval(200 * MILLI);
    let mut made = MadeUp::new(Plan { pace, ..Plan::new() }, 2_000);
    made.echoes(spread(9, 71));
    made.run.stops = Stops { times: 1, total: 4_200 * MILLI };
    made.ends(Sample { interrupted: true, ..Sample::new(MILLI, 0, Ok(MILLI)) });
    made.run.closed_while_idle = 1;
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, one every 200 ms,
        1 connection
    --- board.local:2333 echo statistics ---
    10 sent, 9 echoed, 0 failed (fail rate below 33.3 % at 95 % confidence), 2.00 s
    1 connection closed by the server while idle, and reopened before the next
        message: its idle time-out is shorter than the pause between two messages,
        or than the stop
    the instrument did not run for 4.20 s (1 stop): 1 message interrupted, neither
        echoed nor failed; clock and schedule were paused
    rtt min/avg/max/mdev = 0.071/0.079/0.087/0.006 ms
    echo rate 36.0 bit/s, 4.50 messages/s
       p50       p90       p99       p99.9     p99.99    max
       79.0 µs   n/a       n/a       n/a       n/a       87.0 µs
    sent late by: p99 n/a, max 0 ns
    ");
    made.run.stops.times = 1_000;
    made.run.closed_while_idle = 1_000;
    assert_snapshot!(shown(&made), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, one every 200 ms,
        1 connection
    --- board.local:2333 echo statistics ---
    10 sent, 9 echoed, 0 failed (fail rate below 33.3 % at 95 % confidence), 2.00 s
    1000 connections closed by the server while idle, and reopened before the next
        message: its idle time-out is shorter than the pause between two messages,
        or than the stop
    the instrument did not run for 4.20 s (1000 stops): 1 message interrupted,
        neither echoed nor failed; clock and schedule were paused
    rtt min/avg/max/mdev = 0.071/0.079/0.087/0.006 ms
    echo rate 36.0 bit/s, 4.50 messages/s
       p50       p90       p99       p99.9     p99.99    max
       79.0 µs   n/a       n/a       n/a       n/a       87.0 µs
    sent late by: p99 n/a, max 0 ns
    ");
}
