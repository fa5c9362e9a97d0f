//! The network controller: a FIFO for each direction, which takes and gives words. In each,
//! a frame follows two bytes with its length, so that its IP header is aligned.

use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use echo_smoltcp::smoltcp::time::Instant;
use echo_smoltcp::smoltcp::wire::EthernetAddress;

use super::register::Register;

const INTERRUPTS: Register = Register::at(0x4004_8000);
const MASK: Register = Register::at(0x4004_8004);
const RECEIVING: Register = Register::at(0x4004_8008);
const SENDING: Register = Register::at(0x4004_800c);
const DATA: Register = Register::at(0x4004_8010);
const ADDRESS: [Register; 2] = [Register::at(0x4004_8014), Register::at(0x4004_8018)];
const FRAMES: Register = Register::at(0x4004_8034);
const SEND: Register = Register::at(0x4004_8038);

/// Its interrupt line.
pub(super) const LINE: u32 = 42;

/// The longest frame: an Ethernet header, and a packet of 1500 bytes.
const FRAME: usize = 14 + 1500;
/// With its length, and a received one with its checksum.
const BUFFER: usize = 2 + FRAME + 4;

/// The one frame that is being read, and the one that is being written.
#[repr(align(4))]
pub(crate) struct Ethernet {
    received: [u8; BUFFER],
    sent: [u8; BUFFER],
}

impl Ethernet {
    pub(super) const OFF: Self = Self { received: [0; BUFFER], sent: [0; BUFFER] };

    /// Switches the controller on.
    pub(super) fn start(&self) {
        // An interrupt for a frame that came.
        MASK.write(1);
        // Frames for groups, too: neighbour discovery.
        RECEIVING.write(0b11);
        // It pads short frames and appends the checksum.
        SENDING.write(0b111);
    }

    /// Takes the next frame out of the FIFO, all of it, and returns its length; 0 if it is too long.
    fn read(&mut self) -> usize {
        let first = DATA.read();
        let length = (first & 0xffff) as usize;
        let words = length.div_ceil(4);
        self.received[..4].copy_from_slice(&first.to_le_bytes());
        let Some(rest) = self.received.get_mut(4..4 * words) else {
            for _ in 1..words {
                DATA.read();
            }
            return 0;
        };
        for word in rest.chunks_exact_mut(4) {
            word.copy_from_slice(&DATA.read().to_le_bytes());
        }
        length.saturating_sub(2 + 4)
    }
}

/// Its Ethernet address.
pub(super) fn mac() -> EthernetAddress {
    let [[a, b, c, d], [e, f, ..]] = ADDRESS.map(|word| word.read().to_le_bytes());
    EthernetAddress([a, b, c, d, e, f])
}

/// Whether a frame is there. The interrupt that told it is over then.
pub(super) fn has_frame() -> bool {
    INTERRUPTS.write(1);
    FRAMES.read() > 0
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Vacant<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Vacant<'_>)> {
        while FRAMES.read() > 0 {
            let length = self.read();
            if length > 0 {
                return Some((Received(&self.received[2..][..length]), Vacant(&mut self.sent)));
            }
        }
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Vacant<'_>> {
        Some(Vacant(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

pub(crate) struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct Vacant<'a>(&'a mut [u8; BUFFER]);

impl TxToken for Vacant<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.0[2..][..len]);
        // That of what follows the header.
        let length = len.saturating_sub(14) as u16;
        self.0[..2].copy_from_slice(&length.to_le_bytes());
        // The frame before is still in the FIFO.
        while SEND.read() & 1 != 0 {}
        for word in self.0[..(2 + len).next_multiple_of(4)].chunks_exact(4) {
            DATA.write(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        SEND.write(1);
        result
    }
}
