//! However a stream is cut and delayed, and whenever the future is dropped, the peer gets the
//! same bytes as from the loop of echo-core's documentation.

use std::cell::RefCell;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use echo_async::{Pump, Turn};
use echo_core::{CloseReason, Endpoint, Instant, LINGER, Rules, SILENCE, Session};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::wire::{Half, Watch, Wire, poll};

const IDLE: Duration = Duration::from_secs(5);
const SCRATCH: usize = 16;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_as_the_loop_of_the_documentation(
        rules in rules(),
        moments in vec(moment(), 0..12),
        late in any::<bool>(),
    ) {
        let instants = instants(rules, &moments, late);
        let expected = by_hand(rules, &instants);
        prop_assert_eq!(driven(rules, &instants), expected);
    }
}

/// Something happens at the other end, after a while.
#[derive(Debug, Clone)]
struct Moment {
    after: Duration,
    pieces: Vec<Vec<u8>>,
    /// So much more can be sent.
    space: usize,
    fin: bool,
    /// The future is dropped afterwards.
    dropped: bool,
}

/// What is seen after each instant: the number of bytes sent, whether a FIN followed, and the end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    steps: Vec<(usize, bool, Option<CloseReason>)>,
    output: Vec<u8>,
}

fn rules() -> impl Strategy<Value = Rules> {
    let idle = select(vec![None, Some(IDLE)]);
    (idle, select(vec![1, 5, usize::MAX]), any::<bool>(), any::<bool>())
        .prop_map(|(idle, chunk, one_shot, exit)| Rules { idle, chunk, one_shot, exit })
}

fn moment() -> impl Strategy<Value = Moment> {
    let after = select(vec![Duration::ZERO, SILENCE / 2, SILENCE, LINGER, IDLE]);
    let space = select(vec![0, 1, 7, 1000, 1000]);
    let fin = prop::bool::weighted(0.1);
    (after, vec(piece(), 0..4), space, fin, any::<bool>()).prop_map(
        |(after, pieces, space, fin, dropped)| Moment { after, pieces, space, fin, dropped },
    )
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words =
        select(vec![&b"exit"[..], b"exit\n", b"exit\r\n", b"ex", b"it", b"e", b"sixteen or more!"]);
    prop_oneof![words.prop_map(<[u8]>::to_vec), vec(any::<u8>(), 1..40)]
}

/// The moments, each with its instant. Between them, unless the driver is late, there is one for
/// each deadline.
fn instants(rules: Rules, moments: &[Moment], late: bool) -> Vec<(Instant, Moment)> {
    let nothing = |after| Moment { after, pieces: vec![], space: 0, fin: false, dropped: false };
    let mut instants = vec![(Instant::START, nothing(Duration::ZERO))];
    let end = [nothing(SILENCE), nothing(LINGER), nothing(IDLE), nothing(LINGER)];
    for moment in moments.iter().chain(&end) {
        let (last, _) = instants[instants.len() - 1];
        let at = last + moment.after;
        let due = |instants: &[(Instant, Moment)]| {
            let mut session = Session::new(Instant::START, rules);
            let wire = RefCell::new(Wire::default());
            instants.iter().for_each(|instant| pump_all(&wire, &mut session, instant));
            session.deadline().filter(|due| !late && *due < at)
        };
        while let Some(due) = due(&instants) {
            instants.push((due, nothing(Duration::ZERO)));
        }
        instants.push((at, moment.clone()));
    }
    instants
}

fn arrive(wire: &mut Wire, moment: &Moment) {
    if !wire.fin {
        wire.input.extend(moment.pieces.iter().cloned());
    }
    wire.fin |= moment.fin;
    wire.space += moment.space;
}

fn by_hand(rules: Rules, instants: &[(Instant, Moment)]) -> Seen {
    let (mut session, mut seen) = (Session::new(Instant::START, rules), Seen::default());
    let wire = RefCell::new(Wire::default());
    for instant in instants {
        pump_all(&wire, &mut session, instant);
        seen.steps.push((wire.borrow().output.len(), session.finished(), session.end()));
    }
    seen.output = wire.take().output;
    seen
}

/// Pumps as long as anything changes.
fn pump_all(wire: &RefCell<Wire>, session: &mut Session<32>, (now, moment): &(Instant, Moment)) {
    let mut wire = wire.borrow_mut();
    arrive(&mut wire, moment);
    let mut before = None;
    loop {
        pump(&mut wire, session, *now);
        let (left, sent) = (wire.input.iter().map(Vec::len).sum::<usize>(), wire.output.len());
        let after = Some((left, sent, session.deadline(), session.end()));
        if after == before {
            break;
        }
        before = after;
    }
}

/// The one of the documentation.
fn pump(wire: &mut Wire, session: &mut Session<32>, now: Instant) {
    let mut scratch = [0; SCRATCH];
    for _ in 0..16 {
        let wrote = write(wire, session, now);
        let room = session.room().min(scratch.len());
        if room == 0 {
            if wrote {
                continue;
            }
            break;
        }
        match wire.take(&mut scratch[..room]) {
            Some(0) => session.handle_eof(now),
            Some(n) => {
                session.handle_received(now, &scratch[..n]);
                if n < room {
                    session.handle_quiet(now);
                }
            }
            None => {
                session.handle_quiet(now);
                break;
            }
        }
    }
    session.handle_timeout(now);
    write(wire, session, now);
}

fn write(wire: &mut Wire, session: &mut Session<32>, now: Instant) -> bool {
    let n = wire.accept(session.to_send());
    session.handle_sent(now, n);
    n > 0
}

fn driven(rules: Rules, instants: &[(Instant, Moment)]) -> Seen {
    let (watch, mut scratch) = (Watch::default(), [0; SCRATCH]);
    let wire = RefCell::new(Wire::default());
    let mut session = Session::<32>::new(Instant::START, rules);
    let mut pump = Pump::new(&watch, &mut scratch);
    let (mut seen, mut finished, mut end) = (Seen::default(), false, None);
    let mut instants = instants.iter();
    let mut next = || {
        let (now, moment) = instants.next()?;
        watch.now.set(*now);
        arrive(&mut wire.borrow_mut(), moment);
        Some(moment.dropped)
    };
    let mut dropped = next();
    while dropped.is_some() {
        let (mut reader, mut writer) = (Half(&wire), Half(&wire));
        let mut future = pin!(pump.drive(&mut reader, &mut writer, &mut session));
        while let Some(drops) = dropped {
            match poll(future.as_mut()).expect("it waits in the end") {
                Poll::Pending => {}
                Poll::Ready(Ok(Turn::Finished)) => {
                    assert!(!finished && end.is_none(), "told too late, or twice");
                    finished = true;
                    break;
                }
                Poll::Ready(Ok(Turn::Over(reason))) => {
                    assert!(finished, "it was never told to shut");
                    end = Some(reason);
                }
                Poll::Ready(Err(broken)) => panic!("{broken}"),
            }
            seen.steps.push((wire.borrow().output.len(), finished, end));
            dropped = next();
            if drops || end.is_some() {
                break;
            }
        }
    }
    seen.output = wire.take().output;
    seen
}
