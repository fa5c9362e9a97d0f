//! The server reads the headers of a frame before smoltcp does: whatever a frame says, it is
//! answered as smoltcp alone would answer it, or not at all where it must not be.

use arbitrary::{Result, Unstructured};
use echo_smoltcp::smoltcp::iface::{SocketSet, SocketStorage};
use echo_smoltcp::smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use echo_smoltcp::smoltcp::wire::{IpAddress, Ipv4Address, Ipv6Address, TcpPacket};
use echo_smoltcp::{Server, Service, Slot};

use crate::frame::{PORT, SYN, any};
use crate::wire::{NOW, OWN, OWN_MAC, Wire, interface, to_wire};

pub(crate) fn are_read_as_smoltcp_reads_them(u: &mut Unstructured<'_>) -> Result<()> {
    while !u.is_empty() {
        let frame = any(u)?;
        let (taken, answers) = by_server(&frame);
        let header = Header::of(&frame);
        let (would_be_taken, by_listener) = by_smoltcp(&frame, true);
        let expected = would_be_taken && header.is_some_and(|it| it.may_open());
        assert_eq!(taken, expected, "a SYN takes a slot: {frame:x?}");
        if taken {
            continue;
        }
        let opens = header.is_some_and(|it| it.opens());
        let expected = if opens { by_listener } else { by_smoltcp(&frame, false).1 };
        if answers.len() == 1 && expected.is_empty() && claims(&frame, &answers[0]) {
            continue;
        }
        // What is no right segment is dropped before smoltcp refuses the options ahead of it.
        if answers.is_empty() && header.is_some_and(|it| it.behind_options && it.protocol == 6) {
            continue;
        }
        let answered = header.is_none_or(|it| it.may_be_answered());
        let expected = if answered { expected } else { Vec::new() };
        assert_eq!(answers.len(), expected.len(), "{answers:x?}, not {expected:x?} to {frame:x?}");
        for (answer, expected) in answers.iter().zip(&expected) {
            // The server knows where the peer is, and smoltcp alone has to ask.
            let same = answer[6..] == expected[6..] || asks(expected);
            assert!(same, "{answer:x?}, not {expected:x?} to {frame:x?}");
        }
    }
    Ok(())
}

