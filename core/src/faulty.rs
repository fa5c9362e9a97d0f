//! A server's end that is spoilt on purpose, with faults that an instrument has to find and a client
//! to survive.

mod odds;

use heapless::Vec;

pub use self::odds::{Defect, Odds, Planted};
use crate::random::{self, mix};
use crate::{CloseReason, Endpoint, Haste, Instant, SILENCE, Session};

/// A [`Session`] into whose echo a [`Spoiler`] plants faults: an [`Endpoint`] for as long as a
/// driver holds both. Where nothing is to be spoilt the driver holds the session alone.
///
/// A *message* is what arrives until there is nothing more to read for now
/// ([`handle_quiet`](Endpoint::handle_quiet)), in however many reads. That is what a peer sends
/// at once, as long as it arrives faster than it is read; bytes with gaps between them count as
/// several messages. Whether a fault is planted in a message, and which, is decided at its first
/// byte.
///
/// A message with a fault goes on, gaps or not, until its peer has been silent for [`SILENCE`],
/// so that it has one fault only. Its last byte is kept back until then: a peer that waits for the
/// whole echo before it goes on is silent, and gets the last byte 200 ms later. (Not with
/// [`Defect::Hold`], which has a time of its own, and keeps all bytes back.)
#[derive(Debug)]
pub struct Faulty<'s, const N: usize> {
    session: &'s mut Session<N>,
    spoiler: &'s mut Spoiler<N>,
}

/// Plants faults in the messages of one connection after another, and counts them.
///
/// The same seed plants the same faults in the same messages, however the reads are cut. It
/// remembers the first `N` bytes of a message, and holds as many.
#[derive(Debug)]
pub struct Spoiler<const N: usize> {
    odds: Odds,
    /// The state of the pseudo-random sequence.
    random: u64,
    planted: Planted,
    stage: Stage,
    /// Whether the next byte begins a message.
    fresh: bool,
    /// Whether nothing has arrived since the driver read all that there was.
    quiet: bool,
    /// Whether the peer has sent a FIN of which the session does not know yet.
    eof: bool,
    /// Whether the session is to leave when it has what is in the queue.
    leaves: bool,
    /// The instant at which the present message ends, or is released.
    due: Option<Instant>,
    /// The number of bytes of the present message that have arrived.
    offset: u64,
    /// The offset in the message at which it is spoilt.
    place: u64,
    /// The bit that is flipped there, as a mask.
    bit: u8,
    /// The bytes that the session gets next.
    queue: Vec<u8, N>,
    /// The beginning of an earlier message, or of the one that is to be repeated.
    old: Vec<u8, N>,
}

/// What becomes of the bytes that arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The session gets them.
    Sound,
    /// They are part of a message with this fault.
    Spoiling(Defect),
    /// They wait until the session has taken the queue.
    Settling,
    /// They arrive too late: the session takes the queue, and ends.
    Cutting,
}

impl<const N: usize> Spoiler<N> {
    /// A spoiler for the connection with this number, or for those from it on. The odds of faults
    /// of datagrams mean nothing here.
    #[must_use]
    pub fn new(odds: Odds, seed: u64, connection: u64) -> Self {
        Self {
            odds: odds.only(&Defect::OF_STREAMS),
            random: mix(mix(seed).wrapping_add(connection)),
            planted: Planted::default(),
            stage: Stage::Sound,
            fresh: true,
            quiet: false,
            eof: false,
            leaves: false,
            due: None,
            offset: 0,
            place: 0,
            bit: 0,
            queue: Vec::new(),
            old: Vec::new(),
        }
    }

    /// The faults that were planted so far.
    #[must_use]
    pub const fn planted(&self) -> Planted {
        self.planted
    }

    /// Another connection begins: nothing but the counts is remembered of the one before.
    pub fn begin(&mut self) {
        let Self { odds, random, planted, .. } = *self;
        *self = Self { random, planted, ..Self::new(odds, 0, 0) };
    }

