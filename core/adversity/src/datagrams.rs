//! A server that gets right, nearly right and wrong datagrams, whole and in pieces, while its device has
//! room or has none: every answer is the whole of one question, from where that was asked, and there is
//! one at most; each right question makes one count, at once or when its answer leaves, and no count
//! ever falls; and in the end the next one is answered as if nothing had been.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use echo_core::Instant;
use echo_core::datagram::HOPS;
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use echo_smoltcp::smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet,
    UdpPacket,
};
use echo_smoltcp::{Assembly, Counts, Datagrams, Server, Service};

use crate::frame::{PORT, any, mutate, packet};
use crate::wire::{NOW, OWN, OWN_MAC, PEER, PEER_MAC, Wire, interface};

/// The longest question that is answered, and how many answers may wait.
const RING: usize = 256;
const WAITING: usize = 3;

/// A few of these, and neighbours are forgotten, and fragments with one.
const PAUSES: [Duration; 4] = [
    Duration::from_micros(1),
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(100),
];

pub(crate) fn are_answered_whole_and_once(u: &mut Unstructured<'_>) -> Result<()> {
    let mut storage = [const { SocketStorage::EMPTY }; 2];
    let (mut one, mut received) = ([PacketMetadata::EMPTY], [0; RING]);
    let (mut some, mut waiting) = ([PacketMetadata::EMPTY; WAITING], [0; WAITING * RING]);
    let receive = PacketBuffer::new(&mut one[..], &mut received[..]);
    let send = PacketBuffer::new(&mut some[..], &mut waiting[..]);
    let mut datagrams = Datagrams::new(&mut storage, receive, send);
    let mut wire = Wire::default();
    let interface = interface(&mut wire, NOW);
    let service = Service { port: PORT, ..Service::default() };
    let server = Server::<16>::new(interface, &mut [], service, 1).lend(&mut datagrams);
    let mut frames = [[0; 14 + 20 + 8 + RING]; 2];
    let mut assemblies = frames.each_mut().map(|frame| Assembly::new(frame));
    let server = server.reassemble(&mut assemblies);
    let (now, asked, loose) = (NOW, Vec::new(), false);
    let (right, answers, counts) = (0, 0, Counts::default());
    let mut desk = Desk { now, server, wire, asked, loose, right, answers, counts };
    while !u.is_empty() {
        desk.happens(u)?;
    }
    desk.wire.shut = false;
    desk.settle();
    for version in 0..2 {
        let (before, question) = (desk.answers, Question::of(version));
        desk.hears(question.frame());
        assert_eq!(desk.answers, before + 1, "the next one is answered at once");
        assert_eq!(desk.counts.echoed, desk.answers, "what is counted was sent");
    }
    // Nothing waits any more. Others may have been right by chance.
    assert!(each(&desk.counts).sum::<u64>() >= desk.right, "{:?}, {}", desk.counts, desk.right);
    Ok(())
}

struct Desk<'s, 'a> {
    now: Instant,
    server: Server<'s, 'a, 16>,
    wire: Wire,
    /// Whole datagrams that were not answered yet: who asked at which address, and for what.
    asked: Vec<(IpEndpoint, IpAddress, Vec<u8>)>,
    /// There were fragments that may be of anything.
    loose: bool,
    /// How many questions were right.
    right: u64,
    answers: u64,
    counts: Counts,
}

