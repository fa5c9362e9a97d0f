//! A server that gets right, nearly right and wrong segments in each state of TCP, by a
//! clock that stands still, goes on, or jumps by days: every byte that it sends is one that it
//! took, it always comes to rest, and in the end it serves the next peer as if nothing had been.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use echo_core::{Instant, Rules};
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::ChecksumCapabilities;
use echo_smoltcp::smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet,
    TcpControl, TcpPacket, TcpRepr,
};
use echo_smoltcp::{Event, Server, Service, Slot};

use crate::frame::{ACK, FIN, PORT, PSH, RST, SYN, Segment, any, mutate};
use crate::wire::{NOW, OWN, OWN_MAC, PEER, Wire, interface};

const SLOTS: usize = 3;
const RING: usize = 256;
const N: usize = 64;

/// After this nothing may be left of anybody.
const FORGOTTEN: Duration = Duration::from_secs(2000);

const PAUSES: [Duration; 9] = [
    Duration::from_micros(1),
    Duration::from_millis(10),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(3 * 86_400),
];

pub(crate) fn are_left_only_by_right_segments(u: &mut Unstructured<'_>) -> Result<()> {
    let idle = *u.choose(&[None, Some(Duration::from_secs(2)), Some(Duration::from_secs(30))])?;
    let rules = Rules { idle, one_shot: u.ratio(1, 4)?, exit: u.arbitrary()?, ..Rules::default() };
    let ack_delay = *u.choose(&[Some(Duration::from_millis(10)), None])?;
    let service = Service { port: PORT, rules, nagle: u.arbitrary()?, ack_delay };

    let mut storage = [const { SocketStorage::EMPTY }; SLOTS];
    let mut rings = [[[0; RING]; 2]; SLOTS];
    let mut lent = storage.iter_mut().zip(&mut rings);
    let mut slots: [Slot<'_, N>; SLOTS] = core::array::from_fn(|_| {
        let (storage, [receive, send]) = lent.next().expect("as many as slots");
        Slot::new(storage, receive, send)
    });
    let mut wire = Wire::default();
    let interface = interface(&mut wire, NOW);
    let server = Server::new(interface, &mut slots, service, 1);
    let mut desk = Desk { now: NOW, server, wire, heard: HashMap::new(), next: None, settled: NOW };
    let mut peers = [Peer::new(0, 1024), Peer::new(1, 1024), Peer::new(0, 1025)];
    while !u.is_empty() {
        let peer = u.choose_index(peers.len())?;
        desk.happens(u, &mut peers[peer])?;
        for peer in &mut peers {
            peer.learn(&desk.heard);
        }
    }
    desk.wait(FORGOTTEN);
    assert_eq!(desk.server.connections(), 0, "everybody is gone");
    assert_eq!(desk.next, None, "nothing is left to wait for");
    for version in 0..2 {
        desk.serves(version);
    }
    Ok(())
}

/// A server, and all that was ever heard of it.
struct Desk<'s, 'a> {
    now: Instant,
    server: Server<'s, 'a, N>,
    wire: Wire,
    heard: HashMap<IpEndpoint, Heard>,
    /// When the server wants to be called again.
    next: Option<Instant>,
    /// When it was last looked at.
    settled: Instant,
}

/// What a server has sent to a peer, and what it has received.
#[derive(Debug, Default)]
struct Heard {
    /// Numbers that may come next: behind what it acknowledged and what it was told in order.
    next: HashSet<u32>,
    /// It received a reset with one of these numbers.
    was_reset: bool,
    /// The number of its first byte.
    first: u32,
    /// Behind its last byte,
    number: u32,
    /// and what it expects.
    acknowledged: u32,
    taken: Vec<u8>,
    echoed: usize,
    fin: bool,
    reset: bool,
}

