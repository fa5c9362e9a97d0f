//! The verdict on a message against all that came of its echo, which a probe compares in
//! passing and forgets.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use echo_core::{Endpoint, Failure, Instant, Payload, Probe};

use crate::payload::number;

/// As many bytes in their places are no chance.
const SURE: usize = 8;

/// The same message through windows of all kinds: the verdict must not depend on it.
const WINDOWS: [usize; 4] = [1, 7, 64, 2048];

pub(crate) fn judges_what_came(u: &mut Unstructured<'_>) -> Result<()> {
    let text = [b"some words, again and again", &b"x"[..]];
    let payload = match u.int_in_range(0..=3)? {
        0 => Payload::Zero,
        1 => Payload::Seq { run: u.arbitrary()?, connection: u.arbitrary()? },
        2 => Payload::Random { seed: u.arbitrary()? },
        _ => Payload::Bytes(*u.choose(&text)?),
    };
    let limit = *u.choose(&[None, Some(Duration::from_millis(5)), Some(Duration::MAX)])?;
    let mut case = Case::new(payload, number(u)?, u.int_in_range(1..=1200)?, limit);
    while !u.is_empty() {
        case.happens(u)?;
        case.holds();
    }
    Ok(())
}

struct Case {
    probes: Vec<Probe<'static, Vec<u8>>>,
    number: u64,
    message: Vec<u8>,
    begun: Instant,
    now: Instant,
    limit: Option<Duration>,
    sent: usize,
    /// All that came before the verdict,
    stream: Vec<u8>,
    /// of that before the limit,
    in_time: usize,
    /// and in how many pieces.
    pieces: usize,
    eof: bool,
    end: Option<<Probe<'static, Vec<u8>> as Endpoint>::End>,
}

impl Case {
    fn new(
        payload: Payload<&'static [u8]>,
        number: u64,
        length: usize,
        limit: Option<Duration>,
    ) -> Self {
        let begun = Instant::new(Duration::from_secs(7));
        let mut message = vec![0; length];
        payload.fill(number, 0, &mut message);
        let probe = |window| {
            let mut probe = Probe::new(payload, length as u64, limit, vec![0; window]);
            probe.begin(begun, number);
            probe
        };
        let probes = WINDOWS.into_iter().map(probe).collect();
        let (stream, now) = (Vec::new(), begun);
        let (sent, in_time, pieces, eof, end) = (0, 0, 0, false, None);
        Self { probes, number, message, begun, now, limit, sent, stream, in_time, pieces, eof, end }
    }

    fn happens(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now;
        match u.int_in_range(0..=11)? {
            0..=1 => self.send(u.int_in_range(0..=2048)?),
            2 => self.send(usize::MAX),
            3..=6 => {
                let piece = self.piece(u)?;
                self.receive(&piece);
            }
            7 => self.now = now + Duration::from_millis(u.int_in_range(0..=6)?),
            8 => self.now = now + *u.choose(&[Duration::ZERO, Duration::from_secs(1 << 18)])?,
            9 => self.each(|probe| probe.handle_timeout(now)),
            10 => self.each(|probe| probe.handle_quiet(now)),
            _ => {
                self.eof |= self.end.is_none();
                self.each(|probe| probe.handle_eof(now));
            }
        }
        Ok(())
    }

    /// What comes next of the echo, as it should be or not.
    fn piece(&self, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let right = self.stream.len().min(self.message.len());
        let from = if u.ratio(1, 6)? { u.choose_index(self.message.len())? } else { right };
        let length = u.int_in_range(1..=1300)?;
        let mut piece: Vec<u8> = self.message[from..].iter().copied().take(length).collect();
        if u.ratio(1, 8)? && !piece.is_empty() {
            let place = u.choose_index(piece.len())?;
            piece[place] ^= u.arbitrary::<u8>()?;
        }
        if u.ratio(1, 8)? {
            let more = u.int_in_range(0..=12)?.min(u.len());
            let place = *u.choose(&[0, piece.len()])?;
            piece.splice(place..place, u.bytes(more)?.iter().copied());
        }
        Ok(piece)
    }

