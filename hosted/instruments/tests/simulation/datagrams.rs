//! The load over datagrams: what is lost holds nothing up, and what comes is what it is.

use std::time::Duration;

use echo_core::{Failure, FailureKind, Payload};
use echo_instruments::measurement::times::Times;
use echo_instruments::measurement::{Datagrams, Ended, Measurement};
use echo_instruments::plan::{Pace, Plan};

use super::air::{Calls, Flown, Item, Sent, echo, fly, fly_at, udp};
use super::run::{MICRO, MILLI, NANO, TRIP};

pub(crate) const LIMIT: Duration = TRIP.saturating_mul(10);
pub(crate) const LOST: Failure = Failure::TimedOut { received: 0, length: 100, whole: None };
pub(crate) const NOTHING: Datagrams = Datagrams {
    late: 0,
    duplicated: 0,
    reordered: Some(0),
    crossed: 0,
    foreign: 0,
    dropped_here: Some(0),
};

pub(crate) fn contents() -> [Payload<Vec<u8>>; 5] {
    let text = Payload::Bytes(b"text".to_vec());
    let marks = Payload::Marks { connection: 0 };
    [
        Payload::Zero,
        Payload::Seq { run: 1, connection: 0 },
        Payload::Random { seed: 4 },
        marks,
        text,
    ]
}

pub(crate) const PACES: [Pace; 3] =
    [Pace::Closed, Pace::Interval(Duration::from_millis(40)), Pace::Rate(500.0)];

#[test]
fn what_comes_back_came_back_in_its_time_at_one_call_each() {
    for payload in contents() {
        for (length, connections) in [(0, 1), (1, 1), (100, 1), (100, 3)] {
            let (payload, count) = (payload.clone(), Some(300));
            let plan = Plan { payload, length, connections, count, ..udp() };
            let Flown { out, samples, calls } = fly(&plan, echo);
            let what = format!("{:?} {length} {connections}", plan.payload);
            assert_eq!((out.tally.echoed(), out.tally.failures()), (300, 0), "{what}");
            assert_eq!(out.datagrams, Some(NOTHING), "{what}");
            assert!(samples.iter().all(|sample| sample.end == Ok(TRIP)), "{what}");
            assert_eq!(out.elapsed, TRIP * 300 / u32::from(connections), "{what}");
            let Calls { sends, receives, waits, .. } = calls;
            assert_eq!((sends, receives), (300, 300), "{what}");
            // And a few for looks, and for what comes late.
            assert!(waits <= 300 + 20, "{what}: {waits}");
        }
    }
}

#[test]
fn a_limit_is_one_to_the_nanosecond() {
    for payload in contents() {
        for pace in PACES {
            for (after, late) in [(LIMIT - NANO, 0), (LIMIT, 1), (LIMIT + NANO, 1)] {
                let plan = Plan { payload: payload.clone(), pace, count: Some(20), ..udp() };
                let fate = |sent: &Sent<'_>| match sent.number {
                    5 => Ok(vec![sent.echo(after)]),
                    _ => echo(sent),
                };
                let Flown { out, samples, .. } = fly(&plan, fate);
                let what = format!("{:?} {pace:?} {after:?}", plan.payload);
                assert_eq!(out.datagrams.map(|told| told.late), Some(late), "{what}");
                assert_eq!(out.tally.failed(FailureKind::TimedOut), late, "{what}");
                let sample = samples.iter().find(|sample| sample.message == 5).expect("it ended");
                let (end, took) = if late == 0 { (Ok(after), after) } else { (Err(LOST), LIMIT) };
                let due = match pace {
                    Pace::Closed => TRIP * 5,
                    Pace::Interval(gap) => gap * 5,
                    Pace::Rate(_) => 10 * MILLI,
                };
                assert_eq!((sample.end, sample.at), (end, due + took), "{what}");
            }
        }
    }
}

