//! A server whose peers are the test itself: it says each segment, and hears
//! every answer with the instant at which it came. The cable takes no time.

use std::time::Duration;

use echo_core::{Instant, Rules};
use echo_smoltcp::smoltcp::phy::{Device, RxToken};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;
use echo_smoltcp::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, EthernetRepr, Ipv4Address,
    TcpControl, TcpRepr, TcpSeqNumber,
};
use echo_smoltcp::{Event, Server, Service};

use crate::cable::{Cable, Faults, Plug};
use crate::narrow::Narrow;
use crate::segment::{Heard, frame, segment, syn};
use crate::world::{CLIENT_MAC, N, SERVER_MAC, Setup, server};

/// A peer on the link.
pub(crate) const PEER: Ipv4Address = Ipv4Address::new(192, 168, 69, 200);
/// A peer behind a gateway, whose frames do not tell the gateway's IP address.
pub(crate) const FAR: Ipv4Address = Ipv4Address::new(10, 1, 2, 3);
const GATEWAY: Ipv4Address = Ipv4Address::new(192, 168, 69, 254);

pub(crate) struct Bench {
    pub(crate) now: Instant,
    pub(crate) server: Server<'static, 'static, N>,
    plugs: [Plug; 2],
    /// Nobody answers ARP if not.
    pub(crate) reachable: bool,
    /// All frames of the server.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) heard: Vec<Heard>,
    /// When the server asked for a MAC.
    pub(crate) asked: Vec<Instant>,
    /// Ports of the peers whose sessions are over.
    pub(crate) closed: Vec<(Instant, u16)>,
}

/// One connection of the test's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: Ipv4Address,
    pub(crate) port: u16,
    pub(crate) number: TcpSeqNumber,
    pub(crate) acknowledged: TcpSeqNumber,
}

impl Bench {
    pub(crate) fn new(slots: usize, rules: Rules) -> Self {
        let service = Service { rules, ..Service::default() };
        Self::of(Setup { slots, service, ..Setup::default() })
    }

    /// The same with other rings.
    pub(crate) fn of(setup: Setup) -> Self {
        let setup = Setup { faults: Faults::default(), ..setup };
        let (_, mut plugs) = Cable::new(setup.faults, setup.seed);
        let mut server = server(&setup, &mut plugs[0]);
        let routes = server.interface().routes_mut();
        routes.add_default_ipv4_route(GATEWAY).expect("room for a route");
        let (now, reachable, sent) = (Instant::START, true, Vec::new());
        let (heard, asked, closed) = (Vec::new(), Vec::new(), Vec::new());
        Self { now, server, plugs, reachable, sent, heard, asked, closed }
    }

    /// A frame that the server takes in with the next one.
    pub(crate) fn put(&mut self, frame: &[u8]) {
        self.plugs[1].inject(self.now, frame);
    }

    /// What comes of this frame, at once.
    pub(crate) fn say(&mut self, frame: &[u8]) {
        self.put(frame);
        self.happen();
    }

    /// The answers to this frame.
    pub(crate) fn ask(&mut self, frame: &[u8]) -> Vec<Heard> {
        let before = self.heard.len();
        self.say(frame);
        self.heard.split_off(before)
    }

