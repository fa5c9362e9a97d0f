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
mod warm_up;

use std::io;
use std::time::Duration;

use echo_core::{Failure, Instant};

use self::connection::Connection;
use self::flow::Flow;
pub use self::instrument::examine;
use self::lane::{Event, Lane, Message, take_turn};
pub use self::observer::Observer;
use self::pace::Schedule;
pub use self::series::{repeat, repeat_datagrams};
use crate::datagrams::Datagrams;
use crate::measurement::effort::{Effort, LATE};
use crate::measurement::{Ended, Instrument, Measurement, Sample};
use crate::plan::{Plan, Protocol};
use crate::signals::Stop;
use crate::stack::{Busy, Driver, Kernel, Stack, Stops};
use crate::usage::Usage;

/// The interval at which the observer sees the measurement: about 8 times a second.
pub(crate) const TICK: Duration = Duration::from_millis(125);

/// How long a look waits for a message in flight to come back, so that it is not part of its round trip.
const PATIENCE: Duration = Duration::from_millis(15);

/// How long a connection that could not be opened rests before the next try.
const REST: Duration = Duration::from_millis(100);

/// How long one rests whose datagram the system did not take, having no room for it.
const BREATH: Duration = Duration::from_millis(1);

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
    observer.ready();
    Load::new(plan, datagrams, lanes, instrument).run(stop, observer)
}

fn numbers(plan: &Plan) -> impl Iterator<Item = u16> {
    0..plan.connections.max(1)
}

