//! What holds for a session that is spoilt on purpose.

use std::time::Duration;

use echo_core::{
    CloseReason, Defect, Endpoint, Faulty, Haste, Instant, LINGER, Odds, Planted, Rules, SILENCE,
    Session, Spoiler,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseResult;

use crate::{Op, PAUSES, config, converse, op, rules};

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn without_odds_a_faulty_session_is_a_session(rules in rules(), ops in vec(op(), 0..60)) {
        is_the_same::<8>(rules, &ops)?;
        is_the_same::<64>(rules, &ops)?;
    }

    #[test]
    fn a_faulty_session_keeps_to_its_driver(
        rules in rules(),
        odds in odds(),
        seed in any::<u64>(),
        ops in vec(op(), 0..60),
    ) {
        keeps_to_its_driver::<8>(rules, odds, seed, &ops)?;
        keeps_to_its_driver::<64>(rules, odds, seed, &ops)?;
    }

    #[test]
    fn faults_are_the_same_however_the_reads_are_cut(
        odds in odds(),
        seed in any::<u64>(),
        bursts in vec((vec(any::<u8>(), 0..40), select(PAUSES.as_slice())), 0..8),
        cuts in vec(any::<Index>(), 1..20),
    ) {
        let rules = Rules { exit: false, ..Rules::default() };
        let spoilt = |cuts: &[Index]| {
            let mut spoiler = Spoiler::<64>::new(odds, seed, 0);
            let session = &mut Session::<64>::new(Instant::START, rules);
            let echo = converse(&mut Faulty::new(session, &mut spoiler), &bursts, cuts);
            (echo, spoiler.planted())
        };
        prop_assert_eq!(spoilt(&cuts), spoilt(&[]));
    }

    #[test]
    fn who_leaves_gets_all_that_was_received_as_it_would_have_been_spoilt(
        odds in odds(),
        seed in any::<u64>(),
        haste in select(&[Haste::AtPause, Haste::Now][..]),
        bursts in vec((vec(any::<u8>(), 1..40), select(PAUSES.as_slice())), 1..8),
        place in any::<Index>(),
    ) {
        let place = place.index(bursts.len());
        let (taken, left) = spoilt(odds, seed, &bursts, Some((place, haste)));
        let (_, stayed) = spoilt(odds, seed, &bursts[..taken], None);
        prop_assert_eq!(&left.echo, &stayed.echo);
        prop_assert_eq!(left.planted, stayed.planted);
        match stayed.end {
            None if haste == Haste::Now => prop_assert_eq!(left.end, Some(CloseReason::Drained)),
            None => prop_assert!(matches!(left.end, None | Some(CloseReason::Drained))),
            end => prop_assert_eq!(left.end, end, "what was planted ends it"),
        }
    }
}

fn odds() -> impl Strategy<Value = Odds> {
    vec(prop_oneof![Just(0.0), 0.0..0.3_f64, Just(1.0)], Defect::OF_STREAMS.len()).prop_map(
        |shares| {
            let odds = Odds::default().holding(SILENCE / 2);
            Defect::OF_STREAMS
                .into_iter()
                .zip(shares)
                .fold(odds, |odds, (it, share)| odds.with(it, share))
        },
    )
}

/// What became of a spoilt session.
struct Spoilt {
    echo: Vec<u8>,
    planted: Planted,
    end: Option<CloseReason>,
}

/// A session that gets these bursts until it has finished, is asked to leave, if it is, behind the one in
/// this place, and then has all the time that it needs; and how many it got. All is accepted for sending at
/// once.
fn spoilt(
    odds: Odds,
    seed: u64,
    bursts: &[(Vec<u8>, Duration)],
    leaves: Option<(usize, Haste)>,
) -> (usize, Spoilt) {
    let rules = Rules { exit: false, ..Rules::default() };
    let mut session = Session::<64>::new(Instant::START, rules);
    let mut spoiler = Spoiler::new(odds, seed, 0);
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    let (mut now, mut echo, mut taken) = (Instant::START, Vec::new(), 0);
    for (place, (bytes, pause)) in bursts.iter().enumerate() {
        if faulty.finished() || faulty.end().is_some() {
            break;
        }
        taken += 1;
        faulty.handle_received(now, bytes);
        if let Some((_, haste)) = leaves.filter(|leaves| leaves.0 == place) {
            faulty.leave(now, haste);
        }
        faulty.handle_quiet(now);
        wait(&mut faulty, &mut now, *pause, &mut echo);
    }
    wait(&mut faulty, &mut now, 2 * LINGER, &mut echo);
    let end = faulty.end();
    (taken, Spoilt { echo, planted: spoiler.planted(), end })
}

