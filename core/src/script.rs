//! A peer that follows a list of acts: what a conformance case, or a test, is made of.

mod act;
mod deviation;

use core::ops::Range;
use core::time::Duration;

pub use self::act::{Act, Body, Manner, Wish};
pub use self::deviation::{Deviation, Sample, What};
use crate::{Endpoint, IdleTimer, Instant, Payload};

/// Follows its acts one after another, and reports where the peer did not: an [`Endpoint`].
///
/// What it says is made in the window `W`, and what it hears is compared as it arrives, so that
/// a body may be larger than any memory. It takes no byte that the present act does not
/// expect: an extra byte is left for the next act.
///
/// While there is a [`wish`](Self::wish) nothing else happens: the driver fulfils it and
/// reports that with [`handle_granted`](Self::handle_granted).
#[derive(Debug)]
pub struct Script<'a, W> {
    acts: &'a [Act<'a>],
    payload: Payload<&'a [u8]>,
    /// The index of the present act.
    act: usize,
    /// The number of bytes that were said in this act.
    said: u64,
    heard: u64,
    /// Whether what the present act waited for has happened.
    done: bool,
    /// The numbers of bytes of its own payload that were said and heard in all.
    own: (u64, u64),
    /// The instant at which a pause of the present act is over.
    pause: Option<Instant>,
    /// The time for which the peer may keep the script waiting.
    patience: IdleTimer,
    /// Whether a FIN follows what was said.
    shut: bool,
    /// Whether the peer's FIN has arrived.
    eof: bool,
    /// Whether the byte of the last [`Act::Maybe`] came.
    came: Option<bool>,
    end: Option<Result<(), Deviation>>,
    /// The bytes that were made last.
    window: W,
    /// The range of `window` that is still to be said.
    ready: Range<usize>,
}