impl Desk<'_, '_> {
    fn happens(&mut self, u: &mut Unstructured<'_>, peer: &mut Peer) -> Result<()> {
        match u.int_in_range(0..=15)? {
            0..=1 => {
                peer.number = *u.choose(&[7, u32::MAX, u32::MAX - 100, 1 << 31])?;
                let syn = Segment { acknowledged: 0, flags: SYN, ..peer.segment() };
                self.hears(syn.frame());
                peer.learn(&self.heard);
                self.hears(peer.segment().frame());
            }
            2..=4 => {
                let length = u.int_in_range(0..=200)?.min(u.len());
                let payload = u.bytes(length)?;
                let fin = if u.ratio(1, 4)? { FIN } else { 0 };
                self.hears(Segment { payload, flags: ACK | PSH | fin, ..peer.segment() }.frame());
            }
            5..=8 => {
                let mut frame = peer.any(u)?.frame();
                mutate(u, &mut frame)?;
                self.hears(frame);
            }
            9 => self.hears(any(u)?),
            10 => self.hears(peer.segment().frame()),
            11..=13 => self.wait(*u.choose(&PAUSES)?),
            14 => {
                self.now = self.now + *u.choose(&PAUSES)?;
                self.settle();
            }
            _ => {
                // Several at once.
                for _ in 0..u.int_in_range(0..=4)? {
                    self.tell(peer.any(u)?.frame());
                }
                self.settle();
            }
        }
        Ok(())
    }

    fn hears(&mut self, frame: Vec<u8>) {
        self.tell(frame);
        self.settle();
    }

    fn tell(&mut self, frame: Vec<u8>) {
        if let Some((from, _, segment)) = segment(&frame) {
            let heard = self.heard.entry(IpEndpoint::new(from, segment.src_port())).or_default();
            let number = segment.seq_number().0.cast_unsigned();
            let in_order = heard.next.contains(&number);
            heard.was_reset |= segment.rst() && in_order;
            if in_order && !segment.rst() {
                heard.next.insert(number.wrapping_add(segment.segment_len() as u32));
            }
        }
        self.wire.there.push_back(frame);
    }

    /// Lets time go by, as a driver would.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..10_000 {
            match self.next {
                Some(next) if next < until => self.now = self.now.max(next),
                _ => {
                    self.now = until;
                    return self.settle();
                }
            }
            self.settle();
        }
        panic!("it never comes to rest");
    }

    /// Everything that happens now.
    fn settle(&mut self) {
        let Self { now, server, wire, heard, next, settled } = self;
        let later = std::mem::replace(settled, *now) < *now;
        for _ in 0..100 {
            *next = server.step(*now, wire, &mut |event| match event {
                Event::Connected { peer } => heard.entry(peer).or_default().taken.clear(),
                Event::Datagram { .. } => {}
                Event::Received { peer, bytes } => {
                    heard.entry(peer).or_default().taken.extend(bytes);
                }
                Event::Echoed { .. } => {}
                Event::Closed { peer, end, echoed } => {
                    let heard = &heard[&peer];
                    assert!(echoed <= heard.taken.len() as u64);
                    let may_end = end.is_ok() || later || heard.was_reset;
                    assert!(may_end, "{peer} is given up for {end:?}");
                }
            });
            for frame in wire.back.drain(..) {
                hear(&frame, heard);
            }
            if wire.there.is_empty() && next.is_none_or(|next| next > *now) {
                return;
            }
        }
        panic!("a driver would spin: it is {now:?}, and it wants to be called at {next:?}");
    }

    /// A new peer gets its bytes echoed.
    fn serves(&mut self, version: usize) {
        let mut peer = Peer::new(version, 4000);
        self.heard.clear();
        self.hears(Segment { acknowledged: 0, flags: SYN, ..peer.segment() }.frame());
        peer.learn(&self.heard);
        self.hears(peer.segment().frame());
        self.hears(Segment { payload: b"hello", flags: ACK | PSH, ..peer.segment() }.frame());
        let heard = &self.heard[&peer.end()];
        assert_eq!((&heard.taken[..], heard.echoed), (&b"hello"[..], 5));
        peer.learn(&self.heard);
        self.hears(Segment { flags: ACK | FIN, ..peer.segment() }.frame());
        peer.learn(&self.heard);
        self.hears(peer.segment().frame());
        let heard = &self.heard[&peer.end()];
        assert!(heard.fin && !heard.reset);
        assert_eq!(self.server.connections(), 0, "it is served to the end");
    }
}

/// The addresses and the segment of a frame that has one.
fn segment(frame: &[u8]) -> Option<(IpAddress, IpAddress, TcpPacket<&[u8]>)> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (from, to, protocol, payload): (IpAddress, IpAddress, _, _) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let ends = (packet.src_addr().into(), packet.dst_addr().into());
            (ends.0, ends.1, packet.next_header(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let ends = (packet.src_addr().into(), packet.dst_addr().into());
            (ends.0, ends.1, packet.next_header(), packet.payload())
        }
        _ => return None,
    };
    let segment = TcpPacket::new_checked(payload).ok()?;
    (protocol == IpProtocol::Tcp).then_some((from, to, segment))
}

