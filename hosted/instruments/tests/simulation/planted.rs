//! The load over datagrams: planted equals found, by class.

use std::collections::BTreeMap;
use std::time::Duration;

use echo_core::{Failure, FailureKind, random};
use echo_instruments::measurement::Ended;
use echo_instruments::plan::{Arrivals, Pace, Plan};

use super::air::{Flown, Item, Sent, echo, fly, udp};
use super::datagrams::{LIMIT, PACES, contents};
use super::run::{NANO, TRIP};

/// Counts of what the network did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Planted {
    lost: u64,
    late: u64,
    duplicated: u64,
    foreign: u64,
    cut: u64,
    grown: u64,
    changed: u64,
}

/// Something goes wrong with one datagram in five, by seed; but for the last ones all is well.
fn trouble<'p>(
    seed: u64,
    until: u64,
    planted: &'p mut Planted,
) -> impl FnMut(&Sent<'_>) -> Result<Vec<Item>, Failure> + 'p {
    move |sent: &Sent<'_>| {
        let mut state = random::after(seed, sent.number * 3);
        let [what, how] = [(); 2].map(|()| random::next(&mut state));
        let after = TRIP + Duration::from_nanos(how % 4_000_000);
        let length = sent.bytes.len();
        if sent.number >= until {
            return echo(sent);
        }
        let (mut bytes, mut items) = (sent.bytes.to_vec(), Vec::new());
        match what % 40 {
            0 => {
                planted.lost += 1;
                return Ok(items);
            }
            1 => {
                (planted.lost, planted.late) = (planted.lost + 1, planted.late + 1);
                return Ok(vec![sent.echo(LIMIT + after)]);
            }
            2 => {
                planted.duplicated += 1;
                items.push(sent.echo(after + NANO));
            }
            3 => {
                planted.foreign += 1;
                items.push(Item { after, port: sent.port, what: Ok((bytes.clone(), false)) });
            }
            4 => {
                planted.cut += 1;
                bytes.truncate(8 + how as usize % (length - 8));
            }
            5 => {
                planted.grown += 1;
                bytes.push(0);
            }
            6 => {
                planted.changed += 1;
                bytes[how as usize % length] ^= 0x20;
            }
            _ => {}
        }
        items.insert(0, sent.answer(after, bytes));
        Ok(items)
    }
}

#[test]
fn planted_equals_found_by_class() {
    const COUNT: u64 = 2_000;
    for payload in contents() {
        for (seed, pace) in PACES.into_iter().enumerate() {
            for connections in [1, 3] {
                let arrivals = Arrivals::Poisson { seed: 9 };
                let (payload, count) = (payload.clone(), Some(COUNT));
                let plan = Plan { payload, count, pace, arrivals, connections, ..udp() };
                let mut planted = Planted::default();
                let fate = trouble(seed as u64, COUNT - 200, &mut planted);
                let Flown { out, samples, .. } = fly(&plan, fate);
                let what = format!("{:?} {pace:?} {connections}", plan.payload);
                let failed = |kind| out.tally.failed(kind);
                let told = out.datagrams.expect("datagrams");
                let found = Planted {
                    lost: failed(FailureKind::TimedOut),
                    late: told.late,
                    duplicated: told.duplicated,
                    foreign: told.foreign,
                    cut: failed(FailureKind::Cut),
                    grown: failed(FailureKind::Extra),
                    changed: failed(FailureKind::Differs),
                };
                assert_eq!(found, planted, "{what}");
                assert!(planted.late > 20 && planted.cut > 20, "{what}: {planted:?}");
                assert_eq!((out.ended, told.crossed), (Ended::AsPlanned, 0), "{what}");
                assert_eq!(out.tally.messages(), COUNT, "{what}");
                // Those that came are in the order in which they ended.
                let mut latest = BTreeMap::new();
                let reordered = samples.iter().filter(|sample| {
                    let latest = latest.entry(sample.connection).or_insert(0);
                    let came = !matches!(sample.end, Err(Failure::TimedOut { .. }));
                    *latest = if came { sample.message.max(*latest) } else { *latest };
                    came && sample.message < *latest
                });
                let reordered = reordered.count() as u64;
                let scheduled = matches!(pace, Pace::Rate(_));
                // Messages that are all alike have a port each, whose order nobody knows.
                let alike = !plan.payload.tells(plan.length);
                let known = Some(reordered).filter(|_| !(alike && scheduled));
                assert_eq!(told.reordered, known, "{what}");
                assert_eq!(reordered > 100, scheduled && connections == 1, "{what}: {reordered}");
                assert!(out.times.slowest() < Some(LIMIT), "late ones are none of the times");
            }
        }
    }
}
