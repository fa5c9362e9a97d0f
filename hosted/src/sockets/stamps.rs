//! When Linux sent a message and received its echo: its own time stamps of one message (`SO_TIMESTAMPING`), switched
//! on before it and off after it, so that the others cost what they always cost.
//!
//! The stamp of sending is that of the message's last byte, when it is first given to the network interface. It
//! comes through the socket's error queue. That of receiving is of the last segment of the echo, before TCP sees
//! it. Both are of the wall clock, whose distance to ours is read when the message begins.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use echo_core::Instant;
use echo_instruments::stack::Passage;
use mio::net::TcpStream;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, TimestampingFlag, recvmsg, setsockopt, sockopt,
};
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Socket, Type};

use crate::pump::Stream;

/// Room for a stamp, and for what it belongs to with an address.
const CONTROL: usize = 256;

/// The origin of a message in the error queue that is a stamp, and the sort that is made when bytes are given to
/// the interface (`SO_EE_ORIGIN_TIMESTAMPING`, `SCM_TSTAMP_SND`).
const SENT: (u8, u32) = (4, 0);

/// Keeps the kernel's stamps of arrivals on as long as the answer lives. The kernel begins to take them a moment
/// after the first socket that asks for them, which would be too late for its first message; and to begin
/// and end with each message would disturb all processors.
pub(super) fn keep() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    setsockopt(&socket, sockopt::Timestamping, &TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE)?;
    Ok(socket)
}

/// The stamps of one message.
#[derive(Debug)]
pub(super) struct Stamps {
    /// The number of the message's last byte, from 0, as the kernel counts (modulo 2^32).
    last: u32,
    /// The same moment on both clocks, as far as the two readings around it tell.
    wall: Duration,
    ours: [Instant; 2],
    sent: Option<Duration>,
    received: Option<Duration>,
    control: [u8; CONTROL],
}

impl Stamps {
    /// Switches stamps on for a message of so many bytes, which begins now. Nothing is in flight, so that the
    /// kernel counts from its first byte.
    pub(super) fn begin(
        stream: &TcpStream,
        bytes: u64,
        clock: impl Fn() -> Instant,
    ) -> io::Result<Self> {
        let on = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY;
        setsockopt(stream, sockopt::Timestamping, &on)?;
        let before = clock();
        let wall = clock_gettime(ClockId::Realtime);
        let ours = [before, clock()];
        let wall = Duration::new(wall.tv_sec.unsigned_abs(), wall.tv_nsec as u32);
        let last = bytes.wrapping_sub(1) as u32;
        Ok(Self { last, wall, ours, sent: None, received: None, control: [0; CONTROL] })
    }

    /// Switches them off. Returns when the message was sent and its echo received, if the kernel said so.
    pub(super) fn end(mut self, stream: &TcpStream) -> Option<Passage> {
        self.collect(stream);
        let _ = setsockopt(stream, sockopt::Timestamping, &TimestampingFlag::empty());
        let [before, after] = self.ours;
        let bracket = after.saturating_duration_since(before);
        // A wall clock that was set meanwhile is of no use.
        let at = |wall: Duration| Some(before + bracket / 2 + wall.checked_sub(self.wall)?);
        Some(Passage { sent: at(self.sent?)?, received: at(self.received?)?, within: bracket / 2 })
    }

    /// The stream of the message, whose reads bring the stamps along.
    pub(super) fn over<'s>(&'s mut self, stream: &'s mut TcpStream) -> Stamped<'s> {
        Stamped { stamps: self, stream }
    }

    /// Takes what the error queue holds.
    fn collect(&mut self, stream: &TcpStream) {
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let descriptor = stream.as_fd().as_raw_fd();
        while let Ok(report) = recvmsg::<()>(descriptor, &mut [], Some(&mut self.control), flags) {
            let Ok(parts) = report.cmsgs() else { continue };
            let (mut stamp, mut whose) = (None, None);
            for part in parts {
                match part {
                    ControlMessageOwned::ScmTimestampsns(stamps) => stamp = Some(stamps.system),
                    ControlMessageOwned::Ipv4RecvErr(what, _)
                    | ControlMessageOwned::Ipv6RecvErr(what, _) => {
                        whose = Some(((what.ee_origin, what.ee_info), what.ee_data));
                    }
                    _ => {}
                }
            }
            // Only the first: a retransmission is part of the way.
            if whose == Some((SENT, self.last)) {
                self.sent = self.sent.or(stamp.map(Duration::from));
            }
        }
    }
}

/// A stream that notes when what is read was received.
pub(super) struct Stamped<'s> {
    stamps: &'s mut Stamps,
    stream: &'s mut TcpStream,
}