impl<'a, W: AsRef<[u8]> + AsMut<[u8]>> Script<'a, W> {
    /// A script that starts `now`, whose peer may keep it waiting for the `patience`.
    ///
    /// The `window` is an array, or whatever else holds bytes, at least one; it bounds what
    /// is said in one write.
    #[must_use]
    pub fn new(
        now: Instant,
        acts: &'a [Act<'a>],
        payload: Payload<&'a [u8]>,
        patience: Option<Duration>,
        window: W,
    ) -> Self {
        let mut script = Self {
            acts,
            payload,
            act: 0,
            said: 0,
            heard: 0,
            done: false,
            own: (0, 0),
            pause: None,
            patience: IdleTimer::new(patience),
            shut: false,
            eof: false,
            came: None,
            end: None,
            window,
            ready: 0..0,
        };
        script.enter(now);
        script.go_on(now);
        script
    }

    /// The index of the present act; the number of acts once all are done.
    #[must_use]
    pub const fn act(&self) -> usize {
        self.act
    }

    /// What the driver is to do now, apart from moving bytes.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match (self.present(), self.end) {
            (Some(Act::Ask(wish)), None) => Some(wish),
            _ => None,
        }
    }

    /// Whether the byte of the last [`Act::Maybe`] came; `None` before it is known.
    #[must_use]
    pub const fn came(&self) -> Option<bool> {
        self.came
    }

    /// The driver has done what was [wished](Self::wish).
    pub fn handle_granted(&mut self, now: Instant) {
        if self.wish().is_some() {
            self.done = true;
            self.go_on(now);
        }
    }

    /// Ends the script for a reason that only the driver can see.
    pub fn fail(&mut self, what: What) {
        self.deviate(what, &[]);
    }

    fn present(&self) -> Option<Act<'a>> {
        self.acts.get(self.act).copied()
    }

    /// A new act begins.
    fn enter(&mut self, now: Instant) {
        (self.said, self.heard, self.done) = (0, 0, false);
        match self.present() {
            Some(
                Act::Silence(time)
                | Act::Wait(time)
                | Act::Echo(_, Manner::Deaf(time) | Manner::For(time))
                | Act::Last(_, Manner::Deaf(time) | Manner::For(time)),
            ) => self.rest(now, time),
            Some(Act::Fin) => self.shut = true,
            _ => {}
        }
        self.patience.restart(now);
    }

    fn rest(&mut self, now: Instant, time: Duration) {
        self.pause = if time.is_zero() { None } else { Some(now + time) };
    }

    /// Goes past each act that is done, and makes what the next one says.
    fn go_on(&mut self, now: Instant) {
        while self.end.is_none() {
            let Some(act) = self.present() else {
                self.end = Some(Ok(()));
                return;
            };
            if matches!(act, Act::Last(..)) && self.has_said(&act) {
                self.shut = true;
            }
            if self.is_done(&act) {
                self.act += 1;
                self.enter(now);
                continue;
            }
            if self.eof
                && matches!(act, Act::Silence(_) | Act::Hear(_) | Act::Echo(..) | Act::Last(..))
            {
                return self.deviate(What::Ended, &[]);
            }
            return self.make(&act);
        }
    }

    fn has_said(&self, act: &Act<'_>) -> bool {
        act.says().is_none_or(|(body, manner)| {
            let over = matches!(manner, Manner::For(_)) && self.pause.is_none();
            self.said == body.length || (over && self.ready.is_empty())
        })
    }

    fn is_done(&self, act: &Act<'_>) -> bool {
        let has_heard = match act {
            Act::Echo(..) | Act::Last(..) => self.heard == self.said,
            _ => act.hears().is_none_or(|body| self.heard == body.length),
        };
        match act {
            Act::End => self.eof,
            Act::Silence(_) | Act::Wait(_) => self.pause.is_none(),
            Act::Ask(_) => self.done,
            Act::Maybe(_) => self.done || self.eof,
            _ => self.has_said(act) && has_heard,
        }
    }

    /// Makes what is said next, if anything may be said now.
    fn make(&mut self, act: &Act<'a>) {
        let Some((body, manner)) = act.says() else { return };
        let rests = self.pause.is_some();
        let most = match manner {
            _ if !self.ready.is_empty() => 0,
            Manner::Pieces(size) => size,
            Manner::Steps(size, _) => match self.said.checked_rem(size).unwrap_or_default() {
                // A step may be larger than the window.
                0 if rests || self.heard < self.said => 0,
                part => size - part,
            },
            Manner::For(_) if !rests => 0,
            _ => u64::MAX,
        };
        let most = usize::try_from(most.min(body.length - self.said)).unwrap_or(usize::MAX);
        let (payload, offset) = self.bytes(&body, self.said, self.own.0);
        let window = self.window.as_mut();
        let size = most.min(window.len());
        if let Some(window) = window.get_mut(..size).filter(|window| !window.is_empty()) {
            payload.fill(0, offset, window);
            self.ready = 0..size;
        }
    }

    /// The payload and the offset of the bytes of a body that follow `within` bytes of it, or `own`
    /// bytes of the script's own payload.
    const fn bytes(&self, body: &Body<'a>, within: u64, own: u64) -> (Payload<&'a [u8]>, u64) {
        match body.text {
            Some(text) => (Payload::Bytes(text), within),
            None => (self.payload, own),
        }
    }

    /// Takes bytes that the act is waiting to hear.
    fn hear(&mut self, act: &Act<'a>, body: &Body<'a>, now: Instant, bytes: &[u8]) {
        let (payload, offset) = self.bytes(body, self.heard, self.own.1);
        let wrong = payload.mismatch(0, offset, bytes);
        let right = wrong.unwrap_or(bytes.len()) as u64;
        self.heard += right;
        if body.text.is_none() {
            self.own.1 += right;
        }
        if let Some(wrong) = wrong.and_then(|wrong| bytes.get(wrong..)) {
            return self.deviate(What::Differs(payload.fault(0, offset + right, wrong)), wrong);
        }
        match act.says() {
            Some((_, Manner::Steps(size, time) | Manner::Sips(size, time)))
                if is_multiple(self.heard, size) =>
            {
                self.rest(now, time);
            }
            _ => {}
        }
    }

    /// The one place where a deviation of the peer is recorded.
    fn deviate(&mut self, what: What, came: &[u8]) {
        if self.end.is_some() {
            return;
        }
        let (body, says) = self.present().map_or((None, None), |act| (act.hears(), act.says()));
        let mut due = [0; Sample::MOST];
        let due = body.map_or(&[][..], |body| {
            let (payload, offset) = self.bytes(&body, self.heard, self.own.1);
            payload.fill(0, offset, &mut due);
            // Of an echo what was not sent cannot come next.
            let left = says.map_or(body.length, |_| self.said) - self.heard;
            usize::try_from(left).ok().and_then(|left| due.get(..left)).unwrap_or(&due)
        });
        self.end = Some(Err(Deviation {
            act: self.act,
            said: self.said,
            heard: self.heard,
            length: match says {
                Some((_, Manner::For(_))) => self.said,
                _ => body.map_or(0, |body| body.length),
            },
            what,
            due: Sample::of(due),
            came: Sample::of(came),
        }));
    }
}

