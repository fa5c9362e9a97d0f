//! The application: one echo server on any board, for ever.

#![forbid(unsafe_code)]

use core::time::Duration;

use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::{Event, Host, Server, Slot};
use heapless::Vec;
use static_cell::{ConstStaticCell, StaticCell};

use crate::board::{Board, CONNECTIONS, Exit, RECEIVE, SEND, SESSION};
use crate::datagrams::lend;
use crate::settings::Settings;
use crate::stack;

/// Ring buffers, where words can be copied whole.
#[repr(align(8))]
struct Rings<const SIZE: usize>([[u8; SIZE]; CONNECTIONS]);

impl<const SIZE: usize> Rings<SIZE> {
    const NEW: Self = Self([[0; SIZE]; CONNECTIONS]);
}

static SOCKETS: ConstStaticCell<Vec<SocketStorage<'static>, CONNECTIONS>> =
    ConstStaticCell::new(Vec::new());
static RECEIVE_RINGS: ConstStaticCell<Rings<RECEIVE>> = ConstStaticCell::new(Rings::NEW);
static SEND_RINGS: ConstStaticCell<Rings<SEND>> = ConstStaticCell::new(Rings::NEW);
static SLOTS: ConstStaticCell<Vec<Slot<'static, SESSION>, CONNECTIONS>> =
    ConstStaticCell::new(Vec::new());
static SERVER: StaticCell<Server<'static, 'static, SESSION>> = StaticCell::new();

/// Serves until the console asks for the end: `r` for a report, `q` for a report and the end.
pub(crate) fn serve<B: Board>(mut board: B) -> ! {
    let Settings { addresses, service } = match Settings::read(board.settings()) {
        Ok(settings) => settings,
        Err(word) => {
            B::log(format_args!("not a setting: {word}"));
            B::exit(Exit::Unfit)
        }
    };
    let (mac, seed, now) = (board.mac(), board.seed(), board.now());
    let host = Host { mac, addresses: &addresses, gateways: &[], seed };
    let interface = match host.interface(board.phy(), now) {
        Ok(interface) => interface,
        Err(error) => {
            B::log(format_args!("{error}"));
            B::exit(Exit::Unfit)
        }
    };
    let server = SERVER.init_with(|| lend(Server::new(interface, slots(), service, seed)));
    let port = service.port;
    B::log(format_args!("Echo server on {}, port {port}: {CONNECTIONS} connections", addresses[0]));
    #[cfg(feature = "overflow")]
    stack::overflow(0);
    // From waking up to going to sleep again. Where QEMU counts instructions, each takes 1 ns.
    let mut busy = Duration::ZERO;
    loop {
        let woken = board.now();
        let next = server.step(woken, board.phy(), &mut tell::<B>);
        busy += board.now().saturating_duration_since(woken);
        let asked = board.wait(next);
        if let Some(b'q' | b'r') = asked {
            let (used, size) = stack::used();
            B::log(format_args!("stack: {used} of {size} bytes"));
            B::log(format_args!("turned away: {}", server.turned_away()));
            B::log(format_args!("busy: {} ns", busy.as_nanos() as u64));
            busy = Duration::ZERO;
        }
        if asked == Some(b'q') {
            B::exit(Exit::Asked);
        }
    }
}

/// Lends storage to the slots, one after another: all together would not fit on a small stack.
fn slots() -> &'static mut [Slot<'static, SESSION>] {
    let (slots, sockets) = (SLOTS.take(), SOCKETS.take());
    // They are not zeros: as a constant they would be in the image.
    while sockets.push(SocketStorage::EMPTY).is_ok() {}
    let rings = RECEIVE_RINGS.take().0.iter_mut().zip(&mut SEND_RINGS.take().0);
    for (socket, (receive, send)) in sockets.iter_mut().zip(rings) {
        // As many places as sockets.
        let _ = slots.push(Slot::new(socket, receive, send));
    }
    slots
}

fn tell<B: Board>(event: Event<'_>) {
    match event {
        Event::Connected { peer } => B::log(format_args!("{peer} connected")),
        Event::Closed { peer, end: Ok(reason), echoed } => {
            B::log(format_args!("{peer} {reason}, {echoed} bytes echoed"));
        }
        Event::Closed { peer, end: Err(broken), echoed } => {
            B::log(format_args!("{peer} {broken}, {echoed} bytes echoed"));
        }
        Event::Received { .. } | Event::Echoed { .. } | Event::Datagram { .. } => {}
    }
}
