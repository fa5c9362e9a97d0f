//! Datagrams to a server and back, over a cable that loses and doubles some.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use echo_core::{Failure, Instant};
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::wire::{IpAddress, IpEndpoint};
use echo_smoltcp::{Courier, Event, Mailbox, Server, Undelivered};

use crate::cable::{Cable, Faults, Plug};
use crate::world::{N, SERVER, SERVER_V6, Setup, interface_of_client, server};

/// A datagram, and who sent it; or what ICMP says.
type Taken = Result<(Vec<u8>, IpEndpoint), Undelivered>;

pub(crate) struct Mail {
    pub(crate) now: Instant,
    pub(crate) server: Server<'static, 'static, N>,
    courier: Courier<'static, 'static>,
    /// Who is asked.
    pub(crate) to: IpEndpoint,
    /// The ports of those that were answered.
    peers: Vec<u16>,
    pub(crate) plugs: [Plug; 2],
    cable: Rc<RefCell<Cable>>,
}

pub(crate) const PORT: u16 = 2333;

impl Mail {
    fn new(faults: Faults, to: IpEndpoint, mailboxes: usize) -> Self {
        let faults = Faults { delay: Duration::from_micros(100), ..faults };
        Self::over(&Setup { faults, ..Setup::default() }, to, mailboxes)
    }

    pub(crate) fn over(setup: &Setup, to: IpEndpoint, mailboxes: usize) -> Self {
        let setup = Setup { datagrams: [1 << 16, 1 << 17], ..*setup };
        let (cable, mut plugs) = Cable::new(setup.faults, setup.seed);
        let server = server(&setup, &mut plugs[0]);
        let ring = |packets| {
            PacketBuffer::new(vec![PacketMetadata::EMPTY; packets].leak(), vec![0; 1 << 16].leak())
        };
        let mailboxes: Vec<_> = (0..mailboxes)
            .map(|_| Mailbox::new(Box::leak(Box::new(SocketStorage::EMPTY)), ring(8), ring(8)))
            .collect();
        let interface = interface_of_client(1, &mut plugs[1]);
        let courier = Courier::new(interface, mailboxes.leak(), 1);
        #[cfg(feature = "fragments")]
        let courier = courier.reassemble(crate::world::assemblies());
        Self { now: Instant::START, server, courier, to, peers: Vec::new(), plugs, cable }
    }

    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) -> Result<(), Failure> {
        self.courier.send(number, self.to, bytes, self.now, &mut self.plugs[1])
    }

    fn reaches(&mut self) -> bool {
        self.courier.reaches(self.to.addr, self.now, &mut self.plugs[1])
    }

    /// From which ports the datagrams come that the server answers within this time.
    fn peers(&mut self, time: Duration) -> Vec<u16> {
        self.peers.clear();
        self.hear(time);
        std::mem::take(&mut self.peers)
    }

    /// What comes back within this time, and to which mailbox.
    pub(crate) fn hear(&mut self, time: Duration) -> Vec<(usize, Taken)> {
        let until = self.now + time;
        let mut heard = Vec::new();
        loop {
            let peers = &mut self.peers;
            let next = self.server.step(self.now, &mut self.plugs[0], &mut |event| {
                if let Event::Datagram { peer, .. } = event {
                    peers.push(peer.port);
                }
            });
            let more = self.courier.receive(self.now, &mut self.plugs[1]);
            for number in self.courier.touched().to_vec() {
                loop {
                    let taken = self.courier.take(number);
                    let Some(taken) = taken.transpose() else { break };
                    heard.push((number, taken.map(|(bytes, from)| (bytes.to_vec(), from))));
                }
            }
            let next = [next, self.cable.borrow().next_arrival()].into_iter().flatten().min();
            match next {
                _ if more => {}
                Some(next) if next <= until => self.now = next.max(self.now),
                _ => break,
            }
        }
        self.now = until;
        heard
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ n >> 8) as u8).collect()
}

pub(crate) const SOON: Duration = Duration::from_millis(1);

