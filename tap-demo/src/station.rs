//! smoltcp behind the interface as a [`Stack`] to measure over: the device, its
//! connections, and waiting.
//!
//! Endpoints use a clock that stands still while the process is stopped. smoltcp, the wire and the
//! record of frames use one that goes on, as the peer's does. Only lengths of time are exchanged
//! between the two.

mod pool;
mod post;
mod unconnected;

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use echo_core::script::Wish;
use echo_core::{Endpoint, Failure, IdleTimer, Instant};
use echo_instruments::clock::Clock;
use echo_instruments::plan::{Pace, Plan};
use echo_instruments::quantity;
use echo_instruments::stack::{Busy, Driver, Moved, Stack, Stops, Unasked};
use echo_instruments::stopwatch::Stopwatch;
use echo_instruments::target::HEAD_START;
use echo_smoltcp::Client;
use echo_smoltcp::smoltcp::phy::Device;

use self::pool::Pool;
pub(crate) use self::post::Post;
pub(crate) use self::unconnected::Unconnected;
use crate::wait::{Due, Waiter};

/// How long to wait for the peer's answer to our FIN.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long to wait for an answer to ARP or neighbour discovery, which is asked for once a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// The longest single wait while the first connection opens or the last ones close.
const PIECE: Duration = Duration::from_millis(100);

/// Connections from this stack to one echo server.
pub(crate) struct Station<'c, 'a, D> {
    client: Client<'c, 'a>,
    pool: Pool,
    links: Vec<Link>,
    device: D,
    waiter: Waiter,
    clock: Stopwatch,
    server: Option<SocketAddr>,
    /// How long the handshake took of the connection that the first link already has.
    ready: Option<Duration>,
    /// The first link is open, and the load loop does not know it yet.
    unreported: bool,
    /// Whether connections are closed with a reset.
    reset: bool,
    /// Whether messages follow a schedule, which a wait must not overrun.
    exact: bool,
}

/// A link: the connection that it has, and whether the load loop knows that it is open.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    connection: Option<usize>,
    open: bool,
}

impl<D> Station<'_, '_, D> {
    /// How many connections `plan` needs. While one is still closing, its link already has
    /// another.
    pub(crate) fn connections(plan: &Plan) -> usize {
        let links = usize::from(plan.connections.max(1));
        if plan.per_message && !plan.reset { 2 * links + 1 } else { links + 1 }
    }
}

impl<'c, 'a, D: Device> Station<'c, 'a, D> {
    /// As many links as `plan` needs, over the [connections](Self::connections) of `client`.
    pub(crate) fn new(plan: &Plan, client: Client<'c, 'a>, device: D, waiter: Waiter) -> Self {
        Self {
            client,
            pool: Pool::new(Self::connections(plan)),
            links: vec![Link::default(); plan.connections.max(1).into()],
            device,
            waiter,
            clock: Stopwatch::new(Clock::start()),
            server: None,
            ready: None,
            unreported: false,
            reset: plan.reset,
            exact: plan.pace != Pace::Closed,
        }
    }

    /// Opens the first connection, to the first of these addresses that answers within the
    /// `limit`. All further connections go to the same address.
    ///
    /// # Errors
    ///
    /// If no address answers, with the reason for each, or if the interface is gone.
    pub(crate) fn connect(
        &mut self,
        addresses: &[SocketAddr],
        limit: Option<Duration>,
    ) -> Result<SocketAddr> {
        let mut reasons = BTreeMap::new();
        for (turn, address, limit) in turns(addresses, limit) {
            // An address that refused in its first turn has no second one.
            if reasons.get(&address).is_some_and(Option::is_some) {
                continue;
            }
            self.server = Some(address);
            let begun = self.now();
            match self.first(limit)? {
                Ok(()) => {
                    self.ready = Some(self.now().saturating_duration_since(begun));
                    return Ok(address);
                }
                Err(None) if turn == Turn::First => _ = reasons.insert(address, None),
                Err(reason) => {
                    let limit = limit.map(quantity::duration).unwrap_or_default();
                    let silent = || format!("no answer within {limit} (--timeout is the limit)");
                    reasons.insert(address, Some(reason.unwrap_or_else(silent)));
                }
            }
        }
        let reason = |address| reasons.get(address).cloned().flatten().unwrap_or_default();
        let reasons = addresses.iter().map(|address| format!("{address}: {}", reason(address)));
        bail!("cannot connect to {}", reasons.collect::<Vec<_>>().join("; nor to "))
    }

