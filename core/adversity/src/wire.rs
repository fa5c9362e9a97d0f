//! A host, and a device in memory by which it is reached.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::Instant;
use echo_smoltcp::Host;
use echo_smoltcp::smoltcp::iface::Interface;
use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;
use echo_smoltcp::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

pub(crate) const OWN_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub(crate) const PEER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

/// The host's own addresses.
pub(crate) const OWN: [IpAddress; 2] =
    [IpAddress::v4(10, 0, 0, 1), IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1)];

/// Those of its neighbour.
pub(crate) const PEER: [IpAddress; 2] =
    [IpAddress::v4(10, 0, 0, 2), IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2)];

/// Frames to the host, and from it.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) there: VecDeque<Vec<u8>>,
    pub(crate) back: Vec<Vec<u8>>,
    /// It takes nothing more from the host but an answer to what it brings.
    pub(crate) shut: bool,
}

/// The host.
pub(crate) fn interface(wire: &mut Wire, now: Instant) -> Interface {
    let [v4, v6] = OWN;
    let addresses = &[IpCidr::new(v4, 24), IpCidr::new(v6, 64)];
    let host = Host { mac: OWN_MAC, addresses, gateways: &[], seed: 1 };
    host.interface(wire, now).expect("two unicast addresses")
}

pub(crate) fn to_wire(now: Instant) -> WireInstant {
    let micros = now.since_start().as_micros();
    WireInstant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Some time after the start.
pub(crate) const NOW: Instant = Instant::new(Duration::from_secs(1));

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: WireInstant) -> Option<(Received, Sending<'_>)> {
        Some((Received(self.there.pop_front()?), Sending(&mut self.back)))
    }

    fn transmit(&mut self, _now: WireInstant) -> Option<Sending<'_>> {
        (!self.shut).then_some(Sending(&mut self.back))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct Sending<'w>(&'w mut Vec<Vec<u8>>);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}