struct Load<'a, D, L> {
    plan: &'a Plan,
    /// The end of the warm-up: messages that start before are left out.
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
    /// The messages in flight; no deadline and no rest of a lane ends before its deadline.
    busy: Busy,
    /// The number of segments that were retransmitted before the measurement began.
    before: u64,
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
            busy: Busy { messages: 0, since: start, deadline: None },
            before: 0,
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
        }
        self.finish();
        L::linger(&mut self)?;
        // Whatever is in flight: it has been counted.
        self.lanes.iter_mut().for_each(|lane| lane.close(self.driver));
        Ok(self.out)
    }

    fn finish(&mut self) {
        let now = self.driver.now();
        let used = Usage::read().since(self.effort.used);
        self.out.effort = Some(Effort { used, ..self.effort });
        self.reckon(now);
        let (stops, before) = (self.driver.stops(), self.stops);
        self.out.stops =
            Stops { times: stops.times - before.times, total: stops.total - before.total };
        if self.plan.per_message || self.out.lack.is_some() {
            self.out.ports = self.driver.ports();
        }
        let (from, response) = (self.from, self.out.response.is_some());
        let mut under_way = Vec::new();
        let mut waits = |planned, begun| {
            if planned >= from {
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

    /// Updates how far the run and its schedule have come.
    fn reckon(&mut self, now: Instant) {
        self.out.elapsed = now.saturating_duration_since(self.from);
        if let Some(schedule) = self.schedule.as_mut().filter(|_| !self.warming) {
            let end = self.plan.time.map_or(now, |time| now.min(self.from + time));
            let due = schedule.due(end).min(self.plan.count.unwrap_or(u64::MAX));
            self.out.unsent = due.saturating_sub(self.begun);
            self.out.scheduled = schedule.lasts(self.begun);
            let turns = self.lanes.iter_mut().map(|lane| *lane.turn());
            schedule.forget(turns.min().unwrap_or_default());
        }
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
        self.out.ended == Ended::AsPlanned
            && self.plan.count.is_none_or(|count| self.begun < count)
            && self.plan.time.is_none_or(|time| now < self.from + time)
    }

    /// Lets one lane do all that it can without waiting; returns the time then.
    fn turn(&mut self, key: usize, mut now: Instant, observer: &mut dyn Observer) -> Instant {
        loop {
            while self.lanes[key].has_room() && self.begin(key, observer) {}
            let lane = &mut self.lanes[key];
            let end = match lane.drive(now, self.driver) {
                None => return now,
                Some(Event::Ended(end)) => end,
                Some(Event::Stray(stray, at)) => {
                    now = at;
                    self.moves += 1;
                    self.out.datagrams.iter_mut().for_each(|datagrams| datagrams.record(stray));
                    continue;
                }
            };
            if L::again(self, key, end, observer) {
                continue;
            }
            self.busy.messages -= 1;
            self.moves += 1;
            let message = self.lanes[key].message();
            let interrupted = message.was_interrupted(&end, self.driver.stops());
            now = end.map_or_else(|_| self.driver.now(), |took| message.begun + took);
            self.note_way(key, end, interrupted);
            self.record(key, now, end, interrupted, observer);
            match end {
                Err(failure) => self.fail(key, failure, interrupted, now),
                Ok(_) if self.plan.per_message => self.disconnect(key),
                Ok(_) => {}
            }
        }
    }

    /// Starts a message if the lane may. Its time begins here: neither what was
    /// recorded nor what other lanes sent since the last one belongs to it.
    fn begin(&mut self, key: usize, observer: &mut dyn Observer) -> bool {
        let now = self.driver.now();
        // What the observer does is not to be part of a round trip.
        if (self.warming && now >= self.from) || now >= self.tick {
            self.again.push(key);
            return false;
        }
        if self.lanes[key].rests(now) || !self.may_start(now) {
            return false;
        }
        let lane = &mut self.lanes[key];
        let planned = take_turn(lane.turn(), self.schedule.as_mut(), now);
        let Some(planned) = planned else { return false };
        let now = L::tidy(self, key, planned, now, observer);
        if !self.may_start(now) {
            return false;
        }
        let lane = &mut self.lanes[key];
        let waited = lane.was_busy(planned);
        let (now, followed) = self.follow(key, planned, now);
        let lane = &mut self.lanes[key];
        lane.begin(planned, now, self.driver);
        lane.follow(followed);
        let due = lane.due();
        self.moves += 1;
        if planned >= self.from {
            self.begun += 1;
            let late = !waited && now.saturating_duration_since(planned) > LATE;
            self.effort.late += u64::from(late);
            if let Some(spacing) = &mut self.out.spacing {
                spacing.sent(now.saturating_duration_since(self.from), waited);
            }
        }
        self.busy.messages += 1;
        self.busy.since = now;
        self.look_at(due);
        true
    }

    fn record(
        &mut self,
        key: usize,
        now: Instant,
        end: Result<Duration, Failure>,
        interrupted: bool,
        observer: &mut dyn Observer,
    ) {
        let ends = end.is_err_and(|failure| !interrupted && self.ends_with(failure));
        let lane = &mut self.lanes[key];
        let Message { number, planned, begun, connecting, errno, overtaken, .. } = *lane.message();
        // A failure that ends the run is its result, even in the warm-up.
        if planned < self.from && !ends {
            self.out.omitted += 1;
            return;
        }
        lane.count(!interrupted);
        let sample = Sample {
            at: now.saturating_duration_since(self.from),
            connection: key,
            message: number,
            late: begun.saturating_duration_since(planned),
            connecting,
            interrupted,
            errno,
            unopened: !lane.is_open(),
            end,
        };
        if let Some(datagrams) = self.out.datagrams.as_mut().filter(|_| !interrupted) {
            datagrams.reordered += u64::from(overtaken);
        }
        self.out.record(&sample);
        observer.message(&sample);
    }

    fn fail(&mut self, key: usize, failure: Failure, interrupted: bool, now: Instant) {
        use Failure::{Full, Local, Refused, TooLong, Unreachable};
        let rest = match failure {
            Refused | Unreachable | Local | TooLong => Some(now + REST),
            Full => Some(now + BREATH),
            _ => None,
        };
        self.note_kernel(key);
        let lane = &mut self.lanes[key];
        lane.failed(now, rest, self.driver);
        let due = lane.due();
        self.look_at(due);
        if !interrupted && self.ends_with(failure) {
            self.out.ended = Ended::Failed;
        }
    }

    /// Whether a message that fails so ends the run. That a network loses datagrams, and a buffer is full for a moment,
    /// is what is measured.
    fn ends_with(&self, failure: Failure) -> bool {
        let lost = matches!(failure, Failure::TimedOut { .. } | Failure::Full);
        let goes_on = lost && self.plan.protocol == Protocol::Udp;
        !(self.plan.keep_going || goes_on)
    }

    /// Gives a connection up through no failure.
    fn disconnect(&mut self, key: usize) {
        self.note_kernel(key);
        self.lanes[key].close(self.driver);
    }

    fn note_kernel(&mut self, key: usize) {
        if let Some(kernel) = self.driver.kernel(key) {
            self.out.kernel = Some(kernel.after(self.out.kernel));
        }
    }

    fn look_at(&mut self, due: Option<Instant>) {
        let before = self.busy.deadline.filter(|_| self.lanes.len() > 1);
        self.busy.deadline = [before, due].into_iter().flatten().min();
    }
}