    /// Lets time go by.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.happen()
            && next < until
        {
            self.now = self.now.max(next);
        }
        self.now = until;
        self.happen();
    }

    /// One step, in which the device has room for so many frames. When the server wants the next.
    pub(crate) fn step_with_room(&mut self, room: usize) -> Option<Instant> {
        let plug = &mut self.plugs[0];
        let next = self.server.step(self.now, &mut Narrow { plug, room }, &mut |_| {});
        while let Some((received, _)) = self.plugs[1].receive(wire(self.now)) {
            received.consume(|frame| self.hear(frame));
        }
        next
    }

    /// A handshake of a peer on the link, which must succeed at once.
    pub(crate) fn open(&mut self, port: u16, number: i32) -> Peer {
        self.open_from(PEER, port, number)
    }

    /// The same from elsewhere.
    pub(crate) fn open_from(&mut self, address: Ipv4Address, port: u16, number: i32) -> Peer {
        let answers = self.ask(&syn(address, port, number));
        let [Heard { control: TcpControl::Syn, number: theirs, acknowledged, .. }] = answers[..]
        else {
            panic!("no SYN, ACK on port {port}: {answers:?}");
        };
        let number = TcpSeqNumber(number) + 1;
        assert_eq!(acknowledged, Some(number));
        let peer = Peer { address, port, number, acknowledged: theirs + 1 };
        self.say(&peer.frame(TcpControl::None));
        peer
    }

    /// A peer that has ended its side, with 4000 bytes of its echo on the way.
    pub(crate) fn tail(&mut self) -> Peer {
        let mut peer = self.open(1, 1);
        for _ in 0..4 {
            let said = peer.bytes(&[7; 1000]);
            self.say(&said);
        }
        self.say(&peer.frame(TcpControl::Fin));
        peer.number += 1;
        assert_eq!(self.closed, [(self.now, 1)], "the session is over");
        peer
    }

    /// Everything that happens now, and when the next thing will.
    fn happen(&mut self) -> Option<Instant> {
        for _ in 0..100 {
            let (now, closed) = (self.now, &mut self.closed);
            let next = self.server.step(now, &mut self.plugs[0], &mut |event| {
                if let Event::Closed { peer, .. } = event {
                    closed.push((now, peer.port));
                }
            });
            let mut quiet = next.is_none_or(|next| next > now);
            while let Some((received, _)) = self.plugs[1].receive(wire(now)) {
                quiet = false;
                received.consume(|frame| self.hear(frame));
            }
            if quiet {
                return next;
            }
        }
        panic!("a livelock at {:?}", self.now);
    }

    fn hear(&mut self, frame: &[u8]) {
        self.sent.push(frame.to_vec());
        self.heard.extend(Heard::parse(self.now, frame));
        let frame = EthernetFrame::new_checked(frame).expect("the server sends frames");
        if frame.ethertype() == EthernetProtocol::Arp {
            self.asked.push(self.now);
            if self.reachable {
                self.plugs[1].inject(self.now, &arp_reply(frame.payload()));
            }
        }
    }
}

impl Peer {
    /// The frame of a segment without bytes.
    pub(crate) fn frame(&self, control: TcpControl) -> Vec<u8> {
        frame(self.address, &segment(self.port, control, self.number, Some(self.acknowledged)))
    }

    /// The frame of a segment that offers this window.
    pub(crate) fn offering(&self, window_len: u16) -> Vec<u8> {
        let control = TcpControl::None;
        let segment = segment(self.port, control, self.number, Some(self.acknowledged));
        frame(self.address, &TcpRepr { window_len, ..segment })
    }

    /// The frame of a segment with these bytes, after which others are counted.
    pub(crate) fn bytes(&mut self, payload: &[u8]) -> Vec<u8> {
        let control = TcpControl::Psh;
        let segment = segment(self.port, control, self.number, Some(self.acknowledged));
        self.number += payload.len();
        frame(self.address, &TcpRepr { payload, ..segment })
    }
}

/// The answer to this ARP packet, as a frame.
pub(crate) fn arp_reply(request: &[u8]) -> Vec<u8> {
    let request = ArpPacket::new_checked(request).expect("a whole packet");
    let Ok(ArpRepr::EthernetIpv4 { source_protocol_addr, target_protocol_addr, .. }) =
        ArpRepr::parse(&request)
    else {
        panic!("ARP is about IPv4");
    };
    let mut bytes = vec![0; 42];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    let (src_addr, dst_addr) = (CLIENT_MAC, SERVER_MAC);
    EthernetRepr { src_addr, dst_addr, ethertype: EthernetProtocol::Arp }.emit(&mut frame);
    let reply = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: CLIENT_MAC,
        source_protocol_addr: target_protocol_addr,
        target_hardware_addr: SERVER_MAC,
        target_protocol_addr: source_protocol_addr,
    };
    reply.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    bytes
}

fn wire(now: Instant) -> WireInstant {
    let micros = now.since_start().as_micros();
    WireInstant::from_micros(i64::try_from(micros).expect("a test's time"))
}
