//! The messages of one connection of [`Datagrams`]: those in flight, from one local port or from several in turn.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use echo_core::datagram::{Arrival, Flight, Sent, Slot, Undelivered};
use echo_core::{Failure, FailureKind, Instant};

use super::lane::{Event, Lane, Message};
use super::{Ended, Load, Observer, Plan};
use crate::datagrams::{Datagrams, Report};
use crate::measurement::Stray;
use crate::plan::Window;

/// The longest time for which datagrams are waited for that come after all has ended.
const LINGER: Duration = Duration::from_millis(100);

pub(super) struct Flow<'a> {
    /// The number of its first port.
    first_port: usize,
    window: Window,
    flight: Flight<'a, Note, Box<[u8]>, Slots>,
    /// One byte longer than a message: what has grown is seen to have.
    buffer: Box<[u8]>,
    /// Those of its ports at which something has arrived, in the order in which they were told.
    ready: VecDeque<usize>,
    /// The first slot of the schedule that it has not used.
    turn: u64,
    /// The message that ended last.
    message: Message,
    /// Why the message that was begun last was not sent.
    unsent: Option<Failure>,
    /// No message begins before that.
    rest: Option<Instant>,
    /// The instant from which on there has been room for another message, and no rest.
    free: Instant,
    /// Whether there was none before the message that ended last did.
    was_full: bool,
    /// The number of the first message that is measured; none is in the warm-up.
    measured: Option<u64>,
    /// The number of messages begun.
    messages: u64,
}

type Slots = Box<[Slot<Note>]>;

/// What is noted of a message in flight: when it was due, and the number of stops before it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    planned: Instant,
    stops: u64,
}

impl<'a> Flow<'a> {
    pub(super) fn new(plan: &'a Plan, number: u16) -> Self {
        let window = Window::of(plan);
        let length = usize::try_from(plan.length).unwrap_or_default();
        let (message, slots) = (vec![0; length], vec![Slot::NEW; window.messages]);
        let payload = plan.payload.on(number);
        Self {
            first_port: usize::from(number) * window.ports,
            window,
            flight: Flight::new(payload, plan.limit, message.into(), slots.into()),
            buffer: vec![0; length + 1].into(),
            ready: VecDeque::with_capacity(window.ports),
            turn: number.into(),
            message: Message::NONE,
            unsent: None,
            rest: None,
            free: Instant::START,
            was_full: false,
            measured: None,
            messages: 0,
        }
    }

    /// Receives from one port. Returns what has happened, if that is to be told.
    fn receive(&mut self, port: usize, datagrams: &mut impl Datagrams) -> Option<Event> {
        let received = match datagrams.receive(self.first_port + port, &mut self.buffer) {
            Ok(Some(received)) => received,
            Ok(None) => {
                self.ready.pop_front();
                return None;
            }
            Err(report) => {
                self.ready.pop_front();
                return self.hear(port, report, datagrams);
            }
        };
        let now = datagrams.now();
        let bytes = self.buffer.get(..received.length).unwrap_or(&self.buffer);
        let arrival =
            self.flight.handle_datagram(now, port, received.from_peer, received.length, bytes);
        if self.window.ports > 1 || self.flight.in_flight() == 0 {
            // Nothing more is expected there; if it comes, the next wait tells.
            self.ready.pop_front();
        }
        let (stray, message) = match arrival {
            Arrival::Echo { sent, overtaken, end } => {
                let ended = self.ended(&sent, end);
                self.message.overtaken = overtaken;
                return Some(ended);
            }
            Arrival::Late { message } => (Stray::Late, Some(message)),
            Arrival::Duplicate { message } => (Stray::Duplicate, Some(message)),
            Arrival::OtherConnection => (Stray::Crossed, None),
            Arrival::Foreign => (Stray::Foreign, None),
        };
        let measured = |message| self.measured.is_some_and(|first| message >= first);
        Some(Event::Stray(stray, message.map(measured), now))
    }

    /// The network has told of a message that was sent from a port.
    fn hear(
        &mut self,
        port: usize,
        Report { failure, icmp, quoted }: Report,
        datagrams: &mut impl Datagrams,
    ) -> Option<Event> {
        let quote = self.buffer.get(..quoted).unwrap_or(&self.buffer);
        let event = match self.flight.handle_report(port, quote)? {
            Undelivered::InFlight(sent) => self.ended(&sent, Err(failure)),
            Undelivered::GivenUp(sent) => {
                self.message = Message::of(&sent);
                Event::Explained(failure)
            }
        };
        (self.message.errno, self.message.icmp) = (datagrams.errno(), icmp);
        Some(event)
    }

    /// A message that is in flight no more has ended.
    fn ended(&mut self, sent: &Sent<Note>, end: Result<Duration, Failure>) -> Event {
        self.message = Message::of(sent);
        self.was_full = self.flight.in_flight() + 1 >= self.window.most;
        if let (Ok(took), true) = (end, self.was_full) {
            self.free = sent.begun + took;
        }
        Event::Ended(end)
    }
}

