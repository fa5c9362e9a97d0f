//! A virtqueue (virtio 1.2, 2.7) with a buffer for one frame behind each descriptor.

#![expect(unsafe_code, reason = "memory that the device reads and writes too")]

use core::slice;
use core::sync::atomic::{Ordering, fence};

use heapless::Vec;

/// Descriptors of a queue, a power of 2.
pub(super) const SIZE: usize = 8;
/// What the device puts before a frame, or finds there: virtio-net's header. All of it is 0.
const HEADER: usize = 12;
pub(super) const FRAME: usize = 1514;

#[repr(C)]
#[derive(Clone, Copy)]
struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

/// Of this queue the device writes into the buffers.
const WRITE: u16 = 2;

/// What driver and device share.
#[repr(C, align(16))]
pub(super) struct Shared {
    descriptors: [Descriptor; SIZE],
    available: Available,
    used: Used,
    buffers: [[u8; HEADER + FRAME + 2]; SIZE],
}

#[repr(C, align(4))]
struct Available {
    /// 1 if the driver wants no interrupts.
    flags: u16,
    index: u16,
    ring: [u16; SIZE],
}

#[repr(C, align(4))]
struct Used {
    /// 1 if the device wants no notifications.
    flags: u16,
    index: u16,
    ring: [[u32; 2]; SIZE],
}

impl Shared {
    pub(super) const NEW: Self = Self {
        descriptors: [Descriptor { address: 0, length: 0, flags: 0, next: 0 }; SIZE],
        available: Available { flags: 0, index: 0, ring: [0; SIZE] },
        used: Used { flags: 0, index: 0, ring: [[0; 2]; SIZE] },
        buffers: [[0; HEADER + FRAME + 2]; SIZE],
    };
}

/// The driver's end of a queue.
pub(super) struct Queue {
    shared: *mut Shared,
    /// Buffers that the device does not have.
    vacant: Vec<u16, SIZE>,
    /// How many it was given, and how many it has given back, since the start.
    given: u16,
    taken: u16,
}

impl Queue {
    pub(super) fn new(shared: &'static mut Shared, interrupts: bool) -> Self {
        shared.available.flags = u16::from(!interrupts);
        let vacant = (0..SIZE as u16).collect();
        Self { shared, vacant, given: 0, taken: 0 }
    }

    /// Where the device finds the descriptors and the two rings. From here on it reads and writes
    /// there, which the compiler has to know: exposed.
    pub(super) fn addresses(&self) -> [usize; 3] {
        // SAFETY: addresses only.
        unsafe {
            [
                (&raw mut (*self.shared).descriptors).expose_provenance(),
                (&raw mut (*self.shared).available).expose_provenance(),
                (&raw mut (*self.shared).used).expose_provenance(),
            ]
        }
    }

    /// Takes back a buffer that the device is done with: its number, and the length of the frame
    /// that it wrote.
    pub(super) fn take(&mut self) -> Option<(u16, usize)> {
        if !self.stirred() {
            return None;
        }
        fence(Ordering::Acquire);
        let place = usize::from(self.taken) % SIZE;
        // SAFETY: an element of the ring.
        let [id, length] = unsafe {
            let ring = (&raw const (*self.shared).used.ring).cast::<[u32; 2]>();
            ring.add(place).read_volatile()
        };
        self.taken = self.taken.wrapping_add(1);
        // What a device says is not believed.
        Some((id as u16 % SIZE as u16, (length as usize).saturating_sub(HEADER).min(FRAME)))
    }

    /// Whether the device is done with a buffer.
    pub(super) fn stirred(&self) -> bool {
        // SAFETY: the device may write meanwhile: volatile.
        let index = unsafe { (&raw const (*self.shared).used.index).read_volatile() };
        index != self.taken
    }

    /// The buffers that the device does not have, with those that it is done with.
    pub(super) fn vacant(&mut self) -> &mut Vec<u16, SIZE> {
        while let Some((buffer, _)) = self.take() {
            // As many places as buffers.
            let _ = self.vacant.push(buffer);
        }
        &mut self.vacant
    }

    /// A frame's place in a buffer that the device does not have.
    pub(super) fn frame(&mut self, buffer: u16, length: usize) -> &mut [u8] {
        // SAFETY: within the buffer, borrowed with the queue.
        unsafe {
            let buffer = (&raw mut (*self.shared).buffers[usize::from(buffer)]).cast::<u8>();
            slice::from_raw_parts_mut(buffer.add(HEADER), length.min(FRAME))
        }
    }

    /// Gives a buffer to the device, to be filled or with a frame of this length to send. Returns
    /// whether the device wants to be told.
    pub(super) fn give(&mut self, buffer: u16, frame: Option<usize>) -> bool {
        let length = HEADER + frame.unwrap_or(FRAME);
        let flags = if frame.is_none() { WRITE } else { 0 };
        // SAFETY: the device does not look at this descriptor before the index says so.
        unsafe {
            let shared = self.shared;
            let frame = &raw mut (*shared).buffers[usize::from(buffer)];
            let address = frame.expose_provenance() as u64;
            let descriptor = Descriptor { address, length: length as u32, flags, next: 0 };
            (&raw mut (*shared).descriptors[usize::from(buffer)]).write_volatile(descriptor);
            let place = &raw mut (*shared).available.ring[usize::from(self.given) % SIZE];
            place.write_volatile(buffer);
            self.given = self.given.wrapping_add(1);
            fence(Ordering::Release);
            (&raw mut (*shared).available.index).write_volatile(self.given);
            // The index must be there before the device is asked whether it sleeps.
            fence(Ordering::SeqCst);
            (&raw const (*shared).used.flags).read_volatile() & 1 == 0
        }
    }
}