impl Stream for Stamped<'_> {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let descriptor = self.stream.as_fd().as_raw_fd();
        let into = &mut [IoSliceMut::new(buffer)];
        let control = Some(&mut self.stamps.control[..]);
        let report = recvmsg::<()>(descriptor, into, control, MsgFlags::empty())?;
        let parts = report.cmsgs().into_iter().flatten();
        let stamps = parts.filter_map(|part| match part {
            ControlMessageOwned::ScmTimestampsns(stamps) => Some(stamps.system.into()),
            _ => None,
        });
        let received = stamps.last();
        let bytes = report.bytes;
        self.stamps.received = received.or(self.stamps.received);
        Ok(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.send(bytes)?;
        // It is usually there already, and a queue that is not empty would wake who waits for the echo.
        self.stamps.collect(self.stream);
        Ok(written)
    }

    fn shut(&self) -> io::Result<()> {
        self.stream.shut()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use echo_instruments::clock::Clock;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

    /// Sends all of these bytes.
    fn send(stream: &mut impl Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[stream.send(bytes).expect("sent")..];
        }
    }

    /// Receives until the buffer is full.
    fn receive(stream: &mut impl Stream, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            let n = stream.receive(buffer).expect("received");
            assert!(n > 0, "the connection ended");
            buffer = &mut buffer[n..];
        }
    }

    /// A message of so many bytes that the peer holds for so long, and whose echo is read so much later. Returns
    /// its way, and when it began, when its echo was known to be there, and when it was read.
    fn exchange(bytes: usize, hold: Duration, late: Duration) -> (Passage, [Instant; 3]) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream = std::net::TcpStream::connect(address).expect("connected");
        let (mut peer, _) = listener.accept().expect("accepted");
        let (told, answered) = mpsc::channel();
        let peer = thread::spawn(move || {
            let mut message = vec![0; bytes];
            while peer.read_exact(&mut message).is_ok() {
                thread::sleep(hold);
                peer.write_all(&message).expect("answered");
                told.send(()).expect("somebody waits");
            }
        });
        let (_keeper, clock) = (keep().expect("Linux does that"), Clock::start());
        let mut stream = TcpStream::from_std(stream);
        let mut echo = vec![0; bytes];
        let mut passage = None;
        let mut times = [Instant::START; 3];
        for _ in 0..1_000 {
            let now = || clock.now();
            let mut stamps = Stamps::begin(&stream, bytes as u64, now).expect("Linux does that");
            let begun = clock.now();
            send(&mut stamps.over(&mut stream), &vec![1; bytes]);
            if !late.is_zero() {
                answered.recv().expect("answered");
                poll(&mut [PollFd::new(&stream, PollFlags::IN)], Some(&PATIENCE)).expect("there");
            }
            let there = clock.now();
            thread::sleep(late);
            receive(&mut stamps.over(&mut stream), &mut echo);
            times = [begun, there, clock.now()];
            passage = stamps.end(&stream);
            // The first ones may be too early for stamps of arrivals.
            if passage.is_some() {
                break;
            }
        }
        drop(stream);
        peer.join().expect("served");
        (passage.expect("one of a thousand has stamps"), times)
    }

    #[test]
    fn what_the_peer_holds_lies_between_the_kernels() {
        let hold = Duration::from_millis(5);
        for bytes in [1, 1_000, 300_000] {
            let (Passage { sent, received, within }, [begun, _, end]) =
                exchange(bytes, hold, Duration::ZERO);
            assert!(begun <= sent + within, "{bytes}: {begun:?} {sent:?}");
            assert!(received.saturating_duration_since(sent) >= hold, "{bytes}");
            assert!(received <= end + within, "{bytes}: {received:?} {end:?}");
        }
    }

    #[test]
    fn what_this_process_is_late_lies_behind_them() {
        let late = Duration::from_millis(5);
        let (Passage { received, within, .. }, [_, there, end]) =
            exchange(1_000, Duration::ZERO, late);
        assert!(received <= there + within, "{received:?} {there:?}");
        assert!(end.saturating_duration_since(received) + within >= late);
    }

    #[test]
    fn a_message_that_is_not_followed_leaves_nothing_in_the_error_queue() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut stream =
            TcpStream::from_std(std::net::TcpStream::connect(address).expect("connected"));
        let clock = Clock::start();
        let mut stamps = Stamps::begin(&stream, 1, || clock.now()).expect("Linux does that");
        send(&mut stamps.over(&mut stream), b"1");
        stamps.end(&stream);
        send(&mut stream, b"2");
        let mut after =
            Stamps { last: 1, ..Stamps::begin(&stream, 1, || clock.now()).expect("on") };
        after.collect(&stream);
        assert_eq!(after.sent, None, "nobody asked for it");
    }
}