/// Coordinated omission: who is due while others are lost is sent all the same.
#[test]
fn a_lost_message_does_not_hold_up_the_schedule() {
    for payload in contents() {
        for connections in [1, 4] {
            let (pace, count) = (Pace::Rate(500.0), Some(1_000));
            let plan = Plan { payload: payload.clone(), pace, connections, count, ..udp() };
            let mut sent_at = Vec::new();
            let Flown { out, samples, .. } = fly(&plan, |sent: &Sent<'_>| {
                sent_at.push(sent.at);
                if sent.number % 10 == 3 { Ok(Vec::new()) } else { echo(sent) }
            });
            let what = format!("{:?} {connections}", plan.payload);
            assert!(sent_at.into_iter().eq((0..1_000).map(|slot| 2 * MILLI * slot)), "{what}");
            assert_eq!((out.tally.echoed(), out.unsent), (900, 0), "{what}");
            assert_eq!(out.tally.failed(FailureKind::TimedOut), 100, "{what}");
            let late = out.late.as_ref().and_then(Times::slowest);
            assert_eq!(late, Some(Duration::ZERO), "{what}");
            for times in [Some(&out.times), out.response.as_ref()] {
                let ends = times.map(|times| (times.fastest(), times.slowest()));
                assert_eq!(ends, Some((Some(TRIP), Some(TRIP))), "{what}");
            }
            assert!(samples.iter().all(|sample| matches!(sample.end, Ok(TRIP) | Err(LOST))));
            assert_eq!(out.spacing.and_then(|spacing| spacing.waited()), Some(0.0), "{what}");
        }
    }
}

/// What a server that stalls makes wait is in the round trips: nothing waits at home.
#[test]
fn a_stall_is_felt_by_all_who_were_due() {
    let (from, to) = (1_000 * MILLI, 1_500 * MILLI);
    let limit = Some(600 * MILLI);
    let plan = Plan { pace: Pace::Rate(200.0), count: Some(600), limit, ..udp() };
    let Flown { out, samples, .. } = fly(&plan, |sent: &Sent<'_>| {
        let arrives = sent.at + MILLI;
        let stalled = if (from..to).contains(&arrives) { to - arrives } else { Duration::ZERO };
        Ok(vec![sent.echo(TRIP + stalled)])
    });
    for sample in &samples {
        let arrives = 5 * MILLI * sample.message as u32 + MILLI;
        let stalled = if (from..to).contains(&arrives) { to - arrives } else { Duration::ZERO };
        assert_eq!((sample.end, sample.late), (Ok(TRIP + stalled), Duration::ZERO));
    }
    assert_eq!((samples.len(), out.tally.failures()), (600, 0));
}

