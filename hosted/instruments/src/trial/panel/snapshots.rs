//! The panel as a terminal shows it, which cuts what is too wide.

use std::time::Duration;

use echo_core::Failure;
use insta::assert_snapshot;

use super::Panel;
use crate::made_up::{MadeUp, spread};
use crate::measurement::{Datagrams, Sample};
use crate::plan::{Pace, Plan, Protocol};

/// The panel after so many seconds, in each of which so many messages came back.
fn panel(made: &mut MadeUp, seconds: impl IntoIterator<Item = u32>) -> Panel {
    let mut panel = Panel::new(&made.subject());
    for (n, at) in seconds.into_iter().zip(1..) {
        made.echoes(spread(n, 71));
        made.run.elapsed = Duration::from_secs(at);
        panel.notice(&made.run);
    }
    panel
}

/// The panel between the edges of a terminal of this width.
fn shown(panel: &Panel, made: &MadeUp, success: [&str; 2], width: usize) -> String {
    panel
        .lines(&made.run, success.map(str::to_owned), width)
        .lines()
        .map(|line| format!("|{line:<width$}|\n"))
        .collect()
}

#[test]
fn a_closed_loop_is_cut_to_the_terminal() {
    let plan = Plan { length: 1000, time: Some(Duration::from_secs(3_600)), ..Plan::new() };
    let mut made = MadeUp::new(plan, 0);
    let panel = panel(&mut made, (0..60).map(|second| 1_000 + 100 * (second % 9)));
    assert_snapshot!(shown(&panel, &made, ["", ""], 120), @"
    | board.local:2333   1.00 kB   1:00 of 1:00:00   83 100 messages   failed 0                                              |
    | rate  ▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇   12.0 Mbit/s   1500/s                                                  |
    | rtt   p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs   Ctrl+C ends                                              |
    ");
    assert_snapshot!(shown(&panel, &made, ["", ""], 80), @"
    | board.local:2333   1.00 kB   1:00 of 1:00:00   83 100 messages   failed 0      |
    | rate  ▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇███▅▅▆▆▇▇   12.0 Mbit/s   1500/s          |
    | rtt   p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs   Ctrl+C ends      |
    ");
    assert_snapshot!(shown(&panel, &made, ["", ""], 40), @"
    | 83 100 messages   failed 0             |
    | rate  ▇███▅▅▆▆▇▇   12.0 Mbit/s   1500/s|
    | rtt   p50 80.0 µs   p99 90.0 µs        |
    ");
}

/// In the second in which the only echo proves wrong there are fewer than before.
#[test]
fn an_echo_that_is_taken_back_is_no_rate() {
    let mut made = MadeUp::new(Plan::new(), 0);
    let mut panel = panel(&mut made, [1]);
    let extra = Failure::Extra { message: 0, bytes: 1 };
    made.run.revoke(&Sample::new(Duration::from_millis(1_900), 0, Err(extra)));
    made.run.elapsed = Duration::from_secs(2);
    panel.notice(&made.run);
    let told = shown(&panel, &made, ["", ""], 60);
    assert!(told.contains("   0/s"), "{told}");
}

#[test]
fn failures_of_many_connections() {
    let plan = Plan { connections: 1_000, keep_going: true, ..Plan::new() };
    let mut made = MadeUp::new(plan, 0);
    let panel = panel(&mut made, [5, 0, 40]);
    (0..5).for_each(|_| made.fails(3_000, 1, Failure::Reset));
    let success = ["Success rate: 50.0% (last 10)", "all: 90.0 %"];
    assert_snapshot!(shown(&panel, &made, success, 120), @"
    | board.local:2333   1000 × 1 B   0:03   50 messages   failed 5                                                          |
    | rate  ▁▁█   320 bit/s   40.0/s   Success rate: 50.0% (last 10)   all: 90.0 %                                           |
    | failed: 5 reset                                                                                                        |
    | rtt   p50 80.0 µs   p99 n/a   p99.9 n/a   max 90.0 µs   Ctrl+C ends                                                    |
    ");
    assert_snapshot!(shown(&panel, &made, success, 80), @"
    | board.local:2333   1000 × 1 B   0:03   50 messages   failed 5                  |
    | rate  ▁▁█   320 bit/s   40.0/s   Success rate: 50.0% (last 10)   all: 90.0 %   |
    | failed: 5 reset                                                                |
    | rtt   p50 80.0 µs   p99 n/a   p99.9 n/a   max 90.0 µs   Ctrl+C ends            |
    ");
    assert_snapshot!(shown(&panel, &made, success, 40), @"
    | 0:03   50 messages   failed 5          |
    | rate  █   Success rate: 50.0% (last 10)|
    | failed: 5 reset                        |
    | rtt   p50 80.0 µs   p99 n/a            |
    ");
}

#[test]
fn datagrams_are_told_by_class() {
    let plan = Plan { protocol: Protocol::Udp, keep_going: true, length: 1000, ..Plan::new() };
    let mut made = MadeUp::new(plan, 0);
    let panel = panel(&mut made, [900, 1_000, 1_100]);
    let lost = Failure::TimedOut { received: 0, length: 1000, whole: None };
    (0..3_456).for_each(|_| made.fails(3_000, 1, lost));
    made.fails(3_000, 1, Failure::Cut { message: 7, received: 512, length: 1000 });
    let besides = Datagrams { duplicated: 3, foreign: 2, ..Datagrams::default() };
    made.run.datagrams = Some(Datagrams { late: 1, reordered: Some(12), crossed: 4, ..besides });
    assert_snapshot!(shown(&panel, &made, ["", ""], 120), @"
    | board.local:2333   1.00 kB   0:03   6457 messages   failed 3457                                                        |
    | rate  ▇██   8.80 Mbit/s   1100/s                                                                                       |
    | failed: 3455 lost   1 overdue   1 cut   besides: 3 duplicated   12 reordered   4 on another connection   2 foreign     |
    | rtt   p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs   Ctrl+C ends                                              |
    ");
    assert_snapshot!(shown(&panel, &made, ["", ""], 80), @"
    | board.local:2333   1.00 kB   0:03   6457 messages   failed 3457                |
    | rate  ▇██   8.80 Mbit/s   1100/s                                               |
    | failed: 3455 lost   1 overdue   1 cut   besides: 3 duplicated   12 reordered   |
    | rtt   p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs   Ctrl+C ends      |
    ");
    assert_snapshot!(shown(&panel, &made, ["", ""], 40), @"
    | 0:03   6457 messages   failed 3457     |
    | rate  ▇██   8.80 Mbit/s   1100/s       |
    | failed: 3455 lost   1 overdue   1 cut  |
    | rtt   p50 80.0 µs   p99 90.0 µs        |
    ");
}

#[test]
fn an_open_loop_shows_service_and_response_times_and_how_far_it_is_behind() {
    let mut made = MadeUp::new(Plan { pace: Pace::Rate(2_000.0), ..Plan::new() }, 0);
    let panel = panel(&mut made, [2_000; 50]);
    made.run.unsent = 12_345;
    let late = made.run.late.as_mut().expect("there is a schedule");
    late.record(Duration::from_millis(712));
    assert_snapshot!(shown(&panel, &made, ["", ""], 60), @"
    | board.local:2333   1 B   0:50   100 000 messages   failed 0|
    | rate  ███   16.0 kbit/s   unsent 12 345   late up to 712 ms|
    | service    p50 80.0 µs   p99 90.0 µs   max 710 µs          |
    | response   p50 80.0 µs   p99 90.0 µs   max 710 µs          |
    ");
    assert_snapshot!(shown(&panel, &made, ["", ""], 40), @"
    | 0:50   100 000 messages   failed 0     |
    | rate  █████████████████   unsent 12 345|
    | service    p50 80.0 µs   p99 90.0 µs   |
    | response   p50 80.0 µs   p99 90.0 µs   |
    ");
    made.run.unsent = 0;
    assert_snapshot!(shown(&panel, &made, ["", ""], 80), @"
    | board.local:2333   1 B   0:50   100 000 messages   failed 0                    |
    | rate  ████████████████████████████████████████   16.0 kbit/s   2000/s          |
    | service    p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs               |
    | response   p50 80.0 µs   p99 90.0 µs   p99.9 710 µs   max 710 µs   Ctrl+C ends |
    ");
}

#[test]
fn before_anything_is_measured() {
    let mut made = MadeUp::new(Plan { omit: Duration::from_secs(5), ..Plan::new() }, 0);
    made.run.omitted = 1_234;
    let panel = Panel::new(&made.subject());
    assert_snapshot!(shown(&panel, &made, ["", ""], 80), @"
    | board.local:2333   1 B   warm-up of 5.00 s   1234 messages   failed 0          |
    | rate   0 bit/s   0/s                                                           |
    | rtt   p50 n/a   p99 n/a   p99.9 n/a   max n/a   Ctrl+C ends                    |
    ");
    let nothing = MadeUp::new(Plan::new(), 0);
    let panel = Panel::new(&nothing.subject());
    assert_snapshot!(shown(&panel, &nothing, ["", ""], 80), @"
    | board.local:2333   1 B   0:00   0 messages   failed 0                          |
    | rate   0 bit/s   0/s                                                           |
    | rtt   p50 n/a   p99 n/a   p99.9 n/a   max n/a   Ctrl+C ends                    |
    ");
}

#[test]
fn the_run_of_a_series_is_told() {
    let mut made = MadeUp::new(Plan { repeat: 5, ..Plan::new() }, 0);
    let mut panel = panel(&mut made, [2_000; 2]);
    panel.next_run(2);
    let shown = shown(&panel, &made, ["", ""], 80);
    assert!(shown.contains("   run 3 of 5   0:02   "), "{shown}");
}
