//! Packets of IPv4 that come in fragments, put together before anything else looks at them.
//!
//! smoltcp can do so, too, but there whoever sends a few beginnings and nothing more keeps all others
//! out. Here the packet that was begun first gives way to the next.

use core::time::Duration;

use echo_core::Instant;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::storage::Assembler;
use smoltcp::wire::{
    EthernetFrame, IPV4_HEADER_LEN, IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr,
};

const ETHERNET: usize = 14;
const HEADERS: usize = ETHERNET + IPV4_HEADER_LEN;

/// How long a packet may take to come. Later its number may be another one's: it has 16 bits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Storage for one packet that comes in fragments, lent to a [`Server`](crate::Server), a
/// [`Client`](crate::Client) or a [`Courier`](crate::Courier).
#[derive(Debug)]
pub struct Assembly<'a> {
    /// The frame that it becomes.
    frame: &'a mut [u8],
    /// Which packet it is, if it is one, and when it began.
    packet: Option<(Key, Instant)>,
    pieces: Assembler,
    /// How long all that the packet carries is, once its end has come.
    total: Option<usize>,
}

/// What the fragments of one packet have in common.
type Key = (Ipv4Address, Ipv4Address, IpProtocol, u16);

/// A packet of which this fragment cannot be a part.
struct Unfit;

impl<'a> Assembly<'a> {
    /// As many bytes as the longest packet needs. With fewer, only shorter ones are put together.
    pub const LONGEST: usize = ETHERNET + u16::MAX as usize;

    /// An assembly in this memory.
    #[must_use]
    pub fn new(frame: &'a mut [u8]) -> Self {
        Self { frame, packet: None, pieces: Assembler::new(), total: None }
    }

    /// Begins a packet with any of its fragments.
    fn begin(&mut self, key: Key, now: Instant, fragment: &[u8]) {
        self.pieces.clear();
        (self.packet, self.total) = (Some((key, now)), None);
        if let (Some(ours), Some(theirs)) = (self.frame.get_mut(..HEADERS), fragment.get(..HEADERS))
        {
            ours.copy_from_slice(theirs);
        }
    }

    /// Takes in what a fragment carries. Whether it was the last that was missing.
    fn add(&mut self, fragment: &Ipv4Packet<&[u8]>) -> Result<bool, Unfit> {
        let (offset, bytes) = (usize::from(fragment.frag_offset()), fragment.payload());
        let end = offset + bytes.len();
        let longest = self.frame.len().min(Self::LONGEST);
        if HEADERS + end > longest {
            return Err(Unfit);
        }
        if !fragment.more_frags() {
            self.total = Some(end);
        }
        self.frame[HEADERS + offset..][..bytes.len()].copy_from_slice(bytes);
        // With too many gaps it is as if it had been lost.
        let _ = self.pieces.add(offset, bytes.len());
        Ok(self.total == Some(self.pieces.peek_front()))
    }

    /// The frame with the whole packet, without options.
    fn whole(&mut self) -> &[u8] {
        let length = IPV4_HEADER_LEN + self.pieces.peek_front();
        self.packet = None;
        let frame = &mut self.frame[..ETHERNET + length];
        let mut packet = Ipv4Packet::new_unchecked(&mut frame[ETHERNET..]);
        packet.set_header_len(IPV4_HEADER_LEN as u8);
        // It is not longer than the longest.
        packet.set_total_len(length as u16);
        packet.clear_flags();
        packet.set_frag_offset(0);
        packet.fill_checksum();
        frame
    }
}

/// All assemblies of an interface: what was begun last comes first.
#[derive(Debug, Default)]
pub(crate) struct Assemblies<'s, 'a>(&'s mut [Assembly<'a>]);

impl<'s, 'a> Assemblies<'s, 'a> {
    pub(crate) const fn new(all: &'s mut [Assembly<'a>]) -> Self {
        Self(all)
    }

    /// Takes in a frame with a fragment. The frame with its packet, if it is whole now.
    pub(crate) fn take_in(
        &mut self,
        now: Instant,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
    ) -> Option<&[u8]> {
        let outer = EthernetFrame::new_checked(frame).ok()?;
        let fragment = Ipv4Packet::new_checked(outer.payload()).ok()?;
        Ipv4Repr::parse(&fragment, checksums).ok()?;
        let (from, to) = (fragment.src_addr(), fragment.dst_addr());
        let key = (from, to, fragment.next_header(), fragment.ident());
        let is = |it: &Assembly<'_>| {
            it.packet.is_some_and(|(its, begun)| its == key && now < begun + PATIENCE)
        };
        let number = match self.0.iter().position(is) {
            Some(number) => number,
            None => {
                let last = self.0.len().checked_sub(1)?;
                let number = self.0.iter().position(|it| it.packet.is_none()).unwrap_or(last);
                self.0[..=number].rotate_right(1);
                self.0[0].begin(key, now, frame);
                0
            }
        };
        let assembly = &mut self.0[number];
        match assembly.add(&fragment) {
            Ok(true) => Some(assembly.whole()),
            Ok(false) => None,
            Err(Unfit) => {
                assembly.packet = None;
                None
            }
        }
    }
}
