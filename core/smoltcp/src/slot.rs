//! One connection's place: its socket, its session, and its life from the
//! handshake until the peer has acknowledged the last byte.

mod life;
mod standing;

use core::slice;
use core::time::Duration;

use echo_core::{CloseReason, Faulty, Haste, IdleTimer, Instant, Rules, Session, Spoiler};
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{EthernetAddress, TcpSeqNumber};

use self::life::{Life, started};
pub(crate) use self::standing::Standing;
use crate::challenge::challenge;
use crate::demux::{Flow, Syn};
use crate::link::Link;
use crate::overtaking::Overtaking;
use crate::pump::{Pump, pump_told};
use crate::reset::drop_unsent;
use crate::slots::Links;
use crate::{Broken, Event, FAULTS, REORDERING, Service};

/// How long a handshake may take: three retransmissions of our answer, which
/// follow after 1, 2 and 4 s. Without this limit, a flood of SYNs would stay for ever.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A handshake older than this gives way, so that a flood of SYNs cannot shut
/// others out for long. With a shorter time, a burst of honest peers would displace
/// each other.
const HANDSHAKE_YIELDS: Duration = Duration::from_secs(1);

/// A peer that has not sent a single packet for this long is gone: smoltcp itself
/// retransmits for ever. With a shorter time, a line that loses every fifth frame would
/// be taken for a cut one, because the intervals between retransmissions grow.
const SILENT_PEER: Duration = Duration::from_secs(300);

/// How often a silent peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Storage for one connection, lent to a [`Server`](crate::Server).
#[derive(Debug)]
pub struct Slot<'a, const N: usize> {
    /// A set of one: smoltcp looks at every socket of a set for each frame.
    sockets: SocketSet<'a>,
    handle: SocketHandle,
    life: Life<N>,
    /// The spoiler of its sessions, if they are to be spoilt: only with the feature `faults`.
    pub(crate) spoiler: Option<&'a mut Spoiler<N>>,
    deadline: Option<Instant>,
    /// The Ethernet address that its peer's frames come from: the peer's own, or a
    /// gateway's.
    pub(crate) via: EthernetAddress,
    /// Whether a frame for it arrived in the current step.
    pub(crate) touched: bool,
    /// The sequence number, as the peer counts, after the last byte that the session took.
    taken: TcpSeqNumber,
    /// The unit of the windows that the peer offers, as a power of 2.
    scale: u8,
    /// The last of them.
    pub(crate) offered: u16,
    /// Whether it is to send a challenge ACK.
    pub(crate) challenged: bool,
    /// The last ACK that has overtaken bytes of its peer.
    pub(crate) overtaking: Option<Overtaking>,
    pub(crate) links: Links,
}

/// When a slot that has become vacant should be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vacancy {
    /// Nothing is left of its connection.
    First,
    /// The peer may still send something: TIME-WAIT, FIN-WAIT-2.
    Last,
}

impl<'a, const N: usize> Slot<'a, N> {
    /// A slot whose socket uses these ring buffers, at least 1 byte each. Below
    /// four segments (6 KiB on Ethernet) in `receive` the peer has to wait for
    /// each acknowledgement.
    #[must_use]
    pub fn new(
        storage: &'a mut SocketStorage<'a>,
        receive: &'a mut [u8],
        send: &'a mut [u8],
    ) -> Self {
        let mut sockets = SocketSet::new(slice::from_mut(storage));
        let socket = Socket::new(SocketBuffer::new(receive), SocketBuffer::new(send));
        let handle = sockets.add(socket);
        let (life, links) = (Life::Vacant, Links::default());
        let (touched, challenged, via) = (false, false, EthernetAddress::default());
        Self {
            sockets,
            handle,
            life,
            spoiler: None,
            deadline: None,
            via,
            touched,
            challenged,
            taken: TcpSeqNumber::default(),
            scale: 0,
            offered: 0,
            overtaking: None,
            links,
        }
    }

