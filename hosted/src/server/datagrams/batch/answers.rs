//! The answers of a batch. Those of one length to one peer are one message, which the kernel cuts into
//! datagrams at the latest moment (`UDP_SEGMENT`): most of what an answer costs is the way down the stack.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;
use std::ptr::from_mut;

use libc::{c_int, iovec, mmsghdr, sockaddr_in, sockaddr_in6};
use rustix::io::Errno;

use super::{Place, address};

/// The longest datagrams that are sent together: longer ones are fragments on most links.
const LONGEST: usize = 1472;

/// The most datagrams that are sent together: as many of the longest are not too long for a message.
const MOST: usize = 32;

#[derive(Default)]
pub(super) struct Answers {
    /// The places of the datagrams, one after another, and their bytes.
    numbers: Vec<usize>,
    pieces: Vec<iovec>,
    /// The messages that were sent last, each of one datagram or of several.
    messages: Vec<mmsghdr>,
    /// The longest datagrams that are sent together; of these answers none if they are to go `apart`.
    together: usize,
    apart: bool,
    /// The length of those that were just refused together, if that may be why.
    refused: Option<usize>,
}

/// How much was sent with one system call.
#[derive(Debug, Default, PartialEq)]
pub(in crate::server) struct Sent {
    pub(in crate::server) datagrams: usize,
    pub(in crate::server) bytes: u64,
}

impl Answers {
    /// None so far; they will be sent together as far as the system can.
    pub(super) fn new(together: bool) -> Self {
        Self { together: if together { LONGEST } else { 0 }, ..Self::default() }
    }

    /// Adds one: these bytes of the place with this number.
    pub(super) fn push(&mut self, number: usize, bytes: iovec) {
        self.numbers.push(number);
        self.pieces.push(bytes);
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.pieces.clear();
        self.apart = false;
    }

    /// Sends them from this one on, until a message cannot be sent.
    ///
    /// # Errors
    ///
    /// Why the first of the messages cannot be sent.
    pub(super) fn send(
        &mut self,
        places: &mut [Place],
        socket: &impl AsRawFd,
        from: usize,
    ) -> io::Result<Sent> {
        self.join(places, from);
        if self.messages.is_empty() {
            return Ok(Sent::default());
        }
        let refused = self.refused.take();
        let (headers, count) = (self.messages.as_mut_ptr(), self.messages.len());
        let (socket, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
        // SAFETY: there are so many headers. Each points to places and pieces, which outlive the call,
        // and tells the sizes of what is in them.
        let n = unsafe { libc::sendmmsg(socket, headers, count as _, flags as _) };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        if let Some(length) = refused {
            // By itself the first of them goes.
            self.together = length.saturating_sub(1);
        }
        let mut sent = Sent::default();
        for message in self.messages.iter().take(n) {
            sent.datagrams += datagrams(message);
            sent.bytes += u64::from(message.msg_len);
        }
        Ok(sent)
    }

    /// Whether the first of the messages that were sent last, from this answer on, is several datagrams: then
    /// what is left goes one by one. If the error is one of sending together, and the next attempt shows that
    /// it was, all of this length go one by one from then on.
    pub(super) fn part(&mut self, from: usize, error: &io::Error) -> bool {
        let several = self.messages.first().is_some_and(|message| datagrams(message) > 1);
        if several {
            self.apart = true;
            if let Some(Errno::MSGSIZE | Errno::INVAL | Errno::IO) = Errno::from_io_error(error) {
                self.refused = self.pieces.get(from).map(|bytes| bytes.iov_len);
            }
        }
        several
    }

    /// The number of datagrams of each of the messages that were sent last.
    #[cfg(test)]
    pub(super) fn messages(&self) -> Vec<usize> {
        self.messages.iter().map(datagrams).collect()
    }

    /// Makes messages of the answers from this one on.
    fn join(&mut self, places: &mut [Place], from: usize) {
        let together = if self.apart { 0 } else { self.together };
        self.messages.clear();
        // The first answer of a message.
        let mut first = from;
        for at in from..self.pieces.len() {
            let length = self.pieces[at].iov_len;
            if at > first
                && (1..=together).contains(&length)
                && at - first < MOST
                && self.pieces[first].iov_len == length
                && goes_along(&places[self.numbers[first]], &places[self.numbers[at]])
                && let Some(message) = self.messages.last_mut()
            {
                message.msg_hdr.msg_iovlen += 1;
                let source = &mut places[self.numbers[first]].source;
                source.tell_length(length as u16, &mut message.msg_hdr);
                continue;
            }
            first = at;
            let place = &mut places[self.numbers[at]];
            // SAFETY: it consists of integers and pointers, for which null is a value.
            let mut message: mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_name = from_mut(&mut place.peer).cast();
            message.msg_hdr.msg_namelen = size_of_address(&place.peer) as _;
            message.msg_hdr.msg_iov = &raw mut self.pieces[at];
            message.msg_hdr.msg_iovlen = 1;
            place.source.tell(&mut message.msg_hdr);
            self.messages.push(message);
        }
    }
}

/// The number of datagrams of a message.
const fn datagrams(message: &mmsghdr) -> usize {
    message.msg_hdr.msg_iovlen as _
}

/// Whether two answers go to the same peer and leave from the same address.
fn goes_along(one: &Place, other: &Place) -> bool {
    address(&one.peer) == address(&other.peer) && one.source.is(&other.source)
}

fn size_of_address(peer: &sockaddr_in6) -> usize {
    match c_int::from(peer.sin6_family) {
        libc::AF_INET => size_of::<sockaddr_in>(),
        _ => size_of::<sockaddr_in6>(),
    }
}