    /// Decides which fault a message gets that begins now.
    fn draw(&mut self, now: Instant) {
        let random = self.random();
        let defect = self.odds.draw(random);
        // The first message of a connection has none before it.
        let defect = defect.filter(|it| *it != Defect::Stale || !self.old.is_empty());
        (self.fresh, self.offset, self.stage) = (false, 0, Stage::Sound);
        if matches!(defect, None | Some(Defect::Repeat)) {
            self.old.clear();
        }
        let Some(defect) = defect else { return };
        let random = self.random();
        // Each order of magnitude is equally likely, so that messages of any length are hit inside.
        self.place = (random >> 8) & ((1 << (random % 11)) - 1);
        self.bit = 1 << (random >> 61);
        self.stage = Stage::Spoiling(defect);
        self.due = (defect == Defect::Hold).then(|| now + self.odds.hold());
        // The others are planted later, or not at all.
        if !matches!(defect, Defect::Flip | Defect::Repeat | Defect::Cut) {
            self.planted.count(defect);
        }
    }

    fn random(&mut self) -> u64 {
        random::next(&mut self.random)
    }

    /// Keeps the beginning of a message.
    fn remember(&mut self, bytes: &[u8]) {
        let free = N - self.old.len();
        let fits = bytes.get(..free).unwrap_or(bytes);
        // It fits: `fits` is no longer than the free space.
        let _ = self.old.extend_from_slice(fits);
    }

    /// Takes bytes of a message with this fault; there is room for them.
    fn spoil(&mut self, defect: Defect, bytes: &[u8]) {
        self.quiet = false;
        if defect != Defect::Hold {
            self.due = None;
        }
        if defect == Defect::Repeat {
            self.remember(bytes);
        }
        for byte in bytes {
            let here = self.offset;
            self.offset += 1;
            let byte = match defect {
                Defect::Drop | Defect::Stall | Defect::Reset => return,
                Defect::Cut if here == self.place => return self.cut(),
                Defect::Flip if here == self.place => {
                    self.planted.count(defect);
                    byte ^ self.bit
                }
                Defect::Stale => {
                    let here = usize::try_from(here).ok();
                    *here.and_then(|here| self.old.get(here)).unwrap_or(byte)
                }
                _ => *byte,
            };
            // It fits: `room` admits no more.
            let _ = self.queue.push(byte);
        }
    }

    fn cut(&mut self) {
        self.planted.count(Defect::Cut);
        self.stage = Stage::Cutting;
    }

    /// The message with this fault is at its end.
    fn finish(&mut self, defect: Defect) {
        self.due = None;
        self.stage = Stage::Settling;
        match defect {
            Defect::Flip if self.place >= self.offset => {
                if let Some(last) = self.queue.last_mut() {
                    *last ^= self.bit;
                    self.planted.count(defect);
                }
            }
            Defect::Cut => {
                self.queue.pop();
                self.cut();
            }
            Defect::Repeat => {
                let free = N - self.queue.len();
                let again = self.old.get(..free).unwrap_or(&self.old);
                if !again.is_empty() {
                    let _ = self.queue.extend_from_slice(again);
                    self.planted.count(defect);
                }
            }
            _ => {}
        }
    }

    /// The number of bytes in the queue that the session may have.
    fn ripe(&self) -> usize {
        match self.stage {
            Stage::Spoiling(Defect::Hold) => 0,
            Stage::Spoiling(_) => self.queue.len().saturating_sub(1),
            _ => self.queue.len(),
        }
    }

    /// Forgets the first bytes of the queue.
    fn advance(&mut self, n: usize) {
        let n = n.min(self.queue.len());
        self.queue.copy_within(n.., 0);
        self.queue.truncate(self.queue.len() - n);
    }
}

impl<'s, const N: usize> Faulty<'s, N> {
    /// Spoils this session. The spoiler must have seen all of its input, or nothing since it
    /// [began](Spoiler::begin).
    pub const fn new(session: &'s mut Session<N>, spoiler: &'s mut Spoiler<N>) -> Self {
        Self { session, spoiler }
    }

    /// Asks the session to [leave](Session::leave): its peer gets all that was received until then, spoilt
    /// as it is meant to be, before our FIN. In haste, a message with a fault is at its end, and one that is
    /// held is released.
    pub fn leave(&mut self, now: Instant, haste: Haste) {
        let Self { session, spoiler } = self;
        if haste == Haste::AtPause || spoiler.stage == Stage::Sound {
            return session.leave(now, haste);
        }
        if let Stage::Spoiling(defect) = spoiler.stage {
            spoiler.finish(defect);
        }
        spoiler.leaves = true;
        self.pour(now);
    }