const fn is_multiple(n: u64, of: u64) -> bool {
    matches!(n.checked_rem(of), Some(0))
}

impl<W: AsRef<[u8]> + AsMut<[u8]>> Endpoint for Script<'_, W> {
    type End = Result<(), Deviation>;

    fn to_send(&self) -> &[u8] {
        match self.end {
            None => self.window.as_ref().get(self.ready.clone()).unwrap_or_default(),
            Some(_) => &[],
        }
    }

    fn room(&self) -> usize {
        let Some(act) = self.present().filter(|_| self.end.is_none() && !self.eof) else {
            return 0;
        };
        let rests = self.pause.is_some();
        let room = match act {
            Act::Hear(body) => body.length - self.heard,
            Act::Echo(_, Manner::Deaf(_) | Manner::Sips(..))
            | Act::Last(_, Manner::Deaf(_) | Manner::Sips(..))
                if rests =>
            {
                0
            }
            // Nothing can come back before it was sent, even if it looks right.
            Act::Echo(_, manner) | Act::Last(_, manner) => {
                let sip = match manner {
                    Manner::Sips(size, _) => {
                        size - self.heard.checked_rem(size).unwrap_or_default()
                    }
                    _ => u64::MAX,
                };
                sip.min(self.said - self.heard)
            }
            Act::Maybe(_) => 1,
            Act::End | Act::Silence(_) => Sample::MOST as u64,
            Act::Say(_) | Act::Wait(_) | Act::Fin | Act::Ask(_) => 0,
        };
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    fn deadline(&self) -> Option<Instant> {
        match self.end {
            None => self.pause.or(self.patience.deadline()),
            Some(_) => None,
        }
    }

    fn finished(&self) -> bool {
        self.end.is_some() || (self.shut && self.ready.is_empty())
    }

    fn end(&self) -> Option<Self::End> {
        self.end
    }

    fn handle_sent(&mut self, now: Instant, n: usize) {
        let n = n.min(self.to_send().len());
        if n == 0 {
            return;
        }
        self.ready.start += n;
        self.said += n as u64;
        if self.present().and_then(|act| act.says()).is_some_and(|(body, _)| body.text.is_none()) {
            self.own.0 += n as u64;
        }
        self.patience.restart(now);
        self.go_on(now);
    }

    fn handle_delivered(&mut self, at: Instant) {
        self.patience.extend(at);
    }

    fn handle_received(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        let Some((bytes, act)) = bytes.get(..n).zip(self.present()).filter(|_| n > 0) else {
            return 0;
        };
        self.patience.restart(now);
        match (act, act.hears()) {
            (_, Some(body)) => self.hear(&act, &body, now, bytes),
            (Act::Maybe(byte), _) => {
                let came = *bytes == [byte];
                (self.came, self.done) = (Some(came), true);
                self.go_on(now);
                // It is not that byte: the next act gets it.
                if !came && self.handle_received(now, bytes) == 0 {
                    self.deviate(What::Unasked, bytes);
                }
            }
            _ => self.deviate(What::Unasked, bytes),
        }
        self.go_on(now);
        n
    }

    fn handle_quiet(&mut self, _now: Instant) {}

    fn handle_eof(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        self.eof = true;
        if matches!(self.present(), Some(Act::Maybe(_))) {
            self.came = Some(false);
        }
        self.go_on(now);
    }

    /// A pause has its own end; patience counts when it is over.
    fn handle_timeout(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        if self.pause.is_some_and(|end| end <= now) {
            self.pause = None;
            self.patience.restart(now);
            self.go_on(now);
        } else if self.pause.is_none() && self.patience.expired(now) {
            self.deviate(What::Stalled, &[]);
        }
    }
}
