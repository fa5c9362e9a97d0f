//! One connection of the operating system, in any state.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use echo_core::script::Wish;
use echo_core::{Endpoint, Instant};
use echo_instruments::reason::reason;
use echo_instruments::stack::{Kernel, Moved, Passage, Unasked};
use echo_instruments::stopwatch::Stopwatch;
use mio::event::Event;
use mio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::SockRef;

#[cfg(target_os = "linux")]
use super::stamps::Stamps;
use super::wait::Wait;
use crate::address::{self, refuse_itself};
use crate::pump::{Pump, Pumped};
use crate::tcp_info::{self, TcpInfo};

pub(super) struct Link {
    state: State,
    pump: Pump,
    /// The stamps of the message that is followed.
    #[cfg(target_os = "linux")]
    stamps: Option<Box<Stamps>>,
    /// The number of connections it has begun.
    opened: usize,
    /// Whether it ends them with a reset.
    reset: bool,
}

enum State {
    Closed,
    Opening(TcpStream),
    Open(TcpStream),
}

impl Link {
    pub(super) const fn closed(reset: bool) -> Self {
        Self {
            state: State::Closed,
            pump: Pump::new(),
            #[cfg(target_os = "linux")]
            stamps: None,
            opened: 0,
            reset,
        }
    }

    pub(super) const fn opened(&self) -> usize {
        self.opened
    }

    /// Begins to open a connection, from this local address.
    pub(super) fn open(&mut self, address: SocketAddr, source: Option<IpAddr>) -> io::Result<()> {
        self.opened += 1;
        self.take(match source {
            None => TcpStream::connect(address)?,
            source => TcpStream::from_std(address::begin(address, source)?.into()),
        })
    }

    /// Takes a connection that is open.
    pub(super) fn adopt(&mut self, stream: std::net::TcpStream) -> io::Result<()> {
        self.opened += 1;
        stream.set_nonblocking(true)?;
        self.take(TcpStream::from_std(stream))
    }

    fn take(&mut self, stream: TcpStream) -> io::Result<()> {
        Pump::prepare(&stream)?;
        self.pump = Pump::new();
        self.unfollow();
        self.state = State::Opening(stream);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// The stream of an open connection.
    pub(super) fn stream(&self) -> Option<&TcpStream> {
        if let State::Open(stream) = &self.state { Some(stream) } else { None }
    }

    /// The stream as a source of events.
    pub(super) fn source(&mut self) -> Option<&mut TcpStream> {
        match &mut self.state {
            State::Closed => None,
            State::Opening(stream) | State::Open(stream) => Some(stream),
        }
    }

    /// Notes what the system reports about the stream.
    pub(super) fn note(&mut self, event: &Event) {
        self.pump.note(event);
    }

    /// Lets the next read and write wait in the system call.
    pub(super) fn wait_inside(&mut self) {
        self.pump.readable = true;
        self.pump.writable = true;
    }

    /// Whether it is open now; it may have become so.
    #[inline]
    pub(super) fn look(&mut self, wait: &Wait) -> io::Result<Moved> {
        if self.stream().is_some() { Ok(Moved::Done) } else { self.look_whether_connected(wait) }
    }

    fn look_whether_connected(&mut self, wait: &Wait) -> io::Result<Moved> {
        match &mut self.state {
            State::Opening(stream) if is_connected(stream)? => {
                wait.opened(stream)?;
                if self.reset {
                    SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
                }
            }
            _ => return Ok(Moved::Opening),
        }
        if let State::Opening(stream) = mem::replace(&mut self.state, State::Closed) {
            self.state = State::Open(stream);
        }
        Ok(Moved::Opened)
    }

    /// Moves what can be moved, if it is open.
    pub(super) fn pump<E: Endpoint>(
        &mut self,
        endpoint: &mut E,
        scratch: &mut [u8],
        now: Instant,
        clock: &Stopwatch,
    ) -> io::Result<Pumped> {
        #[cfg(target_os = "linux")]
        if let (State::Open(stream), Some(stamps)) = (&mut self.state, &mut self.stamps) {
            let mut stream = stamps.over(stream);
            return self.pump.run(&mut stream, endpoint, scratch, now, || clock.now());
        }
        match &mut self.state {
            State::Open(stream) => self.pump.run(stream, endpoint, scratch, now, || clock.now()),
            _ => Ok(Pumped::Blocked),
        }
    }

    /// Does what a stream of bytes cannot express, if the system can.
    pub(super) fn grant(&mut self, wish: Wish) -> io::Result<bool> {
        let Some(stream) = self.stream() else { return Err(ErrorKind::NotConnected.into()) };
        let socket = SockRef::from(stream);
        match wish {
            Wish::Urgent(byte) => _ = socket.send_out_of_band(&[byte])?,
            Wish::Reset => {
                socket.set_linger(Some(Duration::ZERO))?;
                self.close();
            }
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Wish::Together => socket.set_tcp_cork(true)?,
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Wish::Together => return Ok(false),
        }
        Ok(true)
    }

    /// What has arrived, unless the system would have `told` and has not. The bytes stay there.
    pub(super) fn unasked(&self, scratch: &mut [u8], told: bool) -> Option<Unasked> {
        let stream = self.stream().filter(|_| self.pump.readable || !told)?;
        match recv(stream, scratch, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => None,
            Ok((_, 0)) | Err(_) => Some(Unasked::Closed),
            Ok((_, n)) => Some(Unasked::Bytes(n as u64)),
        }
    }

    /// Follows the next message, of so many bytes.
    #[cfg(target_os = "linux")]
    pub(super) fn follow(&mut self, bytes: u64, clock: &Stopwatch) -> Result<(), String> {
        let stream = self.stream().ok_or("the connection is not open")?;
        let stamps = Stamps::begin(stream, bytes, || clock.now());
        let said = |error| format!("the kernel has no time stamps: {}", reason(&error));
        self.stamps = Some(Box::new(stamps.map_err(said)?));
        Ok(())
    }

    /// Other systems have no such time stamps.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn follow(&mut self, _bytes: u64, _clock: &Stopwatch) -> Result<(), String> {
        Err("only Linux tells when it sends and receives".into())
    }

    /// The way of the message that was followed.
    #[cfg(target_os = "linux")]
    pub(super) fn followed(&mut self) -> Option<Passage> {
        let stamps = self.stamps.take()?;
        stamps.end(self.stream()?)
    }

    /// Other systems have no such time stamps.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn followed(&mut self) -> Option<Passage> {
        None
    }

    fn unfollow(&mut self) {
        #[cfg(target_os = "linux")]
        drop(self.stamps.take());
    }

    pub(super) fn kernel(&self) -> Option<Kernel> {
        let TcpInfo { retransmits, srtt, min_rtt, .. } = tcp_info::read(self.stream()?)?;
        Some(Kernel { retransmits, srtt, min_rtt })
    }
}

fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    let error = match stream.peer_addr() {
        Ok(peer) => return refuse_itself(stream.local_addr()?, peer).map(|()| true),
        Err(error) => stream.take_error()?.unwrap_or(error),
    };
    if error.kind() == ErrorKind::NotConnected { Ok(false) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use echo_core::Failure;
    use socket2::{Domain, Socket, Type};

    use super::super::failure::failure;
    use super::*;

    #[test]
    fn a_connection_to_itself_is_no_connection() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let itself = socket.local_addr().expect("bound");
        socket.connect(&itself).expect("the system does that");
        let error = is_connected(&TcpStream::from_std(socket.into())).expect_err("nobody is there");
        assert_eq!(failure(&error), Failure::Refused);
    }
}
