//! Carries out cases over a stack: the one loop that drives scripts.

use std::io;
use std::time::Duration;

use echo_cases::{Case, Round};
use echo_core::script::{Act, Deviation, What, Wish};
use echo_core::{Endpoint, Failure, Instant, Payload, Script};

use super::pace::Pace;
use crate::load::TICK;
use crate::signals::Stop;
use crate::stack::{Busy, Moved, Stack};

/// The most bytes sent in one write.
const WINDOW: usize = 64 << 10;

/// Carries out cases, one after another.
pub(super) struct Conductor<'a, S> {
    pub(super) stack: &'a mut S,
    pub(super) patience: Option<Duration>,
    /// The limit on connections per second, if there is one.
    pub(super) pace: Option<&'a mut Pace>,
    pub(super) stop: &'a Stop,
    /// The number of connections so far: each has a payload of its own.
    pub(super) connections: &'a mut u16,
    ready: Vec<usize>,
}

/// How a case, or a round of it, ended.
pub(super) enum Ended {
    /// As scripted; and whether an optional byte came, if the script had one.
    Well(Option<bool>),
    /// The stack cannot fulfil this wish.
    Cannot(Wish),
    /// A peer deviated from its script.
    Failed(Departure),
    /// A stop was requested.
    Stopped,
}

/// The peer that deviated from a script, and where.
pub(super) struct Departure {
    pub(super) round: usize,
    pub(super) script: usize,
    /// The deviation, or the failure to connect; `None` if there was no answer.
    pub(super) at: Result<Deviation, Option<Failure>>,
}

/// One connection of a round.
enum Link<'c> {
    Waiting,
    /// It is being opened, until this instant at the latest.
    Opening(Option<Instant>),
    Open(Box<Script<'c, Vec<u8>>>),
    Over,
}

impl Link<'_> {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Opening(until) => *until,
            Self::Open(script) => script.deadline(),
            Self::Waiting | Self::Over => None,
        }
    }
}

impl<'a, S: Stack> Conductor<'a, S> {
    pub(super) fn new(
        stack: &'a mut S,
        patience: Option<Duration>,
        pace: Option<&'a mut Pace>,
        stop: &'a Stop,
        connections: &'a mut u16,
    ) -> Self {
        Self { stack, patience, pace, stop, connections, ready: Vec::new() }
    }

    /// Carries out a case; `look` is called several times a second.
    ///
    /// # Errors
    ///
    /// If the stack has no way to wait.
    pub(super) fn case(&mut self, case: &Case<'_>, look: &mut dyn FnMut()) -> io::Result<Ended> {
        let bound = self.stack.now() + case.bound;
        let mut came = None;
        for (number, round) in case.rounds.iter().enumerate() {
            let mut links: Vec<_> = round.iter().map(|_| Link::Waiting).collect();
            let ended = self.round(round, &mut links, bound, look)?;
            // Connections that are left are of no use to the next round.
            for (link, it) in links.iter().enumerate() {
                if matches!(it, Link::Opening(_) | Link::Open(_)) {
                    self.stack.close(link);
                }
            }
            match ended {
                Ended::Well(told) => came = came.or(told),
                Ended::Failed(departure) => {
                    return Ok(Ended::Failed(Departure { round: number, ..departure }));
                }
                _ => return Ok(ended),
            }
        }
        Ok(Ended::Well(came))
    }

    fn round<'c>(
        &mut self,
        round: Round<'c>,
        links: &mut [Link<'c>],
        bound: Instant,
        look: &mut dyn FnMut(),
    ) -> io::Result<Ended> {
        let mut came = None;
        let mut tick = self.stack.now() + TICK;
        self.ready.clear();
        loop {
            let now = self.stack.now();
            if self.stop.requested() {
                return Ok(Ended::Stopped);
            }
            if now >= tick {
                look();
                tick = now + TICK;
            }
            if let Err((key, failure)) = self.begin(links, now) {
                return Ok(failed(key, Err(Some(failure))));
            }
            let due = |(key, link): (usize, &Link<'_>)| {
                link.deadline().is_some_and(|due| due <= now).then_some(key)
            };
            self.ready.extend(links.iter().enumerate().filter_map(due));
            for key in std::mem::take(&mut self.ready) {
                let Some(link) = links.get_mut(key) else { continue };
                if let Some(ended) = self.turn(key, round, link) {
                    match ended {
                        Ended::Well(told) => came = came.or(told),
                        _ => return Ok(ended),
                    }
                }
            }
            if links.iter().all(|link| matches!(link, Link::Over)) {
                return Ok(Ended::Well(came));
            }
            if now >= bound {
                return Ok(unfinished(links));
            }
            let deadline = links.iter().filter_map(Link::deadline).min();
            let next = self.pace.as_ref().map(|pace| pace.next());
            let next = next.filter(|_| links.iter().any(|link| matches!(link, Link::Waiting)));
            let until = [deadline, next].into_iter().flatten().fold(bound.min(tick), Instant::min);
            let open = links.iter().filter(|link| matches!(link, Link::Open(_))).count();
            let busy = Busy { messages: open, since: now, deadline };
            self.stack.wait(now, until, busy, &mut self.ready)?;
        }
    }