    /// Gives the session the bytes that it may have and has room for.
    fn pour(&mut self, now: Instant) {
        let Self { session, spoiler } = self;
        if spoiler.stage == Stage::Sound {
            return;
        }
        while session.is_echoing()
            && let Some(ripe @ [_, ..]) = spoiler.queue.get(..spoiler.ripe())
        {
            match session.handle_received(now, ripe) {
                0 => return,
                n => spoiler.advance(n),
            }
        }
        if session.is_echoing() && matches!(spoiler.stage, Stage::Spoiling(_)) {
            return;
        }
        // The session has all, or wants no more.
        spoiler.queue.clear();
        spoiler.due = None;
        spoiler.fresh = spoiler.quiet;
        if core::mem::replace(&mut spoiler.stage, Stage::Sound) == Stage::Cutting {
            session.close(now, CloseReason::Cut);
        } else if spoiler.quiet {
            session.handle_quiet(now);
        }
        if core::mem::take(&mut spoiler.eof) {
            session.handle_eof(now);
        }
        if core::mem::take(&mut spoiler.leaves) {
            session.leave(now, Haste::Now);
        }
    }
}

impl<const N: usize> Endpoint for Faulty<'_, N> {
    type End = CloseReason;

    fn to_send(&self) -> &[u8] {
        self.session.to_send()
    }

    fn room(&self) -> usize {
        match self.spoiler.stage {
            Stage::Spoiling(_) | Stage::Settling | Stage::Cutting if self.spoiler.eof => 0,
            Stage::Spoiling(_) if self.session.is_echoing() => N - self.spoiler.queue.len(),
            Stage::Settling | Stage::Cutting if self.session.is_echoing() => 0,
            _ => self.session.room(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let due = self.spoiler.due.filter(|_| self.session.is_echoing());
        [self.session.deadline(), due].into_iter().flatten().min()
    }

    fn finished(&self) -> bool {
        self.session.finished()
    }

    fn end(&self) -> Option<CloseReason> {
        self.session.end()
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        self.session.handle_sent(now, n);
        self.pour(now);
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.session.handle_delivered(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        let bytes = bytes.get(..n).unwrap_or_default();
        if n == 0 || !self.session.is_echoing() {
            return self.session.handle_received(now, bytes);
        }
        let spoiler = &mut *self.spoiler;
        if spoiler.fresh {
            spoiler.draw(now);
        }
        match spoiler.stage {
            Stage::Spoiling(Defect::Reset) => {
                spoiler.stage = Stage::Sound;
                self.session.end_with(CloseReason::Reset);
            }
            Stage::Spoiling(defect) => {
                spoiler.spoil(defect, bytes);
                self.session.go_on();
                self.pour(now);
            }
            _ => {
                if spoiler.odds.has(Defect::Stale) {
                    spoiler.remember(bytes);
                }
                self.session.handle_received(now, bytes);
            }
        }
        n
    }

    fn handle_quiet(&mut self, now: Instant) {
        self.spoiler.quiet = true;
        match self.spoiler.stage {
            Stage::Sound => {
                self.spoiler.fresh = true;
                self.session.handle_quiet(now);
            }
            Stage::Spoiling(Defect::Hold | Defect::Stall) | Stage::Settling | Stage::Cutting => {}
            Stage::Spoiling(_) => {
                self.spoiler.due.get_or_insert(now + SILENCE);
            }
        }
    }

    fn handle_eof(&mut self, now: Instant) {
        let spoiler = &mut *self.spoiler;
        match spoiler.stage {
            Stage::Sound => return self.session.handle_eof(now),
            Stage::Spoiling(Defect::Hold) | Stage::Settling | Stage::Cutting => {}
            Stage::Spoiling(defect) => spoiler.finish(defect),
        }
        spoiler.eof = true;
        self.pour(now);
    }

    fn handle_reset(&mut self, now: Instant) {
        if self.spoiler.queue.is_empty() {
            self.session.handle_reset(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let spoiler = &mut *self.spoiler;
        if let Stage::Spoiling(defect) = spoiler.stage
            && spoiler.due.is_some_and(|due| due <= now)
        {
            spoiler.finish(defect);
            self.pour(now);
        }
        self.session.handle_timeout(now);
        self.pour(now);
    }
}