/// Lets time pass, and fetches what there is to fetch meanwhile.
fn wait(faulty: &mut Faulty<'_, 64>, now: &mut Instant, time: Duration, echo: &mut Vec<u8>) {
    let until = *now + time;
    loop {
        while !faulty.to_send().is_empty() {
            echo.extend(faulty.to_send());
            faulty.handle_sent(*now, faulty.to_send().len());
        }
        let Some(due) = faulty.deadline().filter(|due| *due <= until) else { break };
        *now = due;
        faulty.handle_timeout(due);
    }
    *now = until;
}

/// An endpoint that can be asked to leave.
trait Leaves: Endpoint {
    fn leave(&mut self, now: Instant, haste: Haste);
}

impl<const N: usize> Leaves for Session<N> {
    fn leave(&mut self, now: Instant, haste: Haste) {
        self.leave(now, haste);
    }
}

impl<const N: usize> Leaves for Faulty<'_, N> {
    fn leave(&mut self, now: Instant, haste: Haste) {
        self.leave(now, haste);
    }
}

/// Does the same to both, as far as the endpoint allows it.
fn apply(op: &Op, endpoint: &mut impl Leaves, now: &mut Instant, eof: &mut bool) -> usize {
    match op {
        Op::Receive(bytes) if !*eof => return endpoint.handle_received(*now, bytes),
        Op::Send(n) => {
            let n = endpoint.to_send().len().min(*n);
            endpoint.handle_sent(*now, n);
        }
        Op::Deliver(late) => {
            let at = now.since_start().saturating_sub(*late);
            endpoint.handle_delivered(Instant::new(at));
        }
        Op::Quiet => endpoint.handle_quiet(*now),
        Op::Leave(haste) => endpoint.leave(*now, *haste),
        Op::Eof => {
            endpoint.handle_eof(*now);
            *eof = true;
        }
        Op::Sleep(duration) => *now = *now + *duration,
        Op::Timeout => endpoint.handle_timeout(*now),
        Op::Receive(_) => {}
    }
    0
}

fn is_the_same<const N: usize>(rules: Rules, ops: &[Op]) -> TestCaseResult {
    let mut plain = Session::<N>::new(Instant::START, rules);
    let mut wrapped = Session::<N>::new(Instant::START, rules);
    let mut spoiler = Spoiler::<N>::new(Odds::default(), 1, 0);
    let (mut now, mut eof) = (Instant::START, false);
    for op in ops {
        let (mut at, mut end) = (now, eof);
        let taken = apply(op, &mut plain, &mut at, &mut end);
        let mut faulty = Faulty::new(&mut wrapped, &mut spoiler);
        prop_assert_eq!(apply(op, &mut faulty, &mut now, &mut eof), taken);
        prop_assert_eq!(faulty.to_send(), plain.to_send());
        let asked = (faulty.room(), faulty.deadline(), faulty.finished(), faulty.end());
        prop_assert_eq!(asked, (plain.room(), plain.deadline(), plain.finished(), plain.end()));
        prop_assert_eq!(format!("{wrapped:?}"), format!("{plain:?}"));
    }
    Ok(())
}

/// What a driver relies on, whatever is planted.
fn keeps_to_its_driver<const N: usize>(
    rules: Rules,
    odds: Odds,
    seed: u64,
    ops: &[Op],
) -> TestCaseResult {
    let mut session = Session::<N>::new(Instant::START, rules);
    let mut spoiler = Spoiler::<N>::new(odds, seed, 0);
    let (mut now, mut eof) = (Instant::START, false);
    for op in ops {
        let mut faulty = Faulty::new(&mut session, &mut spoiler);
        let (room, end) = (faulty.room(), faulty.end());
        let taken = apply(op, &mut faulty, &mut now, &mut eof);
        if let Op::Receive(bytes) = op
            && !eof
        {
            prop_assert_eq!(taken, bytes.len().min(room), "it takes what it has room for");
        }
        if matches!(op, Op::Timeout) {
            prop_assert!(faulty.deadline().is_none_or(|deadline| deadline > now), "it would spin");
        }
        prop_assert!(!eof || faulty.room() == 0, "nothing comes after the end");
        prop_assert!(end.is_none() || faulty.end() == end, "an end stays");
        if faulty.end().is_some() {
            let inert = (faulty.to_send(), faulty.room(), faulty.deadline());
            prop_assert_eq!(inert, (&b""[..], 0, None));
        } else {
            let waits = faulty.room() > 0 || faulty.deadline().is_some();
            prop_assert!(waits || !faulty.to_send().is_empty(), "it waits for nobody");
        }
    }
    // The peer fetches everything, in its time, and leaves.
    let mut faulty = Faulty::new(&mut session, &mut spoiler);
    faulty.handle_eof(now);
    for _ in 0..2 * N {
        faulty.handle_sent(now, faulty.to_send().len());
        now = now + LINGER;
        faulty.handle_timeout(now);
    }
    prop_assert!(faulty.end().is_some(), "whoever leaves ends it");
    Ok(())
}
