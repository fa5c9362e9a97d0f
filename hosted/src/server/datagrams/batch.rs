//! Datagrams of which many come and go with one system call, in memory that is laid out once.
//!
//! The safe wrappers do not serve: rustix receives no more than one at a time, and nix sends all
//! with the same source address and does not restore the lengths that the kernel has overwritten.

#![expect(
    unsafe_code,
    reason = "no safe crate answers a batch of datagrams from several addresses"
)]

mod answers;
mod source;
#[cfg(test)]
mod tests;

use std::io;
use std::mem::{swap, zeroed};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::ptr::{from_mut, null_mut};

use echo_core::datagram::Question;
use libc::{c_int, cmsghdr, in_pktinfo, in6_pktinfo, iovec, mmsghdr, sockaddr_in, sockaddr_in6};

use self::answers::Answers;
pub(in crate::server) use self::answers::Sent;
use self::source::{Source, v4};

/// Datagrams that have arrived together, those of them that are to be answered, and one that may be
/// kept for later.
pub(in crate::server) struct Batch {
    /// One for each datagram, and one for what is kept.
    places: Vec<Place>,
    /// The headers of the places, as the kernel fills them in.
    arrived: Vec<mmsghdr>,
    /// How many of them it has written to.
    used: usize,
    /// The answers, which point to the same places.
    answers: Answers,
    /// The bytes of all places, to which only these point.
    _memory: Vec<u8>,
    longest: usize,
    /// The length of what is kept.
    kept: usize,
}

/// Where one datagram is received, and from where it is sent back.
struct Place {
    /// Who sent it; long enough for both families.
    peer: sockaddr_in6,
    /// What the kernel tells of it: the address that was asked, and the hop limit.
    control: [u64; 12],
    /// What the kernel is told of its answer.
    source: Source,
    bytes: iovec,
}

/// What has arrived at a place.
pub(in crate::server) struct Arrived {
    pub(in crate::server) question: Question,
    /// The number of its bytes; `None` if it was longer than the place.
    pub(in crate::server) length: Option<usize>,
}

// SAFETY: its pointers point to what it owns, and nobody else has them.
unsafe impl Send for Batch {}

impl Batch {
    /// Room for so many datagrams, none of which is longer than this. Some are sent `together`, if the
    /// system can.
    pub(in crate::server) fn new(count: usize, longest: usize, together: bool) -> Self {
        // At a distance that is no power of two, the beginnings of all share the cache.
        let stride = longest.next_multiple_of(64) + 1088;
        let mut memory = vec![0_u8; (count + 1) * stride];
        let places = memory.chunks_exact_mut(stride).map(|chunk| Place {
            // SAFETY: it consists of integers.
            peer: unsafe { zeroed() },
            control: [0; 12],
            source: Source::bound(),
            bytes: iovec { iov_base: chunk.as_mut_ptr().cast(), iov_len: longest },
        });
        // From now on the places stay where they are.
        let mut places: Vec<_> = places.collect();
        let arrived = places.iter_mut().map(|place| {
            // SAFETY: it consists of integers and pointers, for which null is a value.
            let mut header: mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = from_mut(&mut place.peer).cast();
            header.msg_hdr.msg_iov = from_mut(&mut place.bytes);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = from_mut(&mut place.control).cast();
            header
        });
        let arrived: Vec<_> = arrived.collect();
        let answers = Answers::new(together);
        Self { places, arrived, used: count, answers, _memory: memory, longest, kept: 0 }
    }

    /// Receives what is there, without waiting. Returns how many datagrams that were: fewer than
    /// there is room for mean that there are no more.
    ///
    /// # Errors
    ///
    /// The socket's; "would block" if there is nothing.
    pub(in crate::server) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        for (header, place) in self.arrived.iter_mut().zip(&mut self.places).take(self.used) {
            header.msg_hdr.msg_namelen = size_of::<sockaddr_in6>() as _;
            header.msg_hdr.msg_controllen = size_of_val(&place.control) as _;
        }
        self.used = 0;
        let (headers, count) = (self.arrived.as_mut_ptr(), self.count());
        let (socket, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
        // SAFETY: there are so many headers, and one more. Each points to a place, which outlives the call, and
        // tells the sizes of what is in it.
        let n = unsafe { libc::recvmmsg(socket, headers, count as _, flags as _, null_mut()) };
        self.used = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        Ok(self.used)
    }