/// The longest that the stack can send.
fn longest(server: IpAddress) -> usize {
    match server {
        IpAddress::Ipv4(_) if cfg!(feature = "fragments") => 65_507,
        IpAddress::Ipv4(_) => 1472,
        IpAddress::Ipv6(_) => 1452,
    }
}

#[test]
fn what_is_sent_comes_back_to_its_own_mailbox() {
    for address in [SERVER, SERVER_V6] {
        let mut mail = Mail::new(Faults::default(), IpEndpoint::new(address, PORT), 3);
        // The first ones wait for the answer to ARP.
        for length in [0, 1, 1000, longest(address)] {
            let mut expected = Vec::new();
            for number in 0..3 {
                let mut bytes = content(length);
                bytes.iter_mut().take(1).for_each(|byte| *byte = number as u8);
                assert_eq!(mail.send(number, &bytes), Ok(()), "{length} bytes");
                expected.push((number, Ok((bytes, mail.to))));
            }
            assert!(mail.hear(SOON) == expected, "{length} bytes to {address}");
        }
        assert_eq!(mail.send(0, &content(longest(address) + 1)), Err(Failure::TooLong));
    }
}

/// The ring holds eight, and its last place is not used.
#[test]
fn what_comes_at_once_is_not_lost_for_want_of_room() {
    let mut mail = Mail::new(Faults::default(), IpEndpoint::new(SERVER, PORT), 2);
    mail.send(0, b"first").expect("room");
    mail.hear(SOON);
    for number in 0..50u8 {
        mail.send(0, &[number; 1000]).expect("it leaves at once");
    }
    let heard = mail.hear(SOON);
    let expected: Vec<_> = (0..50).map(|number| (0, Ok((vec![number; 1000], mail.to)))).collect();
    assert!(heard == expected, "{}", heard.len());
}

#[test]
fn what_the_cable_loses_or_doubles_comes_not_at_all_or_twice() {
    let faults = Faults { loss: 20, duplication: 20, ..Faults::default() };
    let mut mail = Mail::new(faults, IpEndpoint::new(SERVER, PORT), 1);
    let mut times = [0; 4];
    for number in 0..500u32 {
        let bytes = number.to_be_bytes();
        while mail.send(0, &bytes).is_err() {
            mail.hear(Duration::from_secs(1));
        }
        let heard = mail.hear(SOON);
        assert!(heard.iter().all(|it| *it == (0, Ok((bytes.to_vec(), mail.to)))), "{number}");
        times[heard.len().min(3)] += 1;
    }
    // Each way by itself: both must be survived, and each may double.
    assert!(times[0] > 130 && times[1] > 130 && times[2] > 50, "{times:?}");
}

#[test]
fn nobody_at_the_port_is_told_to_the_mailbox_that_asked() {
    for (address, icmp) in [(SERVER, (3, 3)), (SERVER_V6, (1, 4))] {
        let mut mail = Mail::new(Faults::default(), IpEndpoint::new(address, PORT + 1), 2);
        mail.send(0, b"hello").expect("room");
        mail.hear(SOON);
        // Of a long one only the beginning is quoted.
        for length in [0, 1, 31, 32, 1400] {
            mail.send(1, &content(length)).expect("room");
            let heard = mail.hear(SOON);
            let [(1, Err(undelivered))] = &heard[..] else { panic!("{heard:?}") };
            let Undelivered { failure, by, kind, code, .. } = undelivered;
            assert_eq!((*failure, *by, (*kind, *code)), (Failure::Refused, address, icmp));
            assert_eq!(undelivered.quote(), content(length.min(32)), "{length} to {address}");
        }
    }
}