/// Where all messages are alike, ports bound how many are in flight; what is due beyond that is sent late, and none of
/// that is the instrument's doing.
#[test]
fn what_waits_for_room_is_late_and_told() {
    let limit = Some(Duration::from_secs(1));
    let time = Some(Duration::from_secs(3));
    let plan = Plan { payload: Payload::Zero, pace: Pace::Rate(1_000.0), limit, time, ..udp() };
    let Flown { out, samples, .. } = fly(&plan, |_: &Sent<'_>| Ok(Vec::new()));
    // 256 are sent at once when they are due, and as many again after each limit.
    assert_eq!((out.tally.messages() + out.unsent, samples.len()), (3_000, 3 * 256));
    assert_eq!(samples[256].late, 1_000 * MILLI - 256 * MILLI);
    assert_eq!(out.effort.map(|effort| effort.late), Some(0));
    assert!(out.spacing.and_then(|spacing| spacing.waited()) > Some(0.6));
}

/// Who is asked for more than it can send listens all the same: echoes wait in no queue that could overflow.
#[test]
fn a_load_that_is_behind_does_not_forget_to_listen() {
    let pace = Pace::Rate(1e6);
    for connections in [1, 3] {
        let time = Some(20 * MILLI);
        let plan = Plan { pace, time, connections, limit: Some(10 * MILLI), ..udp() };
        let costs = (50 * NANO, 3 * MICRO, MICRO);
        let fly = |fate: fn(&Sent<'_>) -> _| fly_at(costs, &plan, fate);
        let Flown { out, calls, .. } = fly(|sent| Ok(vec![sent.echo(50 * MICRO)]));
        assert!(out.unsent > 10_000 && out.tally.failures() == 0, "{:?}", out.tally);
        assert!(out.times.slowest() < Some(MILLI), "{:?}", out.times.slowest());
        assert!(calls.unread <= 64, "{}", calls.unread);
    }
}

/// Nobody who sends without end keeps the load from its work.
#[test]
fn a_storm_is_weathered() {
    let costs = (50 * NANO, MICRO, MICRO);
    let omit = 10 * MILLI;
    let plan = Plan { pace: Pace::Rate(1_000.0), omit, time: Some(50 * MILLI), ..udp() };
    let Flown { out, .. } = fly_at(costs, &plan, |sent: &Sent<'_>| {
        // Faster than they can be received.
        let noise = |n: u32| sent.answer(n * MICRO, b"noise of the network".to_vec());
        let storm = (0..30_000).filter(|_| sent.number == 0).map(noise);
        Ok(storm.chain([sent.echo(TRIP)]).collect())
    });
    assert!(out.elapsed < 100 * MILLI, "{:?}", out.elapsed);
    assert!(out.datagrams.is_some_and(|told| told.foreign > 5_000), "{:?}", out.datagrams);
}

#[test]
fn times_are_true_where_calls_cost_some() {
    let costs = (MICRO, 5 * MICRO, 3 * MICRO);
    for pace in PACES {
        let plan = Plan { pace, count: Some(100), ..udp() };
        let Flown { out, samples, .. } = fly_at(costs, &plan, echo);
        // From the clock before the send to the clock after the receipt: sent, the way, woken, received, and read.
        let took = 5 * MICRO + TRIP + MICRO + 3 * MICRO + MICRO;
        let other = |sample: &&_| {
            let sample: &echo_instruments::measurement::Sample = sample;
            sample.end.is_ok_and(|told| told.abs_diff(took) > 20 * MICRO || told < took - MICRO)
        };
        assert_eq!(samples.iter().find(other), None, "{pace:?}: {took:?}");
        assert_eq!(out.tally.echoed(), 100);
    }
}

#[test]
fn who_is_refused_has_failed_and_the_run_as_over_tcp() {
    let refuses = |sent: &Sent<'_>| Ok(vec![sent.report(TRIP, Failure::Refused, 100)]);
    for payload in contents() {
        for pace in PACES {
            let plan = Plan { payload: payload.clone(), pace, count: Some(4), ..udp() };
            let what = format!("{:?} {pace:?}", plan.payload);
            let Flown { out, samples, .. } = fly(&plan, refuses);
            assert!(samples.iter().all(|sample| sample.end == Err(Failure::Refused)), "{what}");
            assert_eq!((samples.len(), samples[0].at), (4, TRIP), "{what}");
            // After a rest the next one tries, and at a rate those that were on their way are told, too.
            let rested = samples.iter().map(|sample| sample.at).max();
            let rests = if let Pace::Rate(_) = pace { 1 } else { 3 };
            assert!(rested >= Some((100 * MILLI + TRIP) * rests), "{what}: {rested:?}");
            let Flown { out: ended, .. } = fly(&Plan { keep_going: false, ..plan }, refuses);
            assert_eq!((ended.tally.failures(), ended.ended), (1, Ended::Failed), "{what}");
            assert_eq!(out.ended, Ended::AsPlanned, "{what}");
        }
    }
}

/// A network that loses is measured to the end; what cannot be sent is told by its own reason.
#[test]
fn a_loss_ends_no_run_and_what_is_too_long_does() {
    for (failure, ended) in [
        (LOST, Ended::AsPlanned),
        (Failure::Full, Ended::AsPlanned),
        (Failure::TooLong, Ended::Failed),
        (Failure::Unreachable, Ended::Failed),
        (Failure::Local, Ended::Failed),
    ] {
        for pace in PACES {
            let plan = Plan { keep_going: false, count: Some(20), pace, ..udp() };
            let fate = |sent: &Sent<'_>| match (sent.number, failure) {
                (5, Failure::TimedOut { .. }) => Ok(Vec::new()),
                (5, _) => Err(failure),
                _ => echo(sent),
            };
            let Flown { out, .. } = fly(&plan, fate);
            let what = format!("{failure:?} {pace:?}");
            assert_eq!((out.tally.failed(failure.kind()), out.ended), (1, ended), "{what}");
            if ended == Ended::AsPlanned {
                assert_eq!((out.tally.echoed(), out.datagrams), (19, Some(NOTHING)), "{what}");
            }
        }
    }
}

#[test]
fn what_comes_of_the_warm_up_is_left_out() {
    let omit = 30 * MILLI;
    for payload in contents() {
        let plan = Plan { payload, omit, count: Some(50), ..udp() };
        // The tenth message is the last of the warm-up, and its double comes after it.
        let Flown { out, .. } = fly(&plan, |sent: &Sent<'_>| {
            let twice = [sent.echo(TRIP), sent.echo(TRIP + MILLI)];
            Ok(if sent.number == 9 || sent.number == 20 {
                twice.into()
            } else {
                vec![sent.echo(TRIP)]
            })
        });
        assert_eq!((out.omitted, out.tally.echoed()), (10, 50));
        assert_eq!(out.datagrams, Some(Datagrams { duplicated: 1, ..NOTHING }));
    }
}

