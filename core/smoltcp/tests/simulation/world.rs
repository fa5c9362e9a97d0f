//! A server and a client, each on its own smoltcp stack, joined by a cable,
//! living in virtual time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use echo_core::{Endpoint, Failure, Instant, Odds, Spoiler, datagram};
#[cfg(feature = "fragments")]
use echo_smoltcp::Assembly;
use echo_smoltcp::smoltcp::iface::{Interface, SocketStorage};
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use echo_smoltcp::{Client, Connection, Datagrams, Event, Host, Server, Service, Slot};

use crate::cable::{Cable, Faults, Plug};

pub(crate) const SERVER: IpAddress = IpAddress::v4(192, 168, 69, 1);
pub(crate) const SERVER_V6: IpAddress = IpAddress::v6(0xfd69, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const CLIENT: IpAddress = IpAddress::v4(192, 168, 69, 100);
const CLIENT_V6: IpAddress = IpAddress::v6(0xfd69, 0, 0, 0, 0, 0, 0, 100);
pub(crate) const SERVER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub(crate) const CLIENT_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

/// The buffer of each session.
pub(crate) const N: usize = 2048;

pub(crate) struct World<E> {
    pub(crate) now: Instant,
    pub(crate) server: Server<'static, 'static, N>,
    pub(crate) events: Vec<(Instant, Event<'static>)>,
    /// What the sessions took, in the order in which the server told of it.
    pub(crate) told: Vec<u8>,
    /// How many bytes were echoed, as the server told on the way, to those who are connected.
    echoed: HashMap<IpEndpoint, u64>,
    pub(crate) cable: Rc<RefCell<Cable>>,
    pub(crate) plugs: [Plug; 2],
    client: Client<'static, 'static>,
    pub(crate) ends: Vec<ClientEnd<E>>,
    /// How often a side was called: a livelock fails instead of hanging.
    steps: u64,
}

pub(crate) struct ClientEnd<E> {
    pub(crate) endpoint: E,
    pub(crate) failure: Option<Failure>,
}

pub(crate) struct Setup {
    pub(crate) slots: usize,
    /// Of each ring, on both sides.
    pub(crate) ring: usize,
    /// Of the server's send rings, if these are larger.
    pub(crate) send: usize,
    pub(crate) service: Service,
    pub(crate) faults: Faults,
    /// The bytes that the server's rings hold for datagrams: received, and to be sent.
    pub(crate) datagrams: [usize; 2],
    /// How the server's sessions and datagrams are spoilt, if they are.
    pub(crate) odds: Option<Odds>,
    pub(crate) seed: u64,
    pub(crate) server: IpAddress,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            slots: 1,
            ring: 8192,
            send: 0,
            datagrams: [2048, 8192],
            service: Service::default(),
            faults: Faults { delay: Duration::from_micros(100), ..Faults::default() },
            odds: None,
            seed: 1,
            server: SERVER,
        }
    }
}

impl<E: Endpoint> World<E> {
    /// A world in which all of these endpoints begin to connect at the start.
    pub(crate) fn new(setup: Setup, endpoints: Vec<E>) -> Self {
        let (cable, mut plugs) = Cable::new(setup.faults, setup.seed);
        let server = server(&setup, &mut plugs[0]);
        let (client, ends) = connect(&setup, setup.seed, &mut plugs[1], endpoints);
        let (now, events) = (Instant::START, Vec::new());
        let (told, echoed) = (Vec::new(), HashMap::new());
        Self { now, server, events, told, echoed, cable, plugs, client, ends, steps: 0 }
    }

    /// Lives until `done` or until nothing can ever happen again, at most until
    /// `limit` after the start. Whether it was `done`.
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            let next = self.step();
            if done(self) {
                return true;
            }
            match next {
                Some(next) if next <= Instant::new(limit) => self.now = next.max(self.now),
                _ => {
                    self.now = Instant::new(limit).max(self.now);
                    return false;
                }
            }
            self.steps += 1;
            assert!(self.steps < 3_000_000, "a livelock at {:?}", self.now);
        }
    }

    /// Everything that happens now, and when the next thing will.
    fn step(&mut self) -> Option<Instant> {
        let now = self.now;
        let [server_plug, client_plug] = &mut self.plugs;
        let (events, told, echoed) = (&mut self.events, &mut self.told, &mut self.echoed);
        let server = self.server.step(now, server_plug, &mut |event| match event {
            Event::Connected { peer } => events.push((now, Event::Connected { peer })),
            Event::Received { bytes, .. } | Event::Datagram { bytes, .. } => {
                told.extend_from_slice(bytes);
            }
            Event::Echoed { peer, bytes } => *echoed.entry(peer).or_default() += bytes,
            Event::Closed { peer, end, echoed: all } => {
                let told = echoed.remove(&peer).unwrap_or_default();
                assert_eq!(told, all, "{peer}: what was told on the way");
                events.push((now, Event::Closed { peer, end, echoed: all }));
            }
        });
        self.client.receive(now, client_plug);
        let mut deadlines = vec![server];
        for (number, end) in self.ends.iter_mut().enumerate() {
            if end.failure.is_none() {
                end.failure = self.client.pump(number, &mut end.endpoint, now).err();
                deadlines.push(end.endpoint.deadline());
            }
        }
        deadlines.push(self.client.send(now, client_plug));
        deadlines.push(self.cable.borrow().next_arrival());
        deadlines.into_iter().flatten().min()
    }

    pub(crate) fn connect_again(&mut self, index: usize, server: IpEndpoint) {
        self.ends[index].failure = None;
        self.client.connect(index, server).expect("the server is in the subnet");
    }

    pub(crate) fn abort(&mut self, index: usize) {
        self.client.abort(index);
    }

    /// The client loses all memory, and connects from the same ports again.
    pub(crate) fn restart_client(&mut self, setup: &Setup, endpoints: Vec<E>) {
        let seed = setup.seed + 1;
        (self.client, self.ends) = connect(setup, seed, &mut self.plugs[1], endpoints);
    }
}

