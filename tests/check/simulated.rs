//! The list on smoltcp, from both ends, in virtual time: the seconds of all cases together
//! take no longer than their bytes.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use echo_core::script::Wish;
use echo_core::{Endpoint, Failure, Instant, Rules};
use echo_instruments::check::{Outcome, Record};
use echo_instruments::stack::{Busy, Driver, Moved, Stack, Unasked};
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use echo_smoltcp::{Client, Connection, Host, Server, Service, Slot};

use crate::cable::{Cable, Faults, Plug};
use crate::list;

const SERVER: IpAddress = IpAddress::v4(192, 168, 69, 1);
const CLIENT: IpAddress = IpAddress::v4(192, 168, 69, 100);

/// Of each ring, on both sides.
const RING: usize = 16 << 10;

/// The way takes so long: with the rings it bounds how much the cases move.
const DELAY: Duration = Duration::from_millis(1);

/// A client of smoltcp's, a server of ours on smoltcp, and the cable between them.
struct World {
    now: Instant,
    client: Client<'static, 'static>,
    server: Server<'static, 'static, 2048>,
    plugs: [Plug; 2],
    cable: Rc<RefCell<Cable>>,
    /// Which connection a link has, and whether it is known to be open.
    links: Vec<(Option<usize>, bool)>,
    /// Connections in the order in which they were last left.
    free: Vec<usize>,
    steps: u64,
}

impl World {
    fn new(rules: Rules, links: usize, faults: Faults) -> Self {
        let (cable, mut plugs) = Cable::new(faults, 862);
        let slots: Vec<Slot<'static, 2048>> =
            (0..2 * links).map(|_| Slot::new(storage(), ring(), ring())).collect();
        let service = Service { rules, ..Service::default() };
        let server = Server::new(interface(1, SERVER, &mut plugs[0]), slots.leak(), service, 1);
        // While one takes leave of the server, its link has another.
        let connections: Vec<_> =
            (0..2 * links).map(|_| Connection::new(storage(), ring(), ring())).collect();
        let free = (0..connections.len()).collect();
        let client = Client::new(interface(2, CLIENT, &mut plugs[1]), connections.leak(), 1);
        let links = vec![(None, false); links];
        Self { now: Instant::START, client, server, plugs, cable, links, free, steps: 0 }
    }

    fn leave(&mut self, link: usize, reset: bool) {
        let (Some(number), _) = std::mem::take(&mut self.links[link]) else { return };
        if self.client.connection(number).is_open() && !reset {
            self.client.close(number);
        } else {
            self.client.abort(number);
            self.client.send(self.now, &mut self.plugs[1]);
        }
        self.free.push(number);
    }
}

impl Driver for World {
    fn now(&self) -> Instant {
        self.now
    }

    fn wait(
        &mut self,
        _now: Instant,
        until: Instant,
        _busy: Busy,
        ready: &mut Vec<usize>,
    ) -> io::Result<Instant> {
        loop {
            self.steps += 1;
            assert!(self.steps < 3_000_000, "a livelock at {:?}", self.now);
            let [server, client] = &mut self.plugs;
            let sent = self.client.send(self.now, client);
            let served = self.server.step(self.now, server, &mut |_| {});
            self.client.receive(self.now, client);
            for (link, (number, _)) in self.links.iter().enumerate() {
                if number.is_some_and(|number| self.client.connection(number).is_stirred()) {
                    ready.push(link);
                }
            }
            if !ready.is_empty() || self.now >= until {
                return Ok(self.now);
            }
            let arrival = self.cable.borrow().next_arrival();
            let next = [sent, served, arrival].into_iter().flatten().fold(until, Instant::min);
            self.now = self.now.max(next);
        }
    }
}

impl Stack for World {
    fn open(&mut self, link: usize) -> Result<Instant, Failure> {
        let number = self.free.remove(0);
        self.links[link] = (Some(number), false);
        self.client.connect(number, IpEndpoint::new(SERVER, Service::default().port))?;
        Ok(self.now)
    }

    fn pump<E: Endpoint>(
        &mut self,
        link: usize,
        endpoint: &mut E,
        now: Instant,
    ) -> Result<Moved, Failure> {
        let (Some(number), open) = self.links[link] else { return Ok(Moved::Opening) };
        if open {
            self.client.pump(number, endpoint, now)?;
            Ok(Moved::Done)
        } else if self.client.look(number)? {
            self.links[link].1 = true;
            Ok(Moved::Opened)
        } else {
            Ok(Moved::Opening)
        }
    }

    fn unasked(&mut self, _link: usize) -> Option<Unasked> {
        None
    }

    fn close(&mut self, link: usize) {
        self.leave(link, false);
    }

    fn grant(&mut self, link: usize, wish: Wish) -> Result<bool, Failure> {
        if wish == Wish::Reset {
            self.leave(link, true);
        }
        Ok(!matches!(wish, Wish::Urgent(_)))
    }
}

fn interface(last: u8, address: IpAddress, plug: &mut Plug) -> Interface {
    let mac = EthernetAddress([2, 0, 0, 0, 0, last]);
    let addresses = &[IpCidr::new(address, 24)];
    let host = Host { mac, addresses, gateways: &[], seed: last.into() };
    host.interface(plug, Instant::START).expect("a unicast address")
}

fn storage() -> &'static mut SocketStorage<'static> {
    Box::leak(Box::new(SocketStorage::EMPTY))
}

fn ring() -> &'static mut [u8] {
    vec![0; RING].leak()
}

fn passes_over(faults: Faults) {
    // smoltcp sends no urgent data.
    list::all_pass(&["urgent", "urgent-last", "urgent-kept"], |needs, check| {
        let links = check.plan().connections.into();
        let mut world = World::new(needs.rules(), links, faults);
        check.run(needs, &mut world).expect("time is no system call");
    });
}

#[test]
fn smoltcp_passes_over_a_good_cable() {
    passes_over(Faults { delay: DELAY, ..Faults::default() });
}

#[test]
fn smoltcp_passes_over_a_bad_cable() {
    passes_over(Faults { delay: DELAY, duplication: 3, reordering: 3, ..Faults::default() });
}

/// What comes of one case over such a cable, and how long it takes.
fn fails_over(faults: Faults, flags: &str) -> (String, Duration) {
    let records = list::carry_out(flags, |needs, check| {
        let mut world = World::new(needs.rules(), 1, faults);
        check.run(needs, &mut world).expect("time is no system call");
    });
    match &records[..] {
        [Record { outcome: Outcome::Fail(finding), took, .. }] => (finding.brief.clone(), *took),
        _ => panic!("{records:?}"),
    }
}

#[test]
fn a_case_has_its_time_even_if_something_moves() {
    let delay = Duration::from_millis(100);
    let slow = Faults { delay, ..Faults::default() };
    let (brief, took) = fails_over(slow, "--only one-by-one");
    assert!(brief.starts_with("not over with ") && brief.ends_with(" of 300 bytes"), "{brief}");
    assert!(took >= Duration::from_secs(15) && took <= Duration::from_secs(15) + delay, "{took:?}");
}

#[test]
fn nobody_is_waited_for_longer_than_the_time_out() {
    let cut = Faults { loss: 100, ..Faults::default() };
    let end = fails_over(cut, "--only at-once --timeout 3");
    assert_eq!(end, ("no connection: no answer".into(), Duration::from_secs(3)));
}
