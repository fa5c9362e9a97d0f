//! Nothing allocates while serving: the allocations of a whole conversation are
//! counted, on both sides.

use std::time::Duration;

use echo_core::{Endpoint, Instant, Payload, Probe};
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::{self, DeviceCapabilities, Medium};
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use echo_smoltcp::{
    Client, Connection, Courier, Datagrams, Event, Host, Mailbox, Server, Service, Slot,
};

const SERVER: IpAddress = IpAddress::v4(192, 168, 69, 1);
const CLIENT: IpAddress = IpAddress::v4(192, 168, 69, 100);

#[test]
fn a_connection_a_thousand_messages_and_a_close_allocate_nothing() {
    let [mut server_end, mut client_end] = [Ring::default(), Ring::default()];
    let mut storage = [SocketStorage::EMPTY, SocketStorage::EMPTY];
    let [server_storage, client_storage] = &mut storage;
    let mut rings = [[0; 4096]; 4];
    let [server_rx, server_tx, client_rx, client_tx] = &mut rings;
    let now = Instant::START;

    let mut end = End { mine: &mut server_end, theirs: &mut client_end };
    let interface = host(1, SERVER).interface(&mut end, now).expect("one address");
    let mut slots = [Slot::<'_, 1024>::new(server_storage, server_rx, server_tx)];
    let mut server = Server::new(interface, &mut slots, Service::default(), 1);
    let interface = host(2, CLIENT).interface(&mut end, now).expect("one address");
    let mut connections = [Connection::new(client_storage, client_rx, client_tx)];
    let mut client = Client::new(interface, &mut connections, 1);
    let mut probe = Probe::new(Payload::Random { seed: 1 }, 1000, None, [0; 512]);
    let mut closed = 0;

    let counted = allocation_counter::measure(|| {
        let target = IpEndpoint::new(SERVER, Service::default().port);
        client.connect(0, target).expect("the same subnet");
        let mut messages = 0;
        for step in 0..10_000 {
            let now = Instant::new(Duration::from_micros(10 * step));
            let mut end = End { mine: &mut server_end, theirs: &mut client_end };
            server.step(now, &mut end, &mut |event| {
                closed += u32::from(matches!(event, Event::Closed { end: Ok(_), .. }));
            });
            let mut end = End { mine: &mut client_end, theirs: &mut server_end };
            client.receive(now, &mut end);
            client.pump(0, &mut probe, now).expect("no fault on this wire");
            if probe.end().is_some() && messages <= 1000 {
                messages += 1;
                probe.begin(now, messages);
            } else if probe.end().is_some() {
                client.close(0);
            }
            client.send(now, &mut end);
        }
        assert_eq!(messages, 1001);
    });
    assert_eq!(closed, 1);
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_thousand_datagrams_allocate_nothing() {
    let [mut server_end, mut client_end] = [Ring::default(), Ring::default()];
    let mut sockets = [SocketStorage::EMPTY, SocketStorage::EMPTY];
    let mut socket = SocketStorage::EMPTY;
    let mut metadata = [[PacketMetadata::EMPTY; 4]; 4];
    let mut rings = [[0; 2048]; 4];
    let mut lent = metadata.iter_mut().zip(&mut rings);
    let mut ring = || {
        let (metadata, ring) = lent.next().expect("four");
        PacketBuffer::new(&mut metadata[..], &mut ring[..])
    };
    let now = Instant::START;

    let mut end = End { mine: &mut server_end, theirs: &mut client_end };
    let interface = host(1, SERVER).interface(&mut end, now).expect("one address");
    let mut datagrams = Datagrams::new(&mut sockets, ring(), ring());
    let mut slots: [Slot<'_, 8>; 0] = [];
    let server = Server::new(interface, &mut slots, Service::default(), 1);
    let mut server = server.lend(&mut datagrams);
    let interface = host(2, CLIENT).interface(&mut end, now).expect("one address");
    let mut mailboxes = [Mailbox::new(&mut socket, ring(), ring())];
    let target = IpEndpoint::new(SERVER, Service::default().port);
    let mut courier = Courier::new(interface, &mut mailboxes, 1);
    let mut echoed = 0;

    let counted = allocation_counter::measure(|| {
        // The first one waits for the answer to ARP.
        for step in 0..1001 {
            let now = Instant::new(Duration::from_micros(10 * step));
            let mut end = End { mine: &mut client_end, theirs: &mut server_end };
            if step < 1000 {
                assert_eq!(courier.send(0, target, &[7; 1000], now, &mut end), Ok(()));
            }
            let mut end = End { mine: &mut server_end, theirs: &mut client_end };
            server.step(now, &mut end, &mut |_| {});
            let mut end = End { mine: &mut client_end, theirs: &mut server_end };
            courier.receive(now, &mut end);
            while let Some(echo) = courier.take(0).expect("somebody listens") {
                assert_eq!(echo, (&[7; 1000][..], target));
                echoed += 1;
            }
        }
    });
    assert_eq!((echoed, server.datagrams().echoed), (1000, 1000));
    assert_eq!(counted.count_total, 0);
}

fn host(number: u8, address: IpAddress) -> Host<'static> {
    let mac = EthernetAddress([2, 0, 0, 0, 0, number]);
    // Two addresses for the whole program: a leak that ends with it.
    let addresses = Box::leak(Box::new([IpCidr::new(address, 24)]));
    Host { mac, addresses, gateways: &[], seed: number.into() }
}

/// Frames on their way to one end, in place.
struct Ring {
    frames: [[u8; 1514]; 64],
    lengths: [usize; 64],
    first: usize,
    count: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { frames: [[0; 1514]; 64], lengths: [0; 64], first: 0, count: 0 }
    }
}

/// One end of a faultless wire.
struct End<'r> {
    mine: &'r mut Ring,
    theirs: &'r mut Ring,
}

impl phy::Device for End<'_> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sending<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: WireInstant) -> Option<(Received<'_>, Sending<'_>)> {
        let ring = &mut *self.mine;
        ring.count = ring.count.checked_sub(1)?;
        let index = ring.first;
        ring.first = (index + 1) % ring.frames.len();
        let frame = &ring.frames[index][..ring.lengths[index]];
        Some((Received(frame), Sending(self.theirs)))
    }

    fn transmit(&mut self, _now: WireInstant) -> Option<Sending<'_>> {
        (self.theirs.count < self.theirs.frames.len()).then_some(Sending(self.theirs))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

struct Sending<'a>(&'a mut Ring);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let Self(ring) = self;
        let index = (ring.first + ring.count) % ring.frames.len();
        ring.lengths[index] = len;
        ring.count += 1;
        f(&mut ring.frames[index][..len])
    }
}