/// A frame of the server.
fn hear(frame: &[u8], heard: &mut HashMap<IpEndpoint, Heard>) {
    let ethernet = EthernetFrame::new_checked(frame).expect("a whole frame");
    assert_eq!(ethernet.src_addr(), OWN_MAC);
    let Some((from, to, segment)) = segment(frame) else { return };
    assert!(OWN.contains(&from) && to.is_unicast() && ethernet.dst_addr().is_unicast());
    let all = ChecksumCapabilities::default();
    let tcp = TcpRepr::parse(&segment, &from, &to, &all).expect("a right segment");
    let heard = heard.entry(IpEndpoint::new(to, tcp.dst_port)).or_default();
    let number = tcp.seq_number.0.cast_unsigned();
    if tcp.control == TcpControl::Syn {
        *heard = Heard { first: number.wrapping_add(1), ..Heard::default() };
    }
    heard.reset |= tcp.control == TcpControl::Rst;
    if tcp.control == TcpControl::Rst {
        return;
    }
    // smoltcp's keep-alive: a byte that was acknowledged before, whatever it was.
    if tcp.payload.len() == 1 && number.wrapping_add(1) == heard.number {
        return;
    }
    heard.fin |= tcp.control == TcpControl::Fin;
    heard.number = number.wrapping_add(tcp.segment_len() as u32);
    heard.acknowledged = tcp.ack_number.map_or(heard.acknowledged, |it| it.0.cast_unsigned());
    heard.next.insert(heard.acknowledged);
    if !tcp.payload.is_empty() {
        let start = number.wrapping_sub(heard.first) as usize;
        let end = start + tcp.payload.len();
        assert_eq!(heard.taken.get(start..end), Some(tcp.payload), "from {start} on");
        heard.echoed = heard.echoed.max(end);
    }
}

/// What a peer knows of its connection.
#[derive(Debug)]
struct Peer {
    version: usize,
    port: u16,
    number: u32,
    acknowledged: u32,
}

impl Peer {
    fn new(version: usize, port: u16) -> Self {
        Self { version, port, number: 7, acknowledged: 0 }
    }

    fn end(&self) -> IpEndpoint {
        IpEndpoint::new(PEER[self.version], self.port)
    }

    fn learn(&mut self, heard: &HashMap<IpEndpoint, Heard>) {
        if let Some(heard) = heard.get(&self.end()) {
            (self.number, self.acknowledged) = (heard.acknowledged, heard.number);
        }
    }

    /// What it would say next: an acknowledgement.
    fn segment<'b>(&self) -> Segment<'b> {
        Segment {
            from: PEER[self.version],
            to: OWN[self.version],
            ports: [self.port, PORT],
            number: self.number,
            acknowledged: self.acknowledged,
            flags: ACK,
            window: 1000,
            options: &[],
            payload: &[],
        }
    }

    /// Nearly that.
    fn any<'b>(&self, u: &mut Unstructured<'b>) -> Result<Segment<'b>> {
        let flags = *u.choose(&[ACK, ACK | PSH, ACK | FIN, RST, RST | ACK, SYN, SYN | ACK, FIN])?;
        let flags = if u.ratio(1, 8)? { u.arbitrary()? } else { flags };
        let number = self.number.wrapping_add(distance(u)?);
        let acknowledged = self.acknowledged.wrapping_add(distance(u)?);
        let window = *u.choose(&[1000, 0, 1, u16::MAX])?;
        let length = u.int_in_range(0..=8)?.min(u.len());
        let options = u.bytes(length)?;
        let length = u.int_in_range(0..=300)?.min(u.len());
        let payload = u.bytes(length)?;
        let segment = self.segment();
        Ok(Segment { number, acknowledged, flags, window, options, payload, ..segment })
    }
}

fn distance(u: &mut Unstructured<'_>) -> Result<u32> {
    const DISTANCES: [u32; 12] =
        [0, 0, 0, 0, 1, u32::MAX, 100, u32::MAX - 99, 255, 256, 257, 1 << 31];
    if u.ratio(1, 12)? { u.arbitrary() } else { u.choose(&DISTANCES).copied() }
}