/// Also if the reports on several of its datagrams come at once.
#[test]
fn a_mailbox_is_told_of_each_datagram_that_nobody_takes() {
    for address in [SERVER, SERVER_V6] {
        let mut mail = Mail::new(Faults::default(), IpEndpoint::new(address, PORT + 1), 1);
        mail.send(0, b"first").expect("room");
        mail.hear(SOON);
        (0..5).for_each(|number| mail.send(0, &[number; 20]).expect("room"));
        let heard = mail.hear(SOON);
        let quotes = heard.iter().map(|(_, taken)| taken.as_ref().map_err(Undelivered::quote));
        let all: Vec<_> = (0..5).map(|number| [number; 20]).collect();
        assert!(quotes.eq(all.iter().map(|it| Err(&it[..]))), "{address}: {heard:?}");
    }
}

#[test]
fn a_mailbox_that_was_closed_hears_nothing_of_before() {
    let mut mail = Mail::new(Faults::default(), IpEndpoint::new(SERVER, PORT), 1);
    mail.send(0, b"first").expect("room");
    mail.hear(SOON);
    mail.send(0, b"late").expect("room");
    mail.courier.close(0);
    mail.send(0, b"next").expect("room");
    assert_eq!(mail.hear(SOON), [(0, Ok((b"next".to_vec(), mail.to)))]);
}

/// Asking takes a round trip, and then none.
#[test]
fn the_way_is_found_before_anything_is_sent() {
    for address in [SERVER, SERVER_V6] {
        let mut mail = Mail::new(Faults::default(), IpEndpoint::new(address, PORT), 1);
        mail.hear(SOON);
        let before = mail.cable.borrow().sent_to;
        assert!(!mail.reaches(), "nobody has said where {address} is");
        assert!(!mail.reaches(), "it was asked just now");
        assert_eq!(mail.hear(SOON), []);
        assert!(mail.reaches() && mail.reaches());
        assert_eq!(mail.cable.borrow().sent_to, before.map(|sent| sent + 1), "{address}");
        assert_eq!(mail.server.datagrams().echoed, 0);
        mail.send(0, b"at once").expect("room");
        assert!(!mail.courier.holds(0));
        assert_eq!(mail.hear(SOON), [(0, Ok((b"at once".to_vec(), mail.to)))]);
    }
}

/// The question is asked again after a second.
#[test]
fn a_lost_question_is_asked_again() {
    let mut mail = Mail::new(Faults::default(), IpEndpoint::new(SERVER, PORT), 1);
    mail.cable.borrow_mut().lose_next();
    for (after, reaches) in [(0, false), (999, false), (1, false), (1, true)] {
        mail.hear(Duration::from_millis(after));
        assert_eq!(mail.reaches(), reaches, "{after} ms later");
    }
}

/// Whom a mailbox asks, and from which port, may be chosen.
#[test]
fn a_port_may_be_chosen_and_who_is_asked_too() {
    let mut mail = Mail::new(Faults::default(), IpEndpoint::new(SERVER, PORT), 3);
    // The first of the second mailbox's own ports, which it must do without now.
    mail.send(1, b"own").expect("room");
    let own = mail.peers(SOON)[0];
    mail.courier.close(1);
    for port in [7, own, PORT] {
        mail.courier.open(0, Some(port)).expect("nobody has it");
        assert_eq!(mail.courier.open(2, Some(port)), Err(Failure::Local), "{port} is taken");
        mail.send(0, b"chosen").expect("room");
        let answered = port == own;
        assert_eq!(mail.peers(SOON), if answered { vec![own] } else { vec![] });
    }
    mail.courier.open(0, Some(own)).expect("nobody has it");
    let mut seen = vec![own];
    for _ in 0..16_384 / 3 {
        mail.courier.open(1, None).expect("others are left");
        mail.send(1, b"own").expect("room");
        seen.extend(mail.peers(SOON));
    }
    assert!(!seen[1..].contains(&own), "it is taken");
    assert_eq!(seen.len(), 1 + 16_384 / 3);
    for address in [SERVER_V6, SERVER] {
        mail.to.addr = address;
        mail.send(1, b"there").expect("room");
        assert_eq!(mail.hear(SOON), [(1, Ok((b"there".to_vec(), mail.to)))]);
    }
}
