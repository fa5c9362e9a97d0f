//! Proof that `echo-smoltcp`, with smoltcp below it, needs neither an operating
//! system nor a heap. It is only linked, never run. Panics are not excluded:
//! smoltcp checks its own invariants by them.

#![no_std]
#![no_main]

mod memory;

use core::hint::black_box;
use core::slice;

use echo_core::{Instant, Payload, Probe};
use echo_smoltcp::smoltcp::iface::SocketStorage;
use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use echo_smoltcp::smoltcp::time;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use echo_smoltcp::{Client, Connection, Event, Host, Server, Service, Slot};

#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
extern crate alloc;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let now = black_box(Instant::START);
    let mut phy = Phy([0; 1514]);
    let addresses = &[IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24)];
    let mac = EthernetAddress([2, 0, 0, 0, 0, 1]);
    let host = black_box(Host { mac, addresses, gateways: &[], seed: 1 });
    let mut storage = [const { SocketStorage::EMPTY }; 2];
    let [served, asking] = &mut storage;
    let mut rings = [[0; 1024]; 4];
    let [receive, send, echo, question] = &mut rings;
    if let Ok(interface) = host.interface(&mut phy, now) {
        let mut slots = [Slot::<1024>::new(served, receive, send)];
        let mut server = Server::new(interface, &mut slots, Service::default(), black_box(1));
        let mut on_event = |event: Event<'_>| {
            black_box(event);
        };
        while black_box(server.step(now, &mut phy, &mut on_event)).is_some() {}
        server.stop_accepting();
        server.abort(now, &mut phy, &mut on_event);
        black_box((server.connections(), server.turned_away()));
    }
    if let Ok(interface) = host.interface(&mut phy, now) {
        let mut connection = Connection::new(asking, echo, question);
        let connections = slice::from_mut(&mut connection);
        let mut client = Client::new(interface, connections, black_box(1));
        let server = IpEndpoint::new(IpAddress::v4(192, 168, 69, 2), 2333);
        black_box(client.connect(0, server).is_ok());
        let mut probe = Probe::new(Payload::Zero, black_box(1000), None, [0; 512]);
        while client.receive(now, &mut phy) {
            black_box(client.pump(0, &mut probe, now).is_ok());
            black_box(client.send(now, &mut phy));
        }
        client.close(0);
        client.abort(0);
    }
    #[cfg(feature = "alloc")]
    black_box(alloc::boxed::Box::new(now));
    loop {
        core::hint::spin_loop();
    }
}

/// A device whose frames come from nowhere.
struct Phy([u8; 1514]);

struct Frame<'a>(&'a mut [u8]);

impl Device for Phy {
    type RxToken<'a> = Frame<'a>;
    type TxToken<'a> = Frame<'a>;

    fn receive(&mut self, _now: time::Instant) -> Option<(Frame<'_>, Frame<'_>)> {
        black_box(&mut self.0);
        let (first, second) = self.0.split_at_mut(black_box(700));
        black_box(Some((Frame(first), Frame(second))))
    }

    fn transmit(&mut self, _now: time::Instant) -> Option<Frame<'_>> {
        black_box(Some(Frame(&mut self.0)))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = black_box(1514);
        capabilities
    }
}

impl RxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl TxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.0[..len]);
        black_box(&self.0);
        result
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
