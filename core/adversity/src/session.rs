//! What holds for every session, whatever is done to it.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use echo_core::{CloseReason, Endpoint, Haste, Instant, LINGER, Rules, SILENCE, Session};

/// Something that can happen to a session.
#[derive(Debug)]
enum Op {
    Receive(Vec<u8>),
    /// The stream accepts this many bytes, or all that there are.
    Send(usize),
    /// The peer took bytes; the driver hears of it this much later.
    Deliver(Duration),
    Quiet,
    Leave(Haste),
    Eof,
    Sleep(Duration),
    Timeout,
}

/// The clock stands still, goes on by what decides, or jumps by days.
const PAUSES: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    SILENCE.checked_sub(Duration::from_nanos(1)).expect("it is longer"),
    SILENCE,
    Duration::from_secs(1),
    LINGER,
    Duration::from_secs(3 * 86_400),
    Duration::MAX,
];

/// Pieces of the word.
const PIECES: [&[u8]; 10] =
    [b"e", b"ex", b"it", b"exit", b"exit\n", b"exit\r\n", b"\r", b"\n", b"t", b"it\r"];

pub(crate) fn keeps_its_promises(u: &mut Unstructured<'_>) -> Result<()> {
    let idle = if u.arbitrary()? { Some(*u.choose(&PAUSES)?) } else { None };
    let chunk = *u.choose(&[usize::MAX, 0, 1, 2, 5, 9])?;
    let rules = Rules { idle, chunk, one_shot: u.arbitrary()?, exit: u.arbitrary()? };
    let start = *u.choose(&[Duration::ZERO, Duration::from_secs(1 << 33), Duration::MAX])?;
    match u.int_in_range(0..=2)? {
        0 => Case::<8>::new(rules, start).run(u),
        1 => Case::<9>::new(rules, start).run(u),
        _ => Case::<64>::new(rules, start).run(u),
    }
}

fn op(u: &mut Unstructured<'_>) -> Result<Op> {
    Ok(match u.int_in_range(0..=23)? {
        0..=5 => Op::Receive(bytes(u)?),
        6..=8 => Op::Send(usize::MAX),
        9..=11 => Op::Send(u.int_in_range(0..=11)?),
        12..=13 => Op::Deliver(*u.choose(&PAUSES)?),
        14..=16 => Op::Quiet,
        17 => Op::Leave(*u.choose(&[Haste::AtPause, Haste::Now])?),
        18 => Op::Eof,
        19..=20 => Op::Sleep(*u.choose(&PAUSES)?),
        _ => Op::Timeout,
    })
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=6)? {
        0..=3 => u.choose(&PIECES)?.to_vec(),
        4 => [*u.choose(&PIECES)?, *u.choose(&PIECES)?].concat(),
        _ => {
            let length = u.int_in_range(0..=40)?.min(u.len());
            u.bytes(length)?.to_vec()
        }
    })
}

struct Case<const N: usize> {
    rules: Rules,
    now: Instant,
    session: Session<N>,
    /// What was received until the session closed,
    input: Vec<u8>,
    /// and what it echoed.
    output: Vec<u8>,
    eof: bool,
    closed: bool,
}

impl<const N: usize> Case<N> {
    fn new(rules: Rules, start: Duration) -> Self {
        let now = Instant::new(start);
        let session = Session::new(now, rules);
        Self {
            rules,
            now,
            session,
            input: Vec::new(),
            output: Vec::new(),
            eof: false,
            closed: false,
        }
    }

    fn run(mut self, u: &mut Unstructured<'_>) -> Result<()> {
        while !u.is_empty() {
            let end = self.session.end();
            let op = op(u)?;
            self.happens(&op);
            self.holds(end);
        }
        self.peer_fetches_all_and_leaves();
        Ok(())
    }

    fn happens(&mut self, op: &Op) {
        let (now, session) = (self.now, &mut self.session);
        match op {
            Op::Receive(_) if self.eof => {}
            Op::Receive(bytes) => {
                let expected = bytes.len().min(session.room());
                assert_eq!(session.handle_received(now, bytes), expected);
                if !self.closed {
                    self.input.extend(&bytes[..expected]);
                }
            }
            Op::Send(n) => {
                let n = session.to_send().len().min(*n);
                self.output.extend(&session.to_send()[..n]);
                session.handle_sent(now, n);
            }
            Op::Deliver(late) => {
                let at = Instant::new(now.since_start().saturating_sub(*late));
                let before = session.deadline();
                session.handle_delivered(at);
                let after = session.deadline();
                // None is a deadline beyond the end of time.
                assert!(after.is_none() || after >= before, "progress takes no time away");
                assert!(before.is_some() || after.is_none(), "what does not count begins to");
            }
            Op::Quiet => session.handle_quiet(now),
            Op::Leave(haste) => {
                session.leave(now, *haste);
                self.closed |= *haste == Haste::Now;
            }
            Op::Eof => {
                session.handle_eof(now);
                (self.eof, self.closed) = (true, true);
            }
            Op::Sleep(duration) => self.now = now + *duration,
            Op::Timeout => {
                let due = session.deadline().is_some_and(|deadline| deadline <= now);
                self.closed |= due;
                let before = format!("{session:?}");
                session.handle_timeout(now);
                assert!(due || format!("{session:?}") == before, "an early call changes");
                assert!(session.deadline().is_none_or(|deadline| deadline > now));
                let settled = format!("{session:?}");
                session.handle_timeout(now);
                assert_eq!(format!("{session:?}"), settled, "a repeated call changes");
            }
        }
    }

    fn holds(&self, end: Option<CloseReason>) {
        let session = &self.session;
        assert!(self.input.starts_with(&self.output), "the echo is a prefix of the input");
        assert_eq!(session.echoed(), self.output.len() as u64);
        let pending = session.to_send().len();
        assert!(pending <= N, "memory is bounded");
        assert!(session.room() <= self.rules.chunk.max(1));
        assert!(!self.eof || session.room() == 0, "who reads on would spin");
        assert!(end.is_none() || session.end() == end, "an end stays");
        if session.end().is_some() {
            let inert = (session.to_send(), session.room(), session.deadline());
            assert_eq!(inert, (&b""[..], 0, None));
            assert!(session.finished());
        } else if !session.finished() {
            assert!(pending > 0 || session.room() > 0, "it waits for nobody");
        } else {
            let limited = session.deadline().is_some() || self.now.checked_add(LINGER).is_none();
            assert!(limited, "lingering has a limit");
        }
    }

    fn peer_fetches_all_and_leaves(mut self) {
        for _ in 0..2 {
            self.output.extend(self.session.to_send());
            self.session.handle_sent(self.now, self.session.to_send().len());
            self.session.handle_eof(self.now);
        }
        let end = self.session.end();
        assert!(end.is_some(), "whoever gets everything and leaves ends the session");
        assert!(self.input.starts_with(&self.output));
        let missing = &self.input[self.output.len()..];
        match end {
            Some(CloseReason::TimedOut) => {}
            Some(CloseReason::Exit) => {
                let is_its_end =
                    |word: &[u8]| self.input.ends_with(word) && word.ends_with(missing);
                let words = [&b"exit"[..], b"exit\n", b"exit\r\n"];
                assert!(self.rules.exit && !missing.is_empty());
                assert!(words.into_iter().any(is_its_end), "only the word is not echoed");
            }
            Some(CloseReason::Answered) => assert!(self.rules.one_shot && missing.is_empty()),
            _ => assert!(missing.is_empty(), "nothing is lost"),
        }
    }
}
