//! A TAP interface as a smoltcp device.
//!
//! One buffer for received frames and one for frames to be sent are reused for every
//! frame. A device cannot return an error to smoltcp, so errors are noted
//! in a [`Watch`], which the event loop reads, however many layers lie in between.

mod appetite;
mod descriptor;

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail};
use echo_core::Instant;
use echo_instruments::terminal::escape::Escaped;
use echo_smoltcp::smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;
use echo_smoltcp::smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
};
use rustix::io::{Errno, read, write};
use tun_tap::{Iface, Mode};

use self::appetite::Appetite;
use self::descriptor::Descriptor;
use crate::offload;
use crate::wire::Met;

/// The Ethernet header, which smoltcp counts in the MTU and Linux does not.
const HEADER: usize = 14;

/// The largest frame that the kernel is given to segment: the length field of IPv4 has 16 bits.
const SEGMENT: Option<NonZeroUsize> = NonZeroUsize::new(65_000);

/// The longest name of an interface, in bytes.
const LONGEST_NAME: usize = 15;

/// A TAP interface, opened and non-blocking.
pub struct Tap {
    iface: Descriptor,
    received: Box<[u8]>,
    sending: Box<[u8]>,
    appetite: Appetite,
    mtu: usize,
    offload: bool,
    watch: Rc<Watch>,
}

/// What the event loop must know of a device that may be wrapped in other layers.
#[derive(Debug, Default)]
pub struct Watch {
    /// The number of frames received.
    pub received: Cell<u64>,
    /// The number of frames that the interface refused because it is down or its queue is full.
    pub unsent: Cell<u64>,
    /// The number of frames that a layer dropped because too many were in flight.
    pub overrun: Cell<u64>,
    /// The random faults that frames met in a layer.
    pub met: Cell<Met>,
    /// Whether the next frame is waited for: the last read found none, or it is expected to.
    pub drained: Cell<bool>,
    /// When the next frame that a layer holds back is due.
    pub due: Cell<Option<Instant>>,
    /// The error that showed that the interface is gone.
    pub broken: RefCell<Option<io::Error>>,
}

impl Watch {
    /// Counts a fault.
    pub(crate) fn meet(&self, count: impl FnOnce(&mut Met)) {
        let mut met = self.met.get();
        count(&mut met);
        self.met.set(met);
    }
}

/// Checks what the kernel does not: it would cut a name that is too long, and make an interface
/// of the shorter name.
///
/// # Errors
///
/// If the name cannot be one, with the reason.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        bail!("the name of the interface is empty");
    }
    let shown = Escaped(name.as_bytes());
    if name.len() > LONGEST_NAME {
        bail!("\"{shown}\" is not a valid name of an interface: longer than {LONGEST_NAME} bytes");
    }
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '%' | ':');
    if let Some(character) = name.chars().find(|c| unfit(*c)) {
        bail!(
            "\"{shown}\" is not a valid name of an interface: {character:?} cannot be part of it"
        );
    }
    Ok(())
}

impl Tap {
    /// Opens the interface. If it does not exist, it is made, which needs the privilege.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, with the reason and the commands that help.
    pub fn open(name: &str) -> Result<Self> {
        check_name(name)?;
        let iface =
            Iface::without_packet_info(name, Mode::Tap).map_err(|error| explain(&error, name))?;
        if iface.name() != name {
            bail!("asked for the interface {name}, and got {}", iface.name());
        }
        iface.set_non_blocking().map_err(|error| anyhow!("cannot prepare {name}: {error}"))?;
        let mut tap = Self {
            iface: Descriptor(iface),
            received: Box::default(),
            sending: Box::default(),
            appetite: Appetite::default(),
            mtu: 0,
            offload: false,
            watch: Rc::default(),
        };
        tap.set_mtu(1500);
        tap.set_offload(false)?;
        Ok(tap)
    }

    /// Sets the largest IP packet, as Linux counts it: without the Ethernet header.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.make_buffers();
    }

    /// Lets segments that are larger than the MTU pass, in both directions. Only
    /// for a peer in this very kernel: no real wire carries them.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub fn set_offload(&mut self, offload: bool) -> Result<()> {
        offload::set(&self, offload)
            .with_context(|| format!("cannot set the offloads of {}", self.iface.0.name()))?;
        self.offload = offload;
        self.make_buffers();
        Ok(())
    }

    fn make_buffers(&mut self) {
        let packet = if self.offload { usize::from(u16::MAX) } else { self.mtu };
        self.received = vec![0; HEADER + packet].into();
        self.sending = vec![0; HEADER + packet].into();
    }

    /// The watch in which it notes what the event loop must know.
    #[must_use]
    pub fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.iface.as_fd()
    }
}

