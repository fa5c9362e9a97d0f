//! What is planted is what a probe finds, of its class and in its place: never more, never less.

use std::time::Duration;

use echo_core::{
    CloseReason, Defect, Endpoint, Failure, Fault, Faulty, Haste, Instant, Odds, Payload, Planted,
    Probe, Rules, SILENCE, Session, Spoiler,
};

use crate::pair::{INSTANTLY, Way, Wire};

const N: usize = 1024;
const LENGTH: usize = 1000;
const LIMIT: Duration = Duration::from_secs(10);
const HOLD: Duration = Duration::from_millis(300);
const PAYLOAD: Payload = Payload::Seq { run: 5, connection: 0 };

/// What became of a message, and by which end of its connection.
type Verdict = (Result<Duration, Failure>, Option<CloseReason>);

/// So many messages of a length, one after the other; after a failure on a new connection, as
/// fail-rate does it.
fn run(odds: Odds, seed: u64, way: Way, messages: u64, length: usize) -> (Vec<Verdict>, Planted) {
    let mut spoiler = Spoiler::new(odds, seed, 0);
    let mut probe = Probe::new(PAYLOAD, length as u64, Some(LIMIT), vec![0; length]);
    let mut now = Instant::START;
    let mut connection = None;
    let verdicts = (0..messages).map(|message| {
        let (session, wire) = connection.get_or_insert_with(|| {
            spoiler.begin();
            (Session::<N>::new(now, pure()), Wire::new(way))
        });
        probe.begin(now, message);
        wire.run(&mut now, &mut Faulty::new(session, &mut spoiler), &mut probe);
        let verdict = (probe.end().expect("it has a limit"), session.end());
        if verdict.0.is_err() {
            connection = None;
        }
        verdict
    });
    (verdicts.collect(), spoiler.planted())
}

fn pure() -> Rules {
    Rules { exit: false, ..Rules::default() }
}

fn odds(defect: Defect, probability: f64) -> Odds {
    Odds::default().with(defect, probability).holding(HOLD)
}

/// Which fault the message had, as far as its probe can tell; `None` if it was well.
fn found(verdict: &Verdict) -> Option<Defect> {
    Some(match verdict {
        (Ok(Duration::ZERO), None) => return None,
        (Ok(HOLD), None) => Defect::Hold,
        (Err(Failure::TimedOut { received: 0, .. }), None) => Defect::Drop,
        (Err(Failure::Extra { .. }), None) => Defect::Repeat,
        (Err(Failure::ClosedEarly { .. }), Some(CloseReason::Cut)) => Defect::Cut,
        // This wire knows no reset: the probe waits in vain.
        (Err(Failure::TimedOut { received: 0, .. }), Some(CloseReason::Reset)) => Defect::Reset,
        (Err(Failure::Differs(difference)), None) => match difference.fault {
            Fault::Flipped => {
                let changed = difference.expected ^ difference.received;
                assert!(changed.is_power_of_two(), "{difference}");
                Defect::Flip
            }
            Fault::Stale(origin) => {
                assert!(origin.message < difference.message, "{difference}");
                // The first byte may be the right one by chance.
                assert!(origin.offset == difference.offset && origin.offset < 8, "{difference}");
                Defect::Stale
            }
            _ => panic!("{difference}"),
        },
        _ => panic!("{verdict:?}"),
    })
}

/// As many messages of each kind as were planted, where a drop and a stall look the same.
fn assert_all_found(verdicts: &[Verdict], planted: &Planted, context: &str) {
    for defect in Defect::OF_STREAMS {
        let found = verdicts.iter().filter(|verdict| found(verdict) == Some(defect)).count() as u64;
        let due = match defect {
            Defect::Stall => 0,
            Defect::Drop => planted.of(Defect::Drop) + planted.of(Defect::Stall),
            _ => planted.of(defect),
        };
        assert_eq!(found, due, "{defect} of {planted} in {context}");
    }
}

#[test]
fn each_that_was_planted_is_found_as_what_it_is() {
    for defect in Defect::OF_STREAMS {
        let (verdicts, planted) = run(odds(defect, 0.1), 1, INSTANTLY, 200, LENGTH);
        assert!((10..40).contains(&planted.of(defect)), "{planted}");
        assert_all_found(&verdicts, &planted, "one kind");
    }
}

#[test]
fn all_kinds_together_are_told_apart() {
    let all = Defect::OF_STREAMS
        .into_iter()
        .fold(odds(Defect::Flip, 0.0), |odds, it| odds.with(it, 0.04));
    for seed in 0..5 {
        for way in [INSTANTLY, Way { chunk: 16, ..INSTANTLY }, Way { chunk: 333, ..INSTANTLY }] {
            let (verdicts, planted) = run(all, seed, way, 100, LENGTH);
            assert_all_found(&verdicts, &planted, &format!("seed {seed}, chunk {}", way.chunk));
        }
    }
}