/// Whether the SYN has taken the slot, and what was said at once.
fn by_server(frame: &[u8]) -> (bool, Vec<Vec<u8>>) {
    let mut wire = Wire::default();
    let (mut storage, mut rings) = (SocketStorage::EMPTY, [[0; 64]; 2]);
    let [receive, send] = &mut rings;
    let mut slots = [Slot::<'_, 16>::new(&mut storage, receive, send)];
    let service = Service { port: PORT, ..Service::default() };
    let interface = interface(&mut wire, NOW);
    let mut server = Server::new(interface, &mut slots, service, 1);
    wire.there.push_back(frame.to_vec());
    server.step(NOW, &mut wire, &mut |_| {});
    (server.connections() == 1, wire.back)
}

/// The same of smoltcp alone.
fn by_smoltcp(frame: &[u8], listens: bool) -> (bool, Vec<Vec<u8>>) {
    let mut wire = Wire::default();
    let mut interface = interface(&mut wire, NOW);
    let (mut storage, mut rings) = ([SocketStorage::EMPTY], [[0; 64]; 2]);
    let [receive, send] = &mut rings;
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handle = sockets
        .add(Socket::new(SocketBuffer::new(&mut receive[..]), SocketBuffer::new(&mut send[..])));
    if listens {
        sockets.get_mut::<Socket<'_>>(handle).listen(PORT).expect("it is closed");
    }
    wire.there.push_back(frame.to_vec());
    interface.poll_ingress_single(to_wire(NOW), &mut wire, &mut sockets);
    (sockets.get::<Socket<'_>>(handle).state() == State::SynReceived, wire.back)
}

/// Of an IP packet, read by their places.
#[derive(Debug, Clone, Copy)]
struct Header<'f> {
    to_own_mac: bool,
    from_one_mac: bool,
    from: IpAddress,
    to: IpAddress,
    fragment: bool,
    behind_options: bool,
    protocol: u8,
    payload: &'f [u8],
}

impl<'f> Header<'f> {
    fn of(frame: &'f [u8]) -> Option<Self> {
        let to_own_mac = frame.get(..6)? == OWN_MAC.as_bytes();
        let from_one_mac = frame.get(6)? & 1 == 0;
        let packet = frame.get(14..)?;
        match frame[12..14] {
            [0x08, 0x00] => {
                let bytes = packet.get(..20)?;
                let [from, to] = [12, 16].map(|at| {
                    let address: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
                    IpAddress::Ipv4(Ipv4Address::from(address))
                });
                let fragment = u16::from_be_bytes([bytes[6], bytes[7]]) & 0x3fff != 0;
                let length = u16::from_be_bytes([bytes[2], bytes[3]]);
                let payload = packet.get(usize::from(bytes[0] & 15) * 4..usize::from(length))?;
                let (protocol, behind_options) = (bytes[9], false);
                Some(Self {
                    to_own_mac,
                    from_one_mac,
                    from,
                    to,
                    fragment,
                    behind_options,
                    protocol,
                    payload,
                })
            }
            [0x86, 0xdd] => {
                let bytes = packet.get(..40)?;
                let [from, to] = [8, 24].map(|at| {
                    let address: [u8; 16] = bytes[at..at + 16].try_into().expect("sixteen bytes");
                    IpAddress::Ipv6(Ipv6Address::from(address))
                });
                let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
                let (mut protocol, mut payload) = (bytes[6], packet.get(40..40 + length)?);
                let behind_options = protocol == 0;
                if behind_options {
                    let [next, length, ..] = *payload else { return None };
                    protocol = next;
                    payload = payload.get(8 * (1 + usize::from(length))..)?;
                }
                Some(Self {
                    to_own_mac,
                    from_one_mac,
                    from,
                    to,
                    fragment: false,
                    behind_options,
                    protocol,
                    payload,
                })
            }
            _ => None,
        }
    }

    fn alone(&self) -> bool {
        self.to_own_mac && OWN.contains(&self.to)
    }

    fn is_of_other_host(&self) -> bool {
        let broadcast = IpAddress::v4(10, 0, 0, 255);
        self.from.is_unicast() && !OWN.contains(&self.from) && self.from != broadcast
    }

    fn may_open(&self) -> bool {
        self.alone() && !self.fragment && self.from_one_mac && self.is_of_other_host()
    }

    /// A SYN to the service, and nothing else.
    fn opens(&self) -> bool {
        self.protocol == 6
            && self.payload.get(2..4) == Some(&PORT.to_be_bytes())
            && self.payload.get(13).is_some_and(|flags| flags & 0x17 == SYN)
    }

    fn may_be_answered(&self) -> bool {
        match self.protocol {
            // What is no segment at all is smoltcp's business.
            6 if TcpPacket::new_checked(self.payload).is_err() => self.alone() && !self.fragment,
            6 => self.may_open(),
            1 | 58 => self.alone() || !OWN.contains(&self.to),
            _ => self.alone(),
        }
    }
}

/// It asks for the address of a neighbour: by ARP, or by neighbour discovery.
fn asks(frame: &[u8]) -> bool {
    frame[12..14] == [8, 6] && frame[21] == 1 || frame[12..14] == [0x86, 0xdd] && frame[54] == 135
}

/// Somebody without an address asks whether one of the host's is free, and hears that it is
/// not.
fn claims(frame: &[u8], answer: &[u8]) -> bool {
    let says = |target: &[u8]| answer.windows(target.len()).any(|part| part == target);
    match frame[12..14] {
        [8, 6] => frame[28..32] == [0; 4] && says(&frame[38..42]) && answer[21] == 2,
        _ => frame[22..38] == [0; 16] && says(&frame[62..78]) && answer[54] == 136,
    }
}