    fn send(&mut self, n: usize) {
        let sent = self.message.len().min(self.sent.saturating_add(n));
        let expected = &self.message[self.sent..sent];
        for probe in &mut self.probes {
            let mut rest = expected;
            while !rest.is_empty() && probe.end().is_none() {
                let n = probe.to_send().len().min(rest.len());
                assert!(n > 0, "it has something to send");
                assert_eq!(probe.to_send()[..n], rest[..n], "what is sent is the message");
                probe.handle_sent(self.now, n);
                rest = &rest[n..];
            }
        }
        if self.end.is_none() {
            self.sent = sent;
        }
    }

    fn receive(&mut self, piece: &[u8]) {
        // A driver does not tell of nothing.
        if piece.is_empty() {
            return;
        }
        let (now, over) = (self.now, self.end.is_some());
        let expected = if over { 0 } else { piece.len() };
        self.each(|probe| assert_eq!(probe.handle_received(now, piece), expected));
        if !over {
            self.stream.extend(piece);
            self.pieces += 1;
            if !self.late() {
                self.in_time = self.stream.len();
            }
        }
    }

    fn each(&mut self, mut event: impl FnMut(&mut Probe<'static, Vec<u8>>)) {
        self.probes.iter_mut().for_each(&mut event);
    }

    fn late(&self) -> bool {
        self.limit.is_some_and(|limit| {
            self.begun.checked_add(limit).is_some_and(|deadline| deadline <= self.now)
        })
    }

    fn holds(&mut self) {
        let first = self.probes[0].end();
        for probe in &self.probes {
            assert_eq!(probe.end(), first, "whatever the window");
            assert!(!probe.finished());
            if first.is_some() {
                let inert = (probe.to_send(), probe.room(), probe.deadline());
                assert_eq!(inert, (&b""[..], 0, None));
            }
        }
        if self.end.is_some() {
            assert_eq!(first, self.end, "a verdict stays");
        } else {
            self.end = first;
            self.verdict_is_right();
        }
    }

    fn verdict_is_right(&self) {
        let (stream, message) = (&self.stream[..], &self.message[..]);
        let common = stream.iter().zip(message).take_while(|(came, sent)| came == sent).count();
        let right = common == stream.len() && common <= self.sent;
        let took = self.now.saturating_duration_since(self.begun);
        let length = message.len() as u64;
        let Some(end) = self.end else {
            // A few bytes at the beginning are no verdict yet.
            let suspect = self.pieces == 1 && stream.len() <= SURE;
            assert!((right && common < message.len()) || suspect, "no verdict on {stream:x?}");
            return assert!(!self.eof);
        };
        match end {
            Ok(time) => {
                assert!(right && common == message.len() && !self.late());
                assert_eq!(time, took);
            }
            Err(Failure::TimedOut { received, length: told, whole }) => {
                assert!(self.late());
                assert!(received <= self.in_time.min(common) as u64);
                assert_eq!(told, length);
                let is_whole = right && common == message.len();
                assert_eq!(whole, is_whole.then_some(took));
            }
            Err(Failure::ClosedEarly { received, length: told }) => {
                assert!(self.eof && right && !self.late());
                assert_eq!((received, told), (common as u64, length));
            }
            Err(Failure::Differs(it)) => {
                assert_eq!((it.message, it.offset), (self.number, common as u64));
                assert_eq!((it.expected, it.received), (message[common], stream[common]));
                assert_ne!(it.expected, it.received);
            }
            Err(Failure::Extra { message: number, bytes }) => {
                assert_eq!(number, self.number);
                assert_eq!(bytes, (stream.len() - self.sent) as u64, "beyond what was sent");
                assert!(bytes > 0 && common >= self.sent.min(stream.len()));
            }
            Err(Failure::Ahead { bytes }) => {
                let begins = stream.get(bytes as usize..).unwrap_or_default();
                let sure = SURE.min(message.len());
                assert!(bytes > 0 && bytes <= 2 * SURE as u64 && !right);
                assert!(begins.len() >= sure && message.starts_with(&begins[..sure]));
            }
            Err(other) => panic!("only the driver can tell: {other:?}"),
        }
    }
}