#[test]
fn the_same_seed_spoils_the_same_messages_and_another_seed_others() {
    let verdicts = |seed, chunk| {
        let way = Way { chunk, ..INSTANTLY };
        run(odds(Defect::Flip, 0.1), seed, way, 100, LENGTH).0
    };
    assert_eq!(verdicts(1, 64), verdicts(1, 64));
    assert_eq!(verdicts(1, 64), verdicts(1, 7), "the reads are cut in another way");
    assert_ne!(verdicts(1, 64), verdicts(2, 64));
}

#[test]
fn a_message_that_comes_with_gaps_has_one_fault_only() {
    let gaps = Way { capacity: 100, ..INSTANTLY };
    for defect in Defect::OF_STREAMS.into_iter().filter(|defect| *defect != Defect::Hold) {
        let (verdicts, planted) = run(odds(defect, 0.3), 1, gaps, 100, LENGTH);
        let failed = verdicts.iter().filter(|(end, _)| end.is_err()).count();
        assert!(failed > 50, "each gap is a chance: {planted}");
        assert_eq!(failed as u64, planted.of(defect), "{planted}");
    }
}

#[test]
fn longer_messages_than_it_remembers_are_spoilt_all_the_same() {
    let wide = Way { chunk: 4096, capacity: 1 << 20, ..INSTANTLY };
    for defect in Defect::OF_STREAMS {
        let (verdicts, planted) = run(odds(defect, 0.2), 2, wide, 40, 8 * N);
        let spoilt = verdicts.iter().filter(|verdict| verdict.0 != Ok(Duration::ZERO)).count();
        assert!(spoilt > 3, "{planted}");
        assert_eq!(spoilt as u64, planted.of(defect), "{planted}");
    }
}

#[test]
fn an_echo_that_is_held_for_too_long_has_timed_out() {
    let odds = odds(Defect::Hold, 0.2).holding(LIMIT);
    let (verdicts, planted) = run(odds, 1, INSTANTLY, 100, LENGTH);
    let timed_out = verdicts
        .iter()
        .filter(|(end, _)| matches!(end, Err(Failure::TimedOut { received: 0, .. })));
    assert_eq!(timed_out.count() as u64, planted.of(Defect::Hold));
}

/// A server that is spoilt, on the desk.
struct Desk {
    session: Session<64>,
    spoiler: Spoiler<64>,
    now: Instant,
}

impl Desk {
    fn new(odds: Odds, rules: Rules) -> Self {
        let (session, spoiler) = (Session::new(Instant::START, rules), Spoiler::new(odds, 1, 0));
        Self { session, spoiler, now: Instant::START }
    }

    fn faulty(&mut self) -> Faulty<'_, 64> {
        Faulty::new(&mut self.session, &mut self.spoiler)
    }

    /// What comes back of a message at once,
    fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        let now = self.now;
        assert_eq!(self.faulty().handle_received(now, bytes), bytes.len());
        self.faulty().handle_quiet(now);
        self.hear()
    }

    /// and what does when this time has passed.
    fn wait(&mut self, time: Duration) -> Vec<u8> {
        self.now = self.now + time;
        let now = self.now;
        self.faulty().handle_timeout(now);
        self.hear()
    }

    fn hear(&mut self) -> Vec<u8> {
        let (now, mut heard) = (self.now, Vec::new());
        while let [_, ..] = self.faulty().to_send() {
            heard.extend(self.faulty().to_send());
            let n = self.faulty().to_send().len();
            self.faulty().handle_sent(now, n);
        }
        heard
    }
}

#[test]
fn a_peer_that_goes_on_meets_a_fault_in_each_message() {
    let mut desk = Desk::new(odds(Defect::Flip, 1.0), pure());
    for message in [&b"a message"[..], b"another", b"!"] {
        let mut echo = desk.say(message);
        assert_eq!(echo.len(), message.len() - 1, "the last byte is kept back");
        echo.extend(desk.wait(SILENCE));
        let wrong = echo.iter().zip(message).map(|(got, said)| (got ^ said).count_ones());
        assert_eq!((echo.len(), wrong.sum()), (message.len(), 1));
    }
    assert_eq!(desk.spoiler.planted().to_string(), "3 flip");
    assert_eq!(Planted::default().to_string(), "none");
}

#[test]
fn a_message_with_a_fault_is_at_its_end_when_its_peer_has_been_silent() {
    let mut desk = Desk::new(odds(Defect::Flip, 1.0), pure());
    let mut heard = 0;
    for piece in [&b"with"[..], b"many", b"gaps"] {
        heard += desk.say(piece).len() + desk.wait(SILENCE * 3 / 4).len();
    }
    assert_eq!(heard, 11, "the last byte is kept back");
    assert_eq!(desk.wait(SILENCE / 4).len(), 1);
    assert_eq!(desk.spoiler.planted().of(Defect::Flip), 1);
}

