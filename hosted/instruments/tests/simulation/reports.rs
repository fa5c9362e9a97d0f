//! What the network says of datagrams that did not arrive: it is about one message, however many are in flight.

use std::time::Duration;

use echo_core::{Failure, FailureKind};
use echo_instruments::measurement::{Datagrams, Ended};
use echo_instruments::plan::{Pace, Plan};

use super::air::{Flown, ICMP, Sent, echo, fly, udp};
use super::datagrams::{LIMIT, LOST, NOTHING, PACES, contents};
use super::run::{MILLI, NANO, TRIP};

/// Whichever message a report is about is the one that fails, at whatever point of its life.
#[test]
fn a_report_is_about_the_message_that_it_quotes() {
    let unreachable = Failure::Unreachable;
    for payload in contents() {
        for pace in PACES {
            for after in [TRIP / 2, LIMIT / 2, LIMIT + MILLI, 3 * LIMIT] {
                let plan = Plan { payload: payload.clone(), pace, count: Some(60), ..udp() };
                let Flown { out, samples, .. } = fly(&plan, |sent: &Sent<'_>| match sent.number {
                    5 | 20 => Ok(vec![sent.report(after, unreachable, 40)]),
                    30 => Ok(Vec::new()),
                    40 => Ok(vec![sent.echo(TRIP), sent.report(2 * TRIP, unreachable, 40)]),
                    _ => echo(sent),
                });
                let what = format!("{:?} {pace:?} {after:?}", plan.payload);
                let failed =
                    [FailureKind::TimedOut, unreachable.kind()].map(|it| out.tally.failed(it));
                assert_eq!((failed, out.tally.echoed()), ([1, 2], 57), "{what}");
                let told: Vec<_> =
                    out.incidents.iter().map(|it| (it.message, it.failure, it.icmp)).collect();
                let due =
                    [(5, unreachable, Some(ICMP)), (20, unreachable, Some(ICMP)), (30, LOST, None)];
                assert_eq!(told, due, "{what}");
                let reordered = out.datagrams.and_then(|told| told.reordered);
                assert_eq!(out.datagrams, Some(Datagrams { reordered, ..NOTHING }), "{what}");
                let early = after < LIMIT;
                let ends = samples.iter().filter(|sample| sample.end == Err(unreachable));
                assert_eq!(ends.count(), if early { 2 } else { 0 }, "{what}");
            }
        }
    }
}

/// Of a report that quotes too little the oldest message is the victim; and one that comes to a run that goes on is
/// no end of it.
#[test]
fn a_report_that_quotes_too_little_is_about_the_oldest() {
    for quoted in [0, 7, 8] {
        let plan = Plan { pace: Pace::Rate(500.0), count: Some(20), ..udp() };
        let Flown { out, .. } = fly(&plan, |sent: &Sent<'_>| match sent.number {
            // Two are in flight.
            3 => Ok(vec![sent.echo(TRIP)]),
            4 => Ok(vec![sent.report(NANO, Failure::Refused, quoted)]),
            _ => echo(sent),
        });
        let told: Vec<_> = out.incidents.iter().map(|incident| incident.message).collect();
        assert_eq!(told, if quoted == 8 { vec![4] } else { vec![3, 4] }, "{quoted}");
    }
}

/// Who has waited for an echo in vain is told why as soon as that is known, and the run ends as if it had been known before.
#[test]
fn a_report_on_a_message_that_had_timed_out_ends_a_run() {
    for payload in contents() {
        for (omit, lost) in [(Duration::ZERO, 2), (30 * LIMIT, 0)] {
            let keep_going = false;
            let plan =
                Plan { payload: payload.clone(), omit, keep_going, count: Some(50), ..udp() };
            let Flown { out, .. } = fly(&plan, |sent: &Sent<'_>| {
                Ok(vec![sent.report(3 * LIMIT + MILLI, Failure::Unreachable, 40)])
            });
            let failed = |kind| out.tally.failed(kind);
            let told = (failed(FailureKind::Unreachable), failed(FailureKind::TimedOut));
            assert_eq!((told, out.ended), ((1, lost), Ended::Failed), "{:?}", plan.payload);
        }
    }
}