    /// What the last call has received at a place; `None` if nobody can be answered.
    pub(in crate::server) fn arrived(&mut self, number: usize) -> Option<Arrived> {
        let (header, place) = (self.arrived.get(number)?, self.places.get_mut(number)?);
        let mut question = Question { from: address(&place.peer)?, to: None, hops: None };
        place.source = Source::bound();
        let head = &raw const header.msg_hdr;
        // SAFETY: the kernel has filled in the header and the control messages that it points to,
        // and has told their length. What follows a message's header depends on its kind.
        unsafe {
            let mut part = libc::CMSG_FIRSTHDR(head);
            while let Some(cmsghdr { cmsg_level, cmsg_type, .. }) = part.as_ref() {
                let data = libc::CMSG_DATA(part);
                match (*cmsg_level, *cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info: in_pktinfo = data.cast::<in_pktinfo>().read_unaligned();
                        question.to = Some(v4(info.ipi_addr.s_addr).into());
                        place.source = Source::v4(info);
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info: in6_pktinfo = data.cast::<in6_pktinfo>().read_unaligned();
                        question.to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                        place.source = Source::v6(info);
                    }
                    (libc::IPPROTO_IP, libc::IP_TTL)
                    | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                        question.hops = u8::try_from(data.cast::<c_int>().read_unaligned()).ok();
                    }
                    _ => {}
                }
                part = libc::CMSG_NXTHDR(head, part);
            }
        }
        let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        Some(Arrived { question, length: whole.then_some(header.msg_len as usize) })
    }

    /// The first bytes of what is at a place.
    pub(in crate::server) fn bytes(&mut self, number: usize, length: usize) -> &mut [u8] {
        let place = &self.places[number];
        let length = length.min(self.longest);
        // SAFETY: there are as many bytes, initialised, at each place, and nothing else refers to
        // them while the batch is borrowed.
        unsafe { std::slice::from_raw_parts_mut(place.bytes.iov_base.cast(), length) }
    }

    /// Notes that the first bytes of what is at a place are to go back to where it came from.
    pub(in crate::server) fn answer(&mut self, number: usize, length: usize) {
        if let Some(place) = self.places.get(number) {
            let bytes = iovec { iov_len: length.min(self.longest), ..place.bytes };
            self.answers.push(number, bytes);
        }
    }

    /// Keeps the first bytes of what is at a place until they are answered. What was kept before is
    /// forgotten.
    pub(in crate::server) fn keep(&mut self, number: usize, length: usize) {
        let kept = self.count();
        self.kept = length;
        if let Ok([one, other]) = self.places.get_disjoint_mut([number, kept]) {
            (other.peer, other.source) = (one.peer, one.source);
            swap(&mut one.bytes.iov_base, &mut other.bytes.iov_base);
        }
    }

    /// Notes that what is kept is to go back to where it came from.
    pub(in crate::server) fn answer_kept(&mut self) {
        self.answer(self.count(), self.kept);
    }

    /// The number of datagrams for which there is room.
    const fn count(&self) -> usize {
        self.places.len() - 1
    }

    /// Forgets the answers: they are sent.
    pub(in crate::server) fn clear(&mut self) {
        self.answers.clear();
    }

    /// Sends the answers from this one on, until some cannot be sent.
    ///
    /// # Errors
    ///
    /// Why the first of them cannot be sent.
    pub(in crate::server) fn send(
        &mut self,
        socket: &impl AsRawFd,
        from: usize,
    ) -> io::Result<Sent> {
        self.answers.send(&mut self.places, socket, from)
    }

    /// Whether those that could not be sent from this one on are to be tried again one by one, because they
    /// were several.
    pub(in crate::server) fn part(&mut self, from: usize, error: &io::Error) -> bool {
        self.answers.part(from, error)
    }
}

/// An address as the kernel writes it.
fn address(peer: &sockaddr_in6) -> Option<SocketAddr> {
    let port = u16::from_be(peer.sin6_port);
    match c_int::from(peer.sin6_family) {
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(peer.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, port, peer.sin6_flowinfo, peer.sin6_scope_id).into())
        }
        libc::AF_INET => {
            // SAFETY: that is what the family says; it is the smaller of the two.
            let peer = unsafe { &*std::ptr::from_ref(peer).cast::<sockaddr_in>() };
            Some((v4(peer.sin_addr.s_addr), port).into())
        }
        _ => None,
    }
}