    /// Opens the first link. The inner error is the reason why it is not open; `None` means that
    /// nobody answered.
    fn first(&mut self, limit: Option<Duration>) -> Result<Result<(), Option<String>>> {
        let mut patience = IdleTimer::new(limit);
        patience.restart(self.now());
        let mut opened = self.open(0).map(|_| false);
        loop {
            let now = self.now();
            match opened {
                Ok(true) => return Ok(Ok(())),
                Ok(false) if patience.expired(now) => {
                    self.close(0);
                    return Ok(Err(None));
                }
                Ok(false) => {}
                Err(failure) => {
                    self.close(0);
                    return Ok(Err(Some(explain(&failure))));
                }
            }
            self.turn(now, patience.deadline())?;
            opened = self.look(0);
        }
    }

    /// Closes all connections and waits for the peer's FINs. Returns what knows what became of frames.
    pub(crate) fn finish(mut self) -> Waiter {
        (0..self.links.len()).for_each(|link| self.close(link));
        // Without an interface no FIN can come.
        _ = self.settle();
        self.waiter
    }

    /// Sends what is pending, waits for frames, and takes them in.
    fn turn(&mut self, now: Instant, deadline: Option<Instant>) -> io::Result<()> {
        let until = deadline.map_or(now + PIECE, |deadline| deadline.min(now + PIECE));
        self.exchange(now, until, now)
    }

    fn exchange(&mut self, now: Instant, until: Instant, since: Instant) -> io::Result<()> {
        let wire = self.waiter.now();
        let left = until.saturating_duration_since(now);
        let stack = self.client.send(wire, &mut self.device);
        self.waiter.stir(wire, now.saturating_duration_since(since));
        let until = Some(wire + left);
        let (coarse, exact) = if self.exact { (None, until) } else { (until, None) };
        let coarse = [coarse, stack].into_iter().flatten().min();
        self.waiter.wait(wire, Due { coarse, exact })?;
        self.client.receive(self.waiter.now(), &mut self.device);
        self.waiter.check()
    }

    /// Ends the connection of a link, if it has one: with a FIN, or with a `reset`.
    fn leave(&mut self, link: usize, reset: bool) {
        let Some(number) = mem::take(&mut self.links[link]).connection else { return };
        if self.client.connection(number).is_open() && !reset {
            self.client.close(number);
        } else {
            self.client.abort(number);
            // The reset is sent before the socket is used again, or never.
            self.client.send(self.waiter.now(), &mut self.device);
        }
        self.pool.give_back(number);
    }

    /// Finds out whether a link has become open.
    fn look(&mut self, link: usize) -> Result<bool, Failure> {
        let Some(number) = self.links[link].connection else { return Ok(false) };
        self.client.look(number)
    }
}

/// Whether an address is tried for the first time or the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Second,
}

/// The order in which addresses are tried, and for how long. One that does not answer delays the
/// others only briefly, and gets its whole time if none of them answers either.
fn turns(
    addresses: &[SocketAddr],
    limit: Option<Duration>,
) -> impl Iterator<Item = (Turn, SocketAddr, Option<Duration>)> {
    let (last, others) = addresses.split_last().map_or((None, &[][..]), |(l, o)| (Some(*l), o));
    let short = Some(limit.map_or(HEAD_START, |limit| limit.min(HEAD_START)));
    let first = others.iter().map(move |address| (Turn::First, *address, short));
    let second = others.iter().map(move |address| (Turn::Second, *address, limit));
    // No other address waits for the last one, so it has its whole time at once.
    first.chain(last.map(|address| (Turn::Second, address, limit))).chain(second)
}