impl Desk<'_, '_> {
    fn happens(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=11)? {
            0..=3 => {
                let question = Question::any(u)?;
                let before: u64 = each(&self.counts).sum();
                self.right += 1;
                self.hears(question.frame());
                let counts = self.counts;
                let counted = self.wire.shut || each(&counts).sum::<u64>() > before;
                assert!(counted, "{question:?} makes a count: {counts:?}");
            }
            4..=5 => {
                let mut frame = Question::any(u)?.frame();
                mutate(u, &mut frame)?;
                self.hears(frame);
            }
            6..=7 => self.hears_in_pieces(u)?,
            8 => self.hears(any(u)?),
            9 => {
                self.wire.shut = u.arbitrary()?;
                self.settle();
            }
            10 => {
                self.now = self.now + *u.choose(&PAUSES)?;
                self.settle();
            }
            _ => {
                // Several at once.
                for _ in 0..u.int_in_range(0..=8)? {
                    let frame = Question::any(u)?.frame();
                    self.right += 1;
                    self.tell(frame);
                }
                self.settle();
            }
        }
        Ok(())
    }

    /// The pieces of a question, some of which are lost, doubled or late.
    fn hears_in_pieces(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let question = Question { version: 0, ..Question::any(u)? };
        let (datagram, ident) = (question.datagram(), u.arbitrary()?);
        let size = 8 * u.int_in_range(1..=8)?;
        let pieces: Vec<_> = datagram.chunks(size).collect();
        self.loose = true;
        for _ in 0..pieces.len() + u.int_in_range(0..=3)? {
            let number = u.choose_index(pieces.len())?;
            let mut frame = question.packet(pieces[number]);
            let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
            packet.set_ident(ident);
            packet.set_more_frags(number + 1 < pieces.len());
            packet.set_frag_offset((number * size) as u16);
            packet.fill_checksum();
            self.hears(frame);
        }
        Ok(())
    }

    fn hears(&mut self, frame: Vec<u8>) {
        self.tell(frame);
        self.settle();
    }

    fn tell(&mut self, frame: Vec<u8>) {
        match told(&frame) {
            Some(Told::Datagram { from, to, bytes, .. }) if to.port == PORT => {
                self.asked.push((from, to.addr, bytes.to_vec()));
            }
            Some(Told::Part) => self.loose = true,
            _ => {}
        }
        self.wire.there.push_back(frame);
    }

    /// Everything that happens now.
    fn settle(&mut self) {
        for _ in 0..100 {
            let next = self.server.step(self.now, &mut self.wire, &mut |_| {});
            for frame in std::mem::take(&mut self.wire.back) {
                self.hear(&frame);
            }
            let counts = self.server.datagrams();
            let falls = each(&self.counts).zip(each(&counts)).any(|(was, is)| is < was);
            assert!(!falls, "{counts:?} after {:?}", self.counts);
            self.counts = counts;
            // It waits for room.
            let rests = self.wire.shut || next.is_none_or(|next| next > self.now);
            if self.wire.there.is_empty() && rests {
                return;
            }
        }
        panic!("a driver would spin");
    }

    /// A frame of the server.
    fn hear(&mut self, frame: &[u8]) {
        let Some(Told::Datagram { from, to, hops, bytes }) = told(frame) else { return };
        assert_eq!((from.port, hops), (PORT, HOPS));
        self.answers += 1;
        let this = |it: &(IpEndpoint, IpAddress, Vec<u8>)| *it == (to, from.addr, bytes.to_vec());
        match self.asked.iter().position(this) {
            Some(index) => drop(self.asked.swap_remove(index)),
            None => assert!(self.loose, "nobody has asked that: {frame:x?}"),
        }
    }
}

/// The numbers of datagrams: each that is well-formed is in one of them.
fn each(counts: &Counts) -> impl Iterator<Item = u64> {
    let Counts { echoed, unanswered, too_long, full, unreachable, .. } = *counts;
    [echoed, too_long, full, unreachable].into_iter().chain(unanswered)
}

/// A right datagram from a neighbour, which is answered or not.
#[derive(Debug, Clone, Copy)]
struct Question<'b> {
    version: usize,
    port: u16,
    hops: u8,
    bytes: &'b [u8],
}

impl<'b> Question<'b> {
    fn of(version: usize) -> Self {
        Self { version, port: 4000, hops: 64, bytes: b"hello" }
    }

    fn any(u: &mut Unstructured<'b>) -> Result<Self> {
        let version = usize::from(u.arbitrary::<bool>()?);
        let port = *u.choose(&[1024, 40_000, 7, PORT, 0])?;
        let hops = *u.choose(&[64, 255, HOPS + 1, HOPS])?;
        let length = u.int_in_range(0..=RING + 10)?.min(u.len());
        Ok(Self { version, port, hops, bytes: u.bytes(length)? })
    }

    fn datagram(&self) -> Vec<u8> {
        let (length, [from, to]) = (8 + self.bytes.len() as u16, self.addresses());
        let ports = [self.port.to_be_bytes(), PORT.to_be_bytes()].concat();
        let mut bytes = [&ports[..], &length.to_be_bytes(), &[0; 2], self.bytes].concat();
        UdpPacket::new_unchecked(&mut bytes[..]).fill_checksum(&from, &to);
        bytes
    }

    fn addresses(&self) -> [IpAddress; 2] {
        [PEER[self.version], OWN[self.version]]
    }

    /// A frame with a packet that carries this.
    fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let [from, to] = self.addresses();
        packet([PEER_MAC, OWN_MAC], from, to, self.hops, IpProtocol::Udp, payload)
    }

    fn frame(&self) -> Vec<u8> {
        self.packet(&self.datagram())
    }
}

/// What a frame has to do with datagrams.
enum Told<'f> {
    Datagram {
        from: IpEndpoint,
        to: IpEndpoint,
        hops: u8,
        bytes: &'f [u8],
    },
    /// It may be a part of one, or one behind options.
    Part,
}

fn told(frame: &[u8]) -> Option<Told<'_>> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (from, to, hops, protocol, payload): (IpAddress, IpAddress, _, _, _) =
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
                if packet.more_frags() || packet.frag_offset() > 0 {
                    return Some(Told::Part);
                }
                let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
                (from, to, packet.hop_limit(), packet.next_header(), packet.payload())
            }
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
                (from, to, packet.hop_limit(), packet.next_header(), packet.payload())
            }
            _ => return None,
        };
    match protocol {
        IpProtocol::HopByHop => return Some(Told::Part),
        IpProtocol::Udp => {}
        _ => return None,
    }
    let datagram = UdpPacket::new_checked(payload).ok()?;
    let ports = [datagram.src_port(), datagram.dst_port()];
    let [from, to] = [IpEndpoint::new(from, ports[0]), IpEndpoint::new(to, ports[1])];
    Some(Told::Datagram { from, to, hops, bytes: datagram.payload() })
}
