//! The one loop that offers load: a [`Plan`] goes in, a [`Measurement`] comes out.
//!
//! How many connections, what they send, when, and when to stop are values of
//! the plan; there is one loop for all of them. `rate` and `fail-rate` make plans; reports read measurements; nothing
//! in here prints or draws.

mod between;
mod connection;
mod flow;
mod following;
mod instrument;
mod lane;
mod observer;
mod opening;
mod pace;
mod sequence;
mod series;
mod turn;
mod warm_up;

use std::io;
use std::time::Duration;

use echo_core::Instant;

use self::connection::Connection;
use self::flow::Flow;
pub use self::instrument::examine;
use self::lane::Lane;
pub use self::observer::Observer;
use self::pace::Schedule;
pub use self::series::{repeat, repeat_datagrams};
use crate::datagrams::Datagrams;
use crate::measurement::effort::Effort;
use crate::measurement::{Ended, Instrument, Measurement, Sample};
use crate::plan::{Plan, Protocol};
use crate::signals::Stop;
use crate::stack::{Busy, Driver, Kernel, Stack, Stops};
use crate::usage::Usage;

/// The interval at which the observer sees the measurement: about 8 times a second.
pub(crate) const TICK: Duration = Duration::from_millis(125);

/// How long a look waits for a message in flight to come back, so that it is not part of its round trip.
const PATIENCE: Duration = Duration::from_millis(15);