/// A client whose sequence numbers follow from the seed.
pub(crate) fn connect<E>(
    setup: &Setup,
    seed: u64,
    plug: &mut Plug,
    endpoints: Vec<E>,
) -> (Client<'static, 'static>, Vec<ClientEnd<E>>) {
    let interface = interface_of_client(seed, plug);
    let connections = endpoints.iter().map(|_| {
        let storage = Box::leak(Box::new(SocketStorage::EMPTY));
        Connection::new(storage, ring(setup.ring), ring(setup.ring))
    });
    let mut client = Client::new(interface, leak(connections.collect()), setup.seed);
    let target = IpEndpoint::new(setup.server, setup.service.port);
    let ends = endpoints.into_iter().enumerate().map(|(number, endpoint)| {
        client.connect(number, target).expect("the server is in the subnet");
        ClientEnd { endpoint, failure: None }
    });
    let ends = ends.collect();
    (client, ends)
}

pub(crate) fn server(setup: &Setup, plug: &mut Plug) -> Server<'static, 'static, N> {
    let interface = interface(SERVER_MAC, [SERVER, SERVER_V6], setup.seed, plug);
    let slots = (0..setup.slots as u64).map(|number| {
        let slot = slot(setup.ring, setup.send);
        match setup.odds {
            None => slot,
            Some(odds) => slot.spoilt(&mut leak(vec![Spoiler::new(odds, setup.seed, number)])[0]),
        }
    });
    let slots = leak(slots.collect());
    let [receive, send] = setup
        .datagrams
        .map(|bytes| PacketBuffer::new(leak(vec![PacketMetadata::EMPTY; 8]), ring(bytes)));
    let storage = Box::leak(Box::new([SocketStorage::EMPTY, SocketStorage::EMPTY]));
    let mut datagrams = Datagrams::new(storage, receive, send);
    if let Some(odds) = setup.odds {
        let spoiler = Box::leak(Box::new(datagram::Spoiler::new(odds, setup.seed)));
        let [hand, kept] = [(); 2].map(|()| ring(setup.datagrams[0]));
        datagrams = datagrams.spoilt(spoiler, hand, kept);
    }
    let datagrams = Box::leak(Box::new(datagrams));
    let server = Server::new(interface, slots, setup.service, setup.seed).lend(datagrams);
    #[cfg(feature = "fragments")]
    let server = server.reassemble(assemblies());
    server
}

pub(crate) fn interface_of_client(seed: u64, plug: &mut Plug) -> Interface {
    interface(CLIENT_MAC, [CLIENT, CLIENT_V6], seed ^ 0xc11e, plug)
}

pub(crate) fn interface(
    mac: EthernetAddress,
    addresses: [IpAddress; 2],
    seed: u64,
    plug: &mut Plug,
) -> Interface {
    let [v4, v6] = addresses;
    let addresses = &[IpCidr::new(v4, 24), IpCidr::new(v6, 64)];
    let host = Host { mac, addresses, gateways: &[], seed };
    host.interface(plug, Instant::START).expect("two unicast addresses")
}

fn slot(size: usize, send: usize) -> Slot<'static, N> {
    let storage = Box::leak(Box::new(SocketStorage::EMPTY));
    Slot::new(storage, ring(size), ring(size.max(send)))
}

/// As many packets are put together at once.
#[cfg(feature = "fragments")]
pub(crate) const ASSEMBLIES: u16 = 4;

#[cfg(feature = "fragments")]
pub(crate) fn assemblies() -> &'static mut [Assembly<'static>] {
    leak((0..ASSEMBLIES).map(|_| Assembly::new(ring(Assembly::LONGEST))).collect())
}

fn ring(size: usize) -> &'static mut [u8] {
    leak(vec![0; size])
}

fn leak<T>(items: Vec<T>) -> &'static mut [T] {
    items.leak()
}