#[test]
fn what_follows_a_dropped_message_comes_back() {
    let mut desk = Desk::new(odds(Defect::Drop, 1.0), pure());
    assert_eq!(desk.say(b"lost"), b"");
    assert_eq!(desk.say(b"part of it"), b"");
    assert_eq!(desk.wait(SILENCE), b"");
    desk.spoiler = Spoiler::new(Odds::default(), 1, 0);
    assert_eq!(desk.say(b"heard"), b"heard");
}

#[test]
fn the_end_of_the_input_is_the_end_of_a_message_and_all_is_delivered() {
    for (defect, echo) in [
        (Defect::Repeat, &b"thricethrice"[..]),
        (Defect::Hold, b"thrice"),
        (Defect::Drop, b""),
        (Defect::Stall, b""),
    ] {
        let mut desk = Desk::new(odds(defect, 1.0), pure());
        let mut heard = desk.say(b"thrice");
        let now = desk.now;
        desk.faulty().handle_eof(now);
        assert_eq!(desk.faulty().room(), 0, "nothing can come");
        heard.extend(desk.hear());
        heard.extend(desk.wait(HOLD));
        assert_eq!(heard, echo, "{defect}");
        assert_eq!(desk.session.end(), Some(CloseReason::Disconnected), "{defect}");
    }
}

#[test]
fn who_is_to_leave_now_gets_what_was_planted_and_then_the_fin() {
    for (defect, echo) in [
        (Defect::Flip, &b"thrice"[..]),
        (Defect::Repeat, b"thricethrice"),
        (Defect::Hold, b"thrice"),
        (Defect::Drop, b""),
        (Defect::Stall, b""),
    ] {
        let mut desk = Desk::new(odds(defect, 1.0), pure());
        let mut heard = desk.say(b"thrice");
        let now = desk.now;
        desk.faulty().leave(now, Haste::Now);
        heard.extend(desk.hear());
        assert!(desk.session.finished(), "{defect}");
        let flipped = heard.iter().zip(echo).map(|(got, due)| (got ^ due).count_ones()).sum();
        let due = (echo.len(), u32::from(defect == Defect::Flip), 1);
        assert_eq!((heard.len(), flipped, desk.spoiler.planted().of(defect)), due, "{defect}");
        assert_eq!(desk.say(b"too late"), b"", "{defect}");
        desk.faulty().handle_eof(now);
        assert_eq!(desk.session.end(), Some(CloseReason::Drained), "{defect}");
    }
}

/// Whatever the session ends for: a word, the one shot, or its server, which stops.
#[test]
fn who_sends_a_message_that_is_spoilt_makes_no_pause() {
    let once = Rules { one_shot: true, ..pure() };
    for (said, rules) in [(b"exit", Rules::default()), (b"once", once), (b"stop", pure())] {
        for defect in [Defect::Hold, Defect::Flip, Defect::Drop, Defect::Stall] {
            let mut desk = Desk::new(Odds::default(), rules);
            let now = desk.now;
            if said == b"stop" {
                desk.faulty().leave(now, Haste::AtPause);
            }
            let mut heard = desk.say(said);
            heard.extend(desk.wait(SILENCE / 2));
            desk.spoiler = Spoiler::new(odds(defect, 1.0), 1, 0);
            heard.extend(desk.say(b"s"));
            heard.extend(desk.wait(SILENCE / 2));
            assert!(!desk.session.finished(), "{defect} after {said:?}");
            heard.extend(desk.wait(HOLD));
            let comes = matches!(defect, Defect::Hold | Defect::Flip);
            if comes {
                assert_eq!(heard.len(), said.len() + 1, "{defect} after {said:?}");
                assert!(!desk.session.finished(), "{defect} after {said:?}");
            }
            desk.wait(SILENCE);
            // A word with a letter behind it is none; and who waits for an echo in vain gets no FIN for it.
            let ends = if said == b"exit" { defect == Defect::Drop } else { comes };
            assert_eq!(desk.session.finished(), ends, "{defect} after {said:?}");
        }
    }
}

#[test]
fn a_session_that_times_out_takes_its_fault_with_it() {
    for defect in [Defect::Hold, Defect::Stall, Defect::Drop, Defect::Flip] {
        let idle = Some(SILENCE / 2);
        let mut desk = Desk::new(odds(defect, 1.0), Rules { idle, ..pure() });
        desk.say(b"a message");
        desk.wait(SILENCE / 2);
        let (end, faulty) = (desk.session.end(), desk.faulty());
        let inert = (faulty.to_send(), faulty.room(), faulty.deadline());
        assert_eq!((end, inert), (Some(CloseReason::TimedOut), (&b""[..], 0, None)), "{defect}");
    }
}
