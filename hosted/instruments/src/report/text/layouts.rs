//! One report on a wide and a narrow terminal, on none, and with all that can be added.

use insta::assert_snapshot;

use super::snapshots::{laid_out, on};
use super::{Layout, text};
use crate::made_up::{MadeUp, spread};
use crate::plan::Plan;

#[test]
fn a_line_is_as_long_as_it_is_where_there_is_no_terminal() {
    let mut made = MadeUp::new(Plan { length: 1000, ..Plan::new() }, 10_000);
    made.echoes(spread(123_926, 71));
    assert_snapshot!(laid_out(&made, Layout::default()), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1000 bytes, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    123 926 sent, 123 926 echoed, 0 failed (fail rate below 24.2 ppm at 95 % confidence), 10.0 s
    rtt min/avg/max/mdev = 0.071/0.087/0.710/0.063 ms
    echo rate 99.1 Mbit/s, 12 393 messages/s
       p50       p90       p99       p99.9     p99.99    max
       80.0 µs   89.0 µs   90.0 µs   710 µs    710 µs    710 µs
    ");
    assert_snapshot!(on(40, &made), @"
    ECHO board.local:2333 (192.0.2.7:2333)
        tcp, 1000 bytes, closed loop,
        1 connection
    --- board.local:2333 echo statistics ---
    123 926 sent, 123 926 echoed, 0 failed
        (fail rate below 24.2 ppm at 95 %
        confidence), 10.0 s
    rtt min/avg/max/mdev =
        0.071/0.087/0.710/0.063 ms
    echo rate 99.1 Mbit/s, 12 393 messages/s
       p50       80.0 µs
       p90       89.0 µs
       p99       90.0 µs
       p99.9     710 µs
       p99.99    710 µs
       max       710 µs
    ");
}

#[test]
fn a_histogram() {
    let mut made = MadeUp::new(Plan { length: 1000, ..Plan::new() }, 10_000);
    made.echoes(spread(123_926, 71));
    let layout = |width| Layout { width: Some(width), histogram: true };
    assert_snapshot!(laid_out(&made, layout(80)), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1000 bytes, closed loop,
        1 connection
    --- board.local:2333 echo statistics ---
    123 926 sent, 123 926 echoed, 0 failed (fail rate below 24.2 ppm at 95 %
        confidence), 10.0 s
    rtt min/avg/max/mdev = 0.071/0.087/0.710/0.063 ms
    echo rate 99.1 Mbit/s, 12 393 messages/s
       p50       80.0 µs
       p75       86.0 µs
       p90       89.0 µs
       p95       90.0 µs
       p99       90.0 µs
       p99.9     710 µs
       p99.99    710 µs
       p99.999   710 µs
       max       710 µs
    rtt distribution (each row starts at its time):
       63.0 µs  █████████████████████████████████████████▊            45.0 %  55 768
       80.0 µs  ██████████████████████████████████████████████████    54.0 %  66 919
        100 µs                                                           0 %       0
        125 µs                                                           0 %       0
        160 µs                                                           0 %       0
        200 µs                                                           0 %       0
        250 µs                                                           0 %       0
        320 µs                                                           0 %       0
        400 µs                                                           0 %       0
        500 µs                                                           0 %       0
        630 µs  █                                                     1.00 %    1239
    ");
    assert_snapshot!(text(&made.subject(), &made.run, layout(40)), @"
    --- board.local:2333 echo statistics ---
    123 926 sent, 123 926 echoed, 0 failed
        (fail rate below 24.2 ppm at 95 %
        confidence), 10.0 s
    rtt min/avg/max/mdev =
        0.071/0.087/0.710/0.063 ms
    echo rate 99.1 Mbit/s, 12 393 messages/s
       p50       80.0 µs
       p75       86.0 µs
       p90       89.0 µs
       p95       90.0 µs
       p99       90.0 µs
       p99.9     710 µs
       p99.99    710 µs
       p99.999   710 µs
       max       710 µs
    rtt distribution (each row starts at its
        time):
       63.0 µs  ████████▍     45.0 %  55 768
       80.0 µs  ██████████    54.0 %  66 919
        100 µs                   0 %       0
        125 µs                   0 %       0
        160 µs                   0 %       0
        200 µs                   0 %       0
        250 µs                   0 %       0
        320 µs                   0 %       0
        400 µs                   0 %       0
        500 µs                   0 %       0
        630 µs  ▎             1.00 %    1239
    ");
    let nothing = MadeUp::new(Plan::new(), 0);
    assert_snapshot!(laid_out(&nothing, layout(80)), @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1 byte, closed loop, 1 connection
    --- board.local:2333 echo statistics ---
    0 sent, 0 echoed, 0 failed, 0 ns
    ");
}