impl<D: Device> Driver for Station<'_, '_, D> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn stops(&self) -> Stops {
        self.clock.stops()
    }

    fn wait(
        &mut self,
        now: Instant,
        until: Instant,
        busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        let until = if mem::take(&mut self.unreported) {
            ready.push(0);
            now
        } else {
            until
        };
        self.exchange(now, until, busy.since)?;
        let touched = self.client.touched().iter();
        let stirred = touched.filter(|number| self.client.connection(**number).is_stirred());
        ready.extend(stirred.filter_map(|number| self.pool.link(*number)));
        Ok(self.now())
    }
}

impl<D: Device> Stack for Station<'_, '_, D> {
    fn open(&mut self, link: usize) -> Result<Instant, Failure> {
        let now = self.now();
        if let Some(took) = self.ready.take_if(|_| link == 0) {
            self.unreported = true;
            return Ok(now.saturating_sub(took));
        }
        let server = self.server.ok_or(Failure::Unreachable)?;
        let number = self.pool.take(link);
        if !self.client.connection(number).is_settled() {
            // Not even its FIN was acknowledged: a reset tells the server that it is given up.
            self.client.abort(number);
            self.client.send(self.waiter.now(), &mut self.device);
        }
        self.links[link] = Link { connection: Some(number), open: false };
        self.client.connect(number, server.into())?;
        Ok(now)
    }

    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<Moved, Failure> {
        let it = self.links[link];
        if let (Some(number), true) = (it.connection, it.open) {
            self.client.pump(number, endpoint, now)?;
            return Ok(Moved::Done);
        }
        if self.look(link)? {
            self.links[link].open = true;
            return Ok(Moved::Opened);
        }
        endpoint.handle_timeout(now);
        Ok(Moved::Opening)
    }

    fn unasked(&mut self, link: usize) -> Option<Unasked> {
        let connection = self.client.connection(self.links[link].connection?);
        match connection.unread() {
            0 => connection.is_at_end().then_some(Unasked::Closed),
            bytes => Some(Unasked::Bytes(bytes as u64)),
        }
    }

    fn close(&mut self, link: usize) {
        self.leave(link, self.reset);
    }

    /// Waits for the peer's FINs.
    fn settle(&mut self) -> io::Result<()> {
        let mut patience = IdleTimer::new(Some(FAREWELL));
        patience.restart(self.now());
        while self.pool.free().any(|number| !self.client.connection(number).is_closed())
            && !patience.expired(self.now())
        {
            self.turn(self.now(), patience.deadline())?;
        }
        Ok(())
    }

    fn grant(&mut self, link: usize, wish: Wish) -> Result<bool, Failure> {
        match wish {
            // What one pump writes and ends leaves together, as far as it fits into a segment.
            Wish::Together => Ok(true),
            Wish::Reset => {
                self.leave(link, true);
                Ok(true)
            }
            // smoltcp has no urgent pointer.
            Wish::Urgent(_) => Ok(false),
        }
    }
}

/// The reason why there is no connection, and what to do about it.
fn explain(failure: &Failure) -> String {
    let refused = matches!(failure, Failure::Refused);
    let hint = if refused { " (is an echo server listening there?)" } else { "" };
    format!("{failure}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_address_holds_the_others_up_for_a_moment_only() {
        let [one, two, three] = [1, 2, 3].map(|last| SocketAddr::from(([10, 0, 0, last], 7)));
        let limit = Some(Duration::from_secs(10));
        let short = Some(HEAD_START);
        let all: Vec<_> = turns(&[one, two, three], limit).collect();
        let expected = [
            (Turn::First, one, short),
            (Turn::First, two, short),
            (Turn::Second, three, limit),
            (Turn::Second, one, limit),
            (Turn::Second, two, limit),
        ];
        assert_eq!(all, expected);
        // The only address gets its whole time at once.
        assert_eq!(turns(&[one], None).collect::<Vec<_>>(), [(Turn::Second, one, None)]);
        assert_eq!(turns(&[], limit).count(), 0);
    }
}
