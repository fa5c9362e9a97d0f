//! The network controller: virtio-net on virtio-mmio (virtio 1.2, 4.2 and 5.1).

#![expect(unsafe_code, reason = "registers in memory")]

use core::{array, ptr};

use echo_smoltcp::smoltcp::phy::{self, Device, DeviceCapabilities};
use echo_smoltcp::smoltcp::time::Instant;
use echo_smoltcp::smoltcp::wire::EthernetAddress;
use static_cell::ConstStaticCell;

use super::queue::{FRAME, Queue, SIZE, Shared};

/// Where a microvm has its virtio devices, and how many.
const FIRST: usize = 0xfeb0_0000;
const APART: usize = 512;
const PLACES: usize = 8;
/// The interrupt line of the first place.
const LINE: usize = 5;

const MAGIC: usize = 0x00;
const VERSION: usize = 0x04;
const DEVICE: usize = 0x08;
const FEATURES: usize = 0x20;
const FEATURES_WORD: usize = 0x24;
const QUEUE: usize = 0x30;
const QUEUE_SIZE: usize = 0x38;
const QUEUE_READY: usize = 0x44;
const NOTIFY: usize = 0x50;
const INTERRUPTS: usize = 0x60;
const ACKNOWLEDGE: usize = 0x64;
const STATUS: usize = 0x70;
const QUEUE_ADDRESSES: [usize; 3] = [0x80, 0x90, 0xa0];
const MAC: usize = 0x100;

static RECEIVE: ConstStaticCell<Shared> = ConstStaticCell::new(Shared::NEW);
static SEND: ConstStaticCell<Shared> = ConstStaticCell::new(Shared::NEW);

#[derive(Clone, Copy)]
struct Registers(usize);

impl Registers {
    fn read(self, register: usize) -> u32 {
        // SAFETY: a device's register; nothing of ours lies there.
        unsafe { ptr::with_exposed_provenance::<u32>(self.0 + register).read_volatile() }
    }

    /// Of the device's own fields: each is read as wide as it is.
    fn byte(self, register: usize) -> u8 {
        // SAFETY: as above.
        unsafe { ptr::with_exposed_provenance::<u8>(self.0 + register).read_volatile() }
    }

    fn write(self, register: usize, value: u32) {
        // SAFETY: as above.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(self.0 + register).write_volatile(value) };
    }
}

pub(crate) struct Net {
    registers: Registers,
    pub(super) mac: EthernetAddress,
    receive: Queue,
    send: Queue,
}

impl Net {
    /// Looks for the controller, and makes it ready. Once.
    pub(super) fn new() -> Option<(Self, usize)> {
        let (place, registers) = (0..PLACES)
            .map(|place| (place, Registers(FIRST + APART * place)))
            .find(|(_, registers)| {
                // "virt", the version without legacies, a network controller.
                [MAGIC, VERSION, DEVICE].map(|register| registers.read(register))
                    == [0x7472_6976, 2, 1]
            })?;
        // Reset, acknowledge, driver.
        for status in [0, 1, 3] {
            registers.write(STATUS, status);
        }
        // A MAC address of its own, and version 1; no offloads.
        for (word, features) in [(0, 1 << 5), (1, 1)] {
            registers.write(FEATURES_WORD, word);
            registers.write(FEATURES, features);
        }
        registers.write(STATUS, 3 | 8);
        if registers.read(STATUS) & 8 == 0 {
            return None;
        }
        let (mut receive, send) =
            (Queue::new(RECEIVE.take(), true), Queue::new(SEND.take(), false));
        for (number, queue) in [(0, &receive), (1, &send)] {
            registers.write(QUEUE, number);
            registers.write(QUEUE_SIZE, SIZE as u32);
            for (register, address) in QUEUE_ADDRESSES.into_iter().zip(queue.addresses()) {
                registers.write(register, address as u32);
                registers.write(register + 4, 0);
            }
            registers.write(QUEUE_READY, 1);
        }
        registers.write(STATUS, 3 | 8 | 4);
        while let Some(buffer) = receive.vacant().pop() {
            receive.give(buffer, None);
        }
        registers.write(NOTIFY, 0);
        let mac = EthernetAddress(array::from_fn(|place| registers.byte(MAC + place)));
        Some((Self { registers, mac, receive, send }, LINE + place))
    }

    /// Whether a frame is there. The interrupt that told it is over then.
    pub(super) fn stirred(&self) -> bool {
        self.registers.write(ACKNOWLEDGE, self.registers.read(INTERRUPTS));
        self.receive.stirred()
    }
}

impl Device for Net {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Vacant<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Vacant<'_>)> {
        let Self { registers, receive, send, .. } = self;
        if !receive.stirred() {
            return None;
        }
        let vacant = Vacant::of(*registers, send)?;
        let (buffer, length) = receive.take()?;
        Some((Received { registers: *registers, queue: receive, buffer, length }, vacant))
    }

    fn transmit(&mut self, _: Instant) -> Option<Vacant<'_>> {
        Vacant::of(self.registers, &mut self.send)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

/// A frame that came. Its buffer is given back to the device when this is dropped.
pub(crate) struct Received<'q> {
    registers: Registers,
    queue: &'q mut Queue,
    buffer: u16,
    length: usize,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.queue.frame(self.buffer, self.length))
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        if self.queue.give(self.buffer, None) {
            self.registers.write(NOTIFY, 0);
        }
    }
}

/// A queue with room for a frame to send.
pub(crate) struct Vacant<'q> {
    registers: Registers,
    queue: &'q mut Queue,
}

impl<'q> Vacant<'q> {
    fn of(registers: Registers, queue: &'q mut Queue) -> Option<Self> {
        (!queue.vacant().is_empty()).then_some(Self { registers, queue })
    }
}

impl phy::TxToken for Vacant<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let buffer = self.queue.vacant().pop().expect("seen by whoever made this");
        let result = f(self.queue.frame(buffer, length));
        if self.queue.give(buffer, Some(length)) {
            self.registers.write(NOTIFY, 1);
        }
        result
    }
}