    /// This slot with sessions that are spoilt on purpose.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn spoilt(mut self, spoiler: &'a mut Spoiler<N>) -> Self {
        self.spoiler = Some(spoiler);
        self
    }

    /// Makes the slot ready for this SYN, which comes next.
    pub(crate) fn listen(&mut self, syn: Syn, yields: IdleTimer, service: &Service) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.abort();
        socket.set_nagle_enabled(service.nagle);
        socket.set_ack_delay(service.ack_delay.map(Into::into));
        socket.set_timeout(Some(HANDSHAKE.into()));
        socket.set_keep_alive(Some(KEEP_ALIVE.into()));
        // It is closed now, so only port 0 can fail: then nobody can connect.
        let _ = socket.listen(service.port);
        self.taken = syn.number + 1;
        self.scale = syn.scale;
        self.overtaking = None;
        self.life = Life::Opening { number: syn.number, yields };
    }

    /// When a handshake that begins now gives way.
    pub(crate) fn patience(now: Instant) -> IdleTimer {
        started(HANDSHAKE_YIELDS, now)
    }

    /// When to serve it even if no frame comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The sockets to show a frame to.
    pub(crate) fn sockets(&mut self) -> &mut SocketSet<'a> {
        &mut self.sockets
    }

    /// Moves bytes, sends what there is to send, and says whether the slot has
    /// become vacant by that.
    pub(crate) fn serve(
        &mut self,
        now: Instant,
        rules: Rules,
        link: &mut Link,
        device: &mut impl Device,
        on_event: &mut impl FnMut(Event<'_>),
    ) -> Option<Vacancy> {
        self.touched = false;
        let next = self.next();
        if REORDERING
            && let Some(ack) = self.overtaking.as_mut().and_then(|ack| ack.take_due(next, now))
            && let Some(flow) = self.flow()
        {
            ack.show(now, &flow, link, device, &mut self.sockets);
        }
        self.advance(now, rules, on_event);
        let peer = self.socket().remote_endpoint().map(|peer| (peer.addr, self.via));
        let mut stack = link.send(now, device, &mut self.sockets, peer);
        if core::mem::take(&mut self.challenged)
            && let Some(flow) = self.flow()
        {
            link.introduce(now, flow.peer.addr, self.via);
            challenge(now, &flow, link, device, &mut self.sockets);
            stack = link.next(now, &self.sockets);
        }
        if self.socket().state() == State::Closed {
            // The stack gave up, which only its egress decides, and which is no reset.
            self.end_with(Err(Broken), now, on_event);
            drop_unsent(self.sockets.get_mut(self.handle));
            stack = None;
        }
        let vacancy = self.vacate();
        let own = self.life.deadline(self.spoiler.as_deref_mut());
        let waiting = self.overtaking.and_then(|ack| ack.until);
        self.deadline = [own, stack, waiting].into_iter().flatten().min();
        vacancy
    }

    /// Whether a session is in it.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self.life, Life::Serving { .. })
    }

    /// Asks the session to leave, if there is one. Returns whether it has to be served for that.
    pub(crate) fn leave(&mut self, now: Instant, haste: Haste) -> bool {
        let Life::Serving { session, .. } = &mut self.life else { return false };
        match &mut self.spoiler {
            Some(spoiler) if FAULTS => Faulty::new(session, spoiler).leave(now, haste),
            _ => session.leave(now, haste),
        }
        self.deadline = Some(now);
        true
    }

    /// Ends the connection, if there is one, with a reset.
    pub(crate) fn abort(&mut self, now: Instant, on_event: &mut impl FnMut(Event<'_>)) {
        self.sockets.get_mut::<Socket<'_>>(self.handle).abort();
        self.end_with(Err(Broken), now, on_event);
    }

    fn socket(&self) -> &Socket<'a> {
        self.sockets.get(self.handle)
    }

    fn flow(&self) -> Option<Flow> {
        let socket = self.socket();
        Some(Flow { peer: socket.remote_endpoint()?, local: socket.local_endpoint()? })
    }

    fn advance(&mut self, now: Instant, rules: Rules, on_event: &mut impl FnMut(Event<'_>)) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        if matches!(self.life, Life::Opening { .. })
            && !matches!(socket.state(), State::Listen | State::SynReceived | State::Closed)
            && let Some(peer) = socket.remote_endpoint()
        {
            socket.set_timeout(Some(SILENT_PEER.into()));
            let (session, pump) = (Session::new(now, rules), Pump::default());
            if FAULTS && let Some(spoiler) = &mut self.spoiler {
                spoiler.begin();
            }
            self.life = Life::Serving { peer, session, pump };
            on_event(Event::Connected { peer });
        }
        let offered = usize::from(self.offered) << self.scale;
        match &mut self.life {
            Life::Opening { .. } => {}
            Life::Serving { peer, session, pump } => {
                pump.offered = offered;
                let before = session.echoed();
                let mut take = |bytes: &[u8]| {
                    self.taken += bytes.len();
                    on_event(Event::Received { peer: *peer, bytes });
                };
                let end = match &mut self.spoiler {
                    Some(spoiler) if FAULTS => {
                        let mut faulty = Faulty::new(session, spoiler);
                        pump_told(pump, socket, &mut faulty, now, &mut take)
                    }
                    _ => pump_told(pump, socket, session, now, &mut take),
                };
                let bytes = session.echoed() - before;
                if bytes > 0 {
                    on_event(Event::Echoed { peer: *peer, bytes });
                }
                if let Some(end) = end {
                    self.end_with(end, now, on_event);
                }
            }
            Life::Closing { limit, yields, pump } => {
                if pump.delivered(socket) {
                    limit.restart(now);
                    yields.restart(now);
                }
                pump.offered = offered;
                pump.shut(socket);
                if limit.expired(now) {
                    socket.abort();
                }
            }
            // Nobody takes what the peer goes on sending: only a reset tells it so.
            Life::Vacant => {
                if socket.can_recv() {
                    socket.abort();
                }
            }
        }
    }

    /// Ends the session, if there is one.
    fn end_with(
        &mut self,
        end: Result<CloseReason, Broken>,
        now: Instant,
        on_event: &mut impl FnMut(Event<'_>),
    ) {
        let Life::Serving { peer, session, pump } = &mut self.life else { return };
        on_event(Event::Closed { peer: *peer, end, echoed: session.echoed() });
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        match end {
            Ok(CloseReason::Reset) => socket.abort(),
            _ => pump.shut(socket),
        }
        socket.set_keep_alive(None);
        self.life = Life::closing(now, core::mem::take(pump));
    }

    fn vacate(&mut self) -> Option<Vacancy> {
        let vacancy = match (&self.life, self.socket().state()) {
            (Life::Opening { .. }, State::Listen) => Vacancy::First,
            (Life::Opening { .. } | Life::Closing { .. }, State::Closed) => Vacancy::First,
            (Life::Closing { .. }, State::TimeWait | State::FinWait2) => Vacancy::Last,
            _ => return None,
        };
        self.life = Life::Vacant;
        Some(vacancy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that the crate's documentation promises.
    #[test]
    fn a_connection_takes_little_memory() {
        // What smoltcp's own settings add to the server.
        let neighbours = 40 * smoltcp::config::IFACE_NEIGHBOR_CACHE_COUNT;
        let fragments = if cfg!(feature = "fragments") {
            let packets = smoltcp::config::REASSEMBLY_BUFFER_COUNT;
            smoltcp::config::FRAGMENTATION_BUFFER_SIZE
                + packets * (smoltcp::config::REASSEMBLY_BUFFER_SIZE + 128)
                + 128
        } else {
            0
        };
        let sizes = [
            size_of::<Slot<'_, 1024>>() - 1024,
            size_of::<SocketStorage<'_>>(),
            size_of::<crate::Server<'_, '_, 1024>>() - neighbours - fragments,
        ];
        assert!(sizes[0] <= 392 && sizes[1] <= 472 && sizes[2] <= 512, "{sizes:?}");
    }
}