    /// Begins to open connections, as far as that is allowed now.
    fn begin(&mut self, links: &mut [Link<'_>], now: Instant) -> Result<(), (usize, Failure)> {
        for (key, link) in links.iter_mut().enumerate() {
            if !matches!(link, Link::Waiting) {
                continue;
            }
            if let Some(pace) = &mut self.pace {
                if pace.next() > now {
                    break;
                }
                pace.begin(now);
            }
            *link = Link::Opening(self.patience.map(|patience| now + patience));
            self.stack.open(key).map_err(|failure| (key, failure))?;
            self.ready.push(key);
        }
        Ok(())
    }

    /// Lets one connection do all that it can without waiting. Returns how it ended, if it did.
    fn turn<'c>(&mut self, key: usize, round: Round<'c>, link: &mut Link<'c>) -> Option<Ended> {
        let failed = |at| Some(failed(key, at));
        loop {
            let now = self.stack.now();
            match link {
                Link::Waiting | Link::Over => return None,
                Link::Opening(until) => {
                    let mut nobody = Script::new(now, &[], Payload::Zero, None, [0]);
                    match self.stack.pump(key, &mut nobody, now) {
                        Ok(Moved::Opening) if until.is_some_and(|until| until <= now) => {
                            return failed(Err(None));
                        }
                        Ok(Moved::Opening) => return None,
                        Ok(_) => *link = Link::Open(Box::new(self.script(round[key]))),
                        Err(failure) => return failed(Err(Some(failure))),
                    }
                }
                Link::Open(script) => {
                    if let Some(end) = script.end() {
                        let came = script.came();
                        self.stack.close(key);
                        *link = Link::Over;
                        return match end {
                            Ok(()) => Some(Ended::Well(came)),
                            Err(deviation) => failed(Ok(deviation)),
                        };
                    }
                    if let Some(wish) = script.wish() {
                        match self.stack.grant(key, wish) {
                            Ok(true) => script.handle_granted(now),
                            Ok(false) => return Some(Ended::Cannot(wish)),
                            Err(failure) => script.fail(What::Broken(failure)),
                        }
                        continue;
                    }
                    // What an act leaves over, or a pause, is left to the next pump.
                    let (act, due) =
                        (script.act(), script.deadline().is_some_and(|due| due <= now));
                    if let Err(failure) = self.stack.pump(key, &mut **script, now) {
                        script.fail(What::Broken(failure));
                    }
                    if script.act() == act && !due && script.end().is_none() {
                        return None;
                    }
                }
            }
        }
    }

    /// The script of a connection that has just been opened.
    fn script<'c>(&mut self, acts: &'c [Act<'c>]) -> Script<'c, Vec<u8>> {
        *self.connections = self.connections.wrapping_add(1);
        let payload = Payload::Marks { connection: *self.connections };
        Script::new(self.stack.now(), acts, payload, self.patience, vec![0; WINDOW])
    }
}

fn failed(script: usize, at: Result<Deviation, Option<Failure>>) -> Ended {
    Ended::Failed(Departure { round: 0, script, at })
}

/// The result of a case that takes too long: the connection that is to blame.
fn unfinished(links: &mut [Link<'_>]) -> Ended {
    for (key, link) in links.iter_mut().enumerate() {
        let at = match link {
            Link::Over => continue,
            Link::Waiting | Link::Opening(_) => Err(None),
            Link::Open(script) => {
                script.fail(What::Unfinished);
                match script.end() {
                    Some(Err(deviation)) => Ok(deviation),
                    _ => continue,
                }
            }
        };
        return failed(key, at);
    }
    Ended::Well(None)
}