/// One that was due in the warm-up and begins after it is left out with its late or double echo; of the next one both
/// count.
#[test]
fn what_comes_of_a_message_counts_if_the_message_does() {
    // The tenth is due just before the end of the warm-up, and the clock is read after it.
    let (pace, omit) = (Pace::Rate(1_000.0), 9 * MILLI + 20 * NANO);
    let costs = (50 * NANO, Duration::ZERO, Duration::ZERO);
    for payload in contents() {
        for first in [9, 10] {
            let plan = Plan { payload: payload.clone(), pace, omit, count: Some(50), ..udp() };
            let Flown { out, .. } = fly_at(costs, &plan, |sent: &Sent<'_>| {
                let number = sent.number;
                let twice = number == first || number == 21;
                let overdue = number == first + 1 || number == 30 || number == 31;
                let after = if overdue { LIMIT + MILLI } else { TRIP };
                let double = twice.then(|| sent.echo(TRIP + 20 * MICRO));
                Ok([sent.echo(after)].into_iter().chain(double).collect())
            });
            let what = format!("{:?} {first}", plan.payload);
            let lost = out.tally.failed(FailureKind::TimedOut);
            assert_eq!((out.omitted, out.tally.messages(), lost), (10, 50, 3), "{what}");
            let duplicated = if first == 9 { 1 } else { 2 };
            let told = out.datagrams.map(|told| (told.late, told.duplicated));
            assert_eq!(told, Some((lost, duplicated)), "{what}");
        }
    }
}

/// The double of the very last message is counted, and no time of the run.
#[test]
fn what_comes_after_the_last_message_is_counted_in_every_run() {
    for payload in contents() {
        let plan = Plan { payload, count: Some(10), repeat: 3, ..udp() };
        let Flown { out, .. } =
            fly(&plan, |sent: &Sent<'_>| Ok(vec![sent.echo(TRIP), sent.echo(TRIP + 2 * MILLI)]));
        assert_eq!((out.runs.len(), out.tally.echoed(), out.elapsed), (3, 30, TRIP * 30));
        assert_eq!(out.datagrams, Some(Datagrams { duplicated: 30, ..NOTHING }));
    }
}

#[test]
fn the_last_message_may_be_late_and_so_may_all() {
    for payload in contents() {
        for first in [0, 9] {
            for (after, late) in [(LIMIT + 90 * MILLI, 1), (LIMIT + 110 * MILLI, 0)] {
                let plan = Plan { payload: payload.clone(), count: Some(first + 1), ..udp() };
                let fate = |sent: &Sent<'_>| match sent.number {
                    number if number == first => Ok(vec![sent.echo(after)]),
                    _ => echo(sent),
                };
                let out = fly(&plan, fate).out;
                let told = (out.tally.failed(FailureKind::TimedOut), out.datagrams);
                let due = Datagrams { late, ..NOTHING };
                assert_eq!(told, (1, Some(due)), "{:?} {first} {after:?}", plan.payload);
            }
        }
    }
}

/// It is not the network's loss.
#[test]
fn what_found_no_room_here_is_told_of_each_run_and_not_of_the_warm_up() {
    for payload in contents() {
        let plan = Plan { payload, omit: 30 * MILLI, count: Some(50), repeat: 2, ..udp() };
        let Flown { out, .. } = fly(&plan, |sent: &Sent<'_>| match sent.number % 50 {
            2 | 40 => Ok(sent.drop()),
            _ => echo(sent),
        });
        let told = |run: &Measurement| {
            (run.tally.failed(FailureKind::TimedOut), run.datagrams.and_then(|it| it.dropped_here))
        };
        let (lost, dropped) = told(&out);
        assert!(lost > 0 && Some(lost) == dropped, "{lost} {dropped:?}");
        assert!(out.runs.iter().all(|run| told(run).1 == Some(told(run).0)));
    }
}

#[test]
fn the_echo_of_another_connection_is_told() {
    for payload in [Payload::Seq { run: 1, connection: 0 }, Payload::Marks { connection: 0 }] {
        let plan = Plan { payload, connections: 2, count: Some(40), ..udp() };
        let ports = plan.links() / 2;
        let Flown { out, .. } = fly(&plan, |sent: &Sent<'_>| {
            let port = (sent.port + ports) % (2 * ports);
            let crossed = Item { port, ..sent.echo(TRIP) };
            Ok(vec![if sent.number == 10 { crossed } else { sent.echo(TRIP) }])
        });
        assert_eq!((out.tally.echoed(), out.tally.failed(FailureKind::TimedOut)), (39, 1));
        assert_eq!(out.datagrams, Some(Datagrams { crossed: 1, ..NOTHING }));
    }
}