impl Message {
    const fn of(sent: &Sent<Note>) -> Self {
        let Sent { message: number, begun, note: Note { planned, stops }, .. } = *sent;
        Self { number, planned, begun, stops, ..Self::NONE }
    }
}

impl<D: Datagrams> Lane<D> for Flow<'_> {
    const LISTENS: bool = true;

    fn told(lanes: &mut [Self], links: &mut [usize]) {
        let Some(ports) = lanes.first().map(|lane| lane.window.ports) else { return };
        for link in links {
            let (lane, port) = (*link / ports, *link % ports);
            let ready = &mut lanes[lane].ready;
            if !ready.contains(&port) {
                ready.push_back(port);
            }
            *link = lane;
        }
    }

    fn measure(&mut self) {
        self.measured.get_or_insert(self.messages.saturating_sub(1));
    }

    fn most(&self) -> usize {
        self.window.most
    }

    fn has_room(&self) -> bool {
        self.unsent.is_none()
            && self.flight.in_flight() < self.window.most
            && self.flight.has_room()
    }

    fn rests(&self, now: Instant) -> bool {
        self.rest.is_some_and(|rest| rest > now)
    }

    fn was_busy(&self, planned: Instant) -> bool {
        planned < self.free
    }

    fn turn(&mut self) -> &mut u64 {
        &mut self.turn
    }

    fn due(&self) -> Option<Instant> {
        [self.flight.deadline(), self.rest].into_iter().flatten().min()
    }

    fn later(&self, now: Instant) -> Option<Instant> {
        [self.flight.deadline(), self.rest].into_iter().flatten().filter(|due| *due > now).min()
    }

    fn begin(&mut self, planned: Instant, now: Instant, datagrams: &mut D) {
        self.rest = None;
        let note = Note { planned, stops: datagrams.stops().times };
        let Some(sent) = self.flight.begin(now, note) else { return };
        self.messages += 1;
        if let Err(failure) = datagrams.send(self.first_port + sent.port, self.flight.datagram()) {
            self.flight.withdraw();
            self.ended(&sent, Err(failure));
            self.message.errno = datagrams.errno();
            self.unsent = Some(failure);
        }
    }

    fn drive(&mut self, now: Instant, datagrams: &mut D) -> Option<Event> {
        if let Some(failure) = self.unsent.take() {
            return Some(Event::Ended(Err(failure)));
        }
        if let Some(sent) = self.flight.handle_timeout(now) {
            let length = self.flight.datagram().len() as u64;
            let lost = Failure::TimedOut { received: 0, length, whole: None };
            return Some(self.ended(&sent, Err(lost)));
        }
        while let Some(port) = self.ready.front().copied() {
            if let Some(event) = self.receive(port, datagrams) {
                return Some(event);
            }
        }
        None
    }

    fn message(&self) -> &Message {
        &self.message
    }

    fn follow(&mut self, _followed: bool) {}

    fn under_way(&self, mut each: impl FnMut(Instant, Instant)) {
        self.flight.under_way().for_each(|sent| each(sent.note.planned, sent.begun));
    }

    /// A port outlives what becomes of its datagrams.
    fn failed(&mut self, now: Instant, rest: Option<Instant>, _datagrams: &mut D) {
        self.rest = rest.or(self.rest);
        if self.was_full || rest.is_some() {
            self.free = rest.unwrap_or(now);
        }
    }

    fn close(&mut self, datagrams: &mut D) {
        (0..self.window.ports).for_each(|port| datagrams.close(self.first_port + port));
    }

    /// Counts what comes late or twice for as long as the slowest echo took, at the most: that of the last message
    /// would be missing otherwise. A message that was lost took longer than any.
    fn linger(load: &mut Load<'_, D, Self>, observer: &mut dyn Observer) -> io::Result<()> {
        if load.out.ended != Ended::AsPlanned {
            return Ok(());
        }
        let mut now = load.driver.now();
        let lost = load.out.tally.failed(FailureKind::TimedOut) > 0;
        let slowest = load.out.times.slowest().unwrap_or_default();
        let until = now + if lost { LINGER } else { slowest.min(LINGER) };
        let mut ready = Vec::new();
        while now < until {
            let before = now;
            now = load.driver.wait(now, until, load.busy, &mut ready)?;
            <Self as Lane<D>>::told(&mut load.lanes, &mut ready);
            for key in ready.drain(..) {
                while now < until
                    && let Some(event) = load.lanes[key].drive(now, load.driver)
                {
                    now = load.happened(key, event, now, observer);
                }
            }
            if now == before {
                now = load.driver.now();
            }
        }
        // Whatever has become known: nothing was stopped by it.
        load.out.ended = Ended::AsPlanned;
        Ok(())
    }
}