/// Explains why an interface cannot be opened.
fn explain(error: &io::Error, name: &str) -> anyhow::Error {
    // The kernel's numbers, because EACCES and EPERM are one `ErrorKind`.
    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    const EINVAL: i32 = 22;
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => anyhow!(
            "cannot open {name}: there is no /dev/net/tun (sudo modprobe tun; in a container, \
             start it with --device /dev/net/tun)"
        ),
        (_, Some(EACCES)) => anyhow!(
            "cannot open {name}: no permission for /dev/net/tun (sudo chmod 0666 /dev/net/tun, \
             or run with sudo)"
        ),
        (_, Some(EPERM)) if exists(name) => anyhow!(
            "cannot open {name}: it belongs to another user (sudo ip tuntap del dev {name} mode \
             tap; sudo ip tuntap add dev {name} mode tap user $USER; or run with sudo)"
        ),
        (_, Some(EPERM)) => anyhow!(
            "cannot open {name}: there is no such interface, and no permission to create it (sudo \
             ip tuntap add dev {name} mode tap user $USER; or run with sudo)"
        ),
        (ErrorKind::ResourceBusy, _) => anyhow!(
            "cannot open {name}: another program has it open (is another tap-demo running? \
             choose another with --iface)"
        ),
        (_, Some(EINVAL)) => anyhow!(
            "cannot open {name}: it is not a TAP interface, or one with several queues (choose \
             another name with --iface)"
        ),
        _ => anyhow!("cannot open {name}: {error}"),
    }
}

/// Whether there is an interface of this name.
pub(crate) fn exists(name: &str) -> bool {
    std::fs::read_to_string("/proc/net/dev")
        .is_ok_and(|devices| devices.lines().any(|line| is_line_of(line, name)))
}

fn is_line_of(line: &str, name: &str) -> bool {
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
}

impl phy::Device for Tap {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: WireInstant) -> Option<(Received<'_>, Sending<'_>)> {
        if !self.appetite.wants() {
            self.watch.drained.set(true);
            return None;
        }
        let frame = loop {
            match read(&self.iface, &mut *self.received) {
                Ok(length) => break self.received.get(..length)?,
                Err(Errno::INTR) => {}
                Err(error) => {
                    self.appetite.end();
                    self.watch.drained.set(true);
                    if error != Errno::AGAIN {
                        self.watch.broken.replace(Some(error.into()));
                    }
                    return None;
                }
            }
        };
        self.appetite.feed();
        self.watch.drained.set(false);
        self.watch.received.set(self.watch.received.get() + 1);
        let (iface, buffer) = (&self.iface, &mut *self.sending);
        let sending = Sending { iface, buffer, offload: self.offload, watch: &self.watch };
        Some((Received(frame), sending))
    }

    fn transmit(&mut self, _now: WireInstant) -> Option<Sending<'_>> {
        let (iface, buffer) = (&self.iface, &mut *self.sending);
        Some(Sending { iface, buffer, offload: self.offload, watch: &self.watch })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = HEADER + self.mtu;
        if self.offload {
            // The IPv6 half of smoltcp 0.14 drops what it should segment.
            capabilities.segmentation.tcpv4 = SEGMENT;
            // What comes has unfinished checksums; what goes gets them from `finish`.
            capabilities.checksum.tcp = Checksum::None;
            // The kernel leaves those of datagrams unfinished, too, but takes none that are.
            capabilities.checksum.udp = Checksum::Tx;
        }
        capabilities
    }
}

/// A received frame.
pub struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// A buffer for a frame to be sent.
pub struct Sending<'a> {
    iface: &'a Descriptor,
    buffer: &'a mut [u8],
    offload: bool,
    watch: &'a Watch,
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let frame = &mut self.buffer[..len];
        let result = f(frame);
        if self.offload {
            finish(frame);
        }
        // A frame that the interface refuses is lost, and TCP retransmits it.
        if write(self.iface, frame).is_err() {
            self.watch.unsent.set(self.watch.unsent.get() + 1);
        }
        result
    }
}

/// Fills in the TCP checksum, which smoltcp leaves to a device that segments.
fn finish(frame: &mut [u8]) {
    let mut frame = EthernetFrame::new_unchecked(frame);
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
            if packet.next_header() == IpProtocol::Tcp {
                let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
                TcpPacket::new_unchecked(packet.payload_mut()).fill_checksum(&from, &to);
            }
        }
        EthernetProtocol::Ipv6 => {
            let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
            if packet.next_header() == IpProtocol::Tcp {
                let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
                TcpPacket::new_unchecked(packet.payload_mut()).fill_checksum(&from, &to);
            }
        }
        _ => {}
    }
}

/// On a persistent interface the setting would outlive the program, so it is undone.
impl Drop for Tap {
    fn drop(&mut self) {
        if self.offload {
            // An interface that is gone has no settings either.
            let _ = offload::set(&self, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_would_change_are_refused() {
        for name in ["tap0", "a", "exactly15bytes0", "tap-demo.1"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "sixteen-bytes-00", "tap%d", "a/b", "a b", "a:b", "a\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_interface_is_found_by_its_whole_name() {
        let line = "  tap0: 1 2 3";
        assert!(is_line_of(line, "tap0"));
        assert!(!is_line_of(line, "tap"));
        assert!(!is_line_of(line, "tap00"));
    }
}