/// Carries out `plan` over `stack`, until the plan says so or `stop` is requested.
///
/// It opens the connections that it needs and leaves none open: another run over the same stack may
/// follow, of any plan for as many connections, with [other messages](Plan::renewed), and has
/// connections of its own.
///
/// # Errors
///
/// If the stack has no way to wait. What goes wrong with messages is in the measurement.
pub fn run(
    plan: &Plan,
    stack: &mut impl Stack,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<Measurement> {
    stack.settle()?;
    let instrument = examine(plan, || stack.now());
    let mut lanes: Vec<_> = numbers(plan).map(|number| Connection::new(plan, number)).collect();
    if !plan.per_message {
        opening::open(&mut lanes, stack, plan.limit, stop, observer)?;
    }
    observer.ready();
    Load::new(plan, stack, lanes, instrument).run(stop, observer)
}

/// The same over `datagrams`. A message that times out was lost: that is measured, and the run goes on.
///
/// Whatever `plan` says, each message is one datagram, and there is nothing to open or to follow. It ends when the last
/// message has; what comes late or twice soon after that is counted still.
///
/// # Errors
///
/// If there is no way to wait. What goes wrong with messages is in the measurement.
pub fn run_datagrams(
    plan: &Plan,
    datagrams: &mut impl Datagrams,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<Measurement> {
    let plan =
        &Plan { protocol: Protocol::Udp, per_message: false, follows: false, ..plan.clone() };
    let instrument = examine(plan, || datagrams.now());
    let lanes = numbers(plan).map(|number| Flow::new(plan, number)).collect();
    datagrams.settle()?;
    observer.ready();
    Load::new(plan, datagrams, lanes, instrument).run(stop, observer)
}

fn numbers(plan: &Plan) -> impl Iterator<Item = u16> {
    0..plan.connections.max(1)
}

struct Load<'a, D, L> {
    plan: &'a Plan,
    /// The end of the warm-up.
    from: Instant,
    /// When the loop notes what the instrument has used in the warm-up; its end if that is done.
    note: Instant,
    /// Whether the measurement has not begun yet: no message that is measured may start.
    warming: bool,
    /// The instant at which the observer looks again.
    tick: Instant,
    /// How many times it has looked.
    looks: usize,
    schedule: Option<Schedule>,
    /// The stops of the clock before the measurement.
    stops: Stops,
    driver: &'a mut D,
    lanes: Vec<L>,
    /// The most messages in flight of all lanes.
    room: usize,
    /// Lanes that have more to do than their turn allowed.
    again: Vec<usize>,
    /// The number of messages started so far that are measured.
    begun: u64,
    /// When the last message that is measured began, or the echo of one was complete.
    last: Instant,
    /// When a message had first ended after which no other begins.
    idle: Option<Instant>,
    /// The messages in flight; no deadline and no rest of a lane ends before its deadline.
    busy: Busy,
    /// The number of segments that were retransmitted before the measurement began, and of datagrams that were dropped.
    before: u64,
    dropped: u64,
    /// What the instrument did since the measurement began, and what it had used then.
    effort: Effort,
    /// The number of messages begun and ended, and of what came besides.
    moves: u64,
    out: Measurement,
}

impl<'a, D: Driver, L: Lane<D>> Load<'a, D, L> {
    fn new(plan: &'a Plan, driver: &'a mut D, lanes: Vec<L>, instrument: Instrument) -> Self {
        let out = Measurement { instrument: Some(instrument), ..Measurement::of(plan) };
        let effort =
            Effort { used: Usage::read(), spins: !plan.spin.is_zero(), ..Effort::default() };
        let start = driver.now();
        Self {
            plan,
            from: start + plan.omit,
            note: warm_up::note(plan, start),
            warming: true,
            tick: start + TICK,
            looks: 0,
            schedule: Schedule::new(plan, start),
            stops: driver.stops(),
            driver,
            room: lanes.iter().map(Lane::most).sum(),
            lanes,
            again: Vec::new(),
            begun: 0,
            last: start,
            idle: None,
            busy: Busy { messages: 0, since: start, deadline: None },
            before: 0,
            dropped: 0,
            effort,
            moves: 0,
            out,
        }
    }

    fn run(mut self, stop: &Stop, observer: &mut dyn Observer) -> io::Result<Measurement> {
        // Before the first message begins, it is the start.
        let mut now = self.busy.since;
        let mut ready: Vec<usize> = Vec::with_capacity(self.lanes.len());
        if self.schedule.is_none() && !stop.requested() {
            ready.extend(0..self.lanes.len());
        }
        loop {
            if self.warming {
                now = self.warm_up(now);
            }
            let (before, moves) = (now, self.moves);
            for key in ready.drain(..) {
                now = self.turn(key, now, observer);
            }
            self.effort.looks += 1;
            self.effort.idle += u64::from(self.moves == moves);
            if now == before {
                // The time after a wait inside a read that brought nothing is not known.
                now = self.driver.now();
            }
            if now >= self.look() {
                self.reckon(now);
                self.place();
                if self.is_over(now) {
                    self.note_effort();
                }
                observer.look(&self.out);
                now = self.driver.now();
                self.tick = now + TICK;
            }
            if stop.requested() {
                self.out.ended = Ended::Stopped;
            }
            let idle = self.busy.messages == 0 && !self.may_start(now);
            if idle || self.out.ended != Ended::AsPlanned {
                break;
            }
            let until = if self.again.is_empty() { self.next(now) } else { now };
            now = self.driver.wait(now, until, self.busy, &mut ready)?;
            L::told(&mut self.lanes, &mut ready);
            ready.append(&mut self.again);
            if self.busy.deadline.is_some_and(|deadline| deadline <= now) {
                let due = |lane: &L| lane.due().filter(|due| *due <= now).is_some();
                ready.extend((0..self.lanes.len()).filter(|key| due(&self.lanes[*key])));
                self.busy.deadline = self.lanes.iter().filter_map(|lane| lane.later(now)).min();
            }
            if let Some(schedule) = &mut self.schedule {
                schedule.release(now, |lane| ready.push(lane));
            }
            if L::LISTENS {
                // One turn each, however many reasons there are for it.
                ready.sort_unstable();
                ready.dedup();
            }
        }
        self.finish();
        L::linger(&mut self, observer)?;
        // Whatever is in flight: it has been counted.
        self.lanes.iter_mut().for_each(|lane| lane.close(self.driver));
        Ok(self.out)
    }

    fn finish(&mut self) {
        let now = self.driver.now();
        self.note_effort();
        self.reckon(now);
        let (stops, before) = (self.driver.stops(), self.stops);
        self.out.stops =
            Stops { times: stops.times - before.times, total: stops.total - before.total };
        if let Some(datagrams) = &mut self.out.datagrams {
            let dropped = self.driver.dropped();
            datagrams.dropped_here = dropped.map(|dropped| dropped.saturating_sub(self.dropped));
        }
        if self.plan.per_message || self.out.lack.is_some() {
            self.out.ports = self.driver.ports();
        }
        let response = self.out.response.is_some();
        let mut under_way = Vec::new();
        let mut waits = |planned, begun| {
            if self.measures(planned) {
                let since = if response { planned } else { begun };
                under_way.push(now.saturating_duration_since(since));
            }
        };
        self.lanes.iter().for_each(|lane| lane.under_way(&mut waits));
        self.out.under_way = under_way;
        self.out.kernel = self.kernel().map(|kernel| Kernel {
            retransmits: kernel.retransmits.saturating_sub(self.before),
            ..kernel
        });
    }

    /// Notes once what the instrument has used in the run: to wait for what was lost is no part of it.
    fn note_effort(&mut self) {
        self.out.effort.get_or_insert_with(|| {
            let used = Usage::read().since(self.effort.used);
            Effort { used, ..self.effort }
        });
    }

    /// Whether a message counts that was `planned` then, with all that comes of it: the warm-up was over. One that was due
    /// before and begins after it does not.
    fn measures(&self, planned: Instant) -> bool {
        planned >= self.from
    }

    /// Updates how far the run and its schedule have come.
    fn reckon(&mut self, now: Instant) {
        self.out.elapsed = self.end(now).saturating_duration_since(self.from);
        if let Some(schedule) = self.schedule.as_mut().filter(|_| !self.warming) {
            let end = self.plan.time.map_or(now, |time| now.min(self.from + time));
            let due = schedule.due(end).min(self.plan.count.unwrap_or(u64::MAX));
            self.out.unsent = due.saturating_sub(self.begun);
            self.out.scheduled = schedule.lasts(self.begun);
            let turns = self.lanes.iter_mut().map(|lane| *lane.turn());
            schedule.forget(turns.min().unwrap_or_default());
        }
    }

    /// The end of the run so far. To wait for what was lost, when nothing more begins, is no part of it.
    fn end(&self, now: Instant) -> Instant {
        let over = match (self.has_begun_all(), self.plan.time) {
            (true, _) if self.schedule.is_some() => self.last,
            // A closed loop has begun all as soon as one connection is left without a message.
            (true, _) => self.idle.unwrap_or(now),
            (false, Some(time)) => now.min(self.from + time),
            (false, None) => now,
        };
        self.last.max(over)
    }

    /// Notes where both ends of one link run: of each link in turn.
    fn place(&mut self) {
        self.looks += 1;
        let placement = self.driver.placement(self.looks % self.lanes.len());
        if let Some(placement) = placement.filter(|_| !self.warming) {
            self.out.timeline.look(self.out.elapsed, placement);
        }
    }

    /// What the stack knows of all connections so far.
    fn kernel(&self) -> Option<Kernel> {
        let open = (0..self.lanes.len()).filter_map(|link| self.driver.kernel(link));
        open.fold(self.out.kernel, |sum, kernel| Some(kernel.after(sum)))
    }

    fn is_one_free(&self) -> bool {
        self.busy.messages < self.room
    }

    /// When the observer looks: while no lane is free, an echo that arrives goes first.
    fn look(&self) -> Instant {
        if self.is_one_free() { self.tick } else { self.tick + PATIENCE }
    }

    /// The instant at which there is something to do even if nothing comes back.
    fn next(&self, now: Instant) -> Instant {
        // Where all lanes are busy, what is due waits for one to be free.
        let slot = self.schedule.as_ref().filter(|_| self.is_one_free()).map(Schedule::next);
        let last = self.plan.time.map(|time| self.from + time).filter(|last| *last > now);
        let from = self.warming.then_some(self.note);
        [self.busy.deadline, slot, last, from].into_iter().flatten().fold(self.look(), Instant::min)
    }

    fn may_start(&self, now: Instant) -> bool {
        self.out.ended == Ended::AsPlanned && !self.is_over(now)
    }

    /// Whether nothing more is to begin.
    fn is_over(&self, now: Instant) -> bool {
        self.has_begun_all() || self.plan.time.is_some_and(|time| now >= self.from + time)
    }

    /// Whether as many messages have begun as were planned.
    fn has_begun_all(&self) -> bool {
        self.plan.count.is_some_and(|count| self.begun >= count)
    }
}
