//! An Ethernet cable that exists only in memory and in virtual time: what it
//! does to frames follows from its seed alone.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use echo_core::{Instant, random};
use echo_smoltcp::smoltcp::phy::{self, DeviceCapabilities, Medium};
use echo_smoltcp::smoltcp::time::Instant as WireInstant;

/// What the cable does to frames, in each direction; chances in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) delay: Duration,
    pub(crate) loss: u8,
    pub(crate) duplication: u8,
    /// This share of the frames is overtaken by those of the next `delay`.
    pub(crate) reordering: u8,
    /// One bit of this share of the IP packets is flipped.
    pub(crate) corruption: u8,
}

pub(crate) struct Cable {
    faults: Faults,
    noise: Noise,
    sent: u64,
    /// For each end the frames on their way to it.
    towards: [Vec<Travelling>; 2],
    pub(crate) lost: u64,
    loses_next: bool,
    /// Frames sent to each end.
    pub(crate) sent_to: [u64; 2],
}

struct Travelling {
    due: Instant,
    /// Frames with the same due time arrive in the order of this.
    order: u64,
    frame: Vec<u8>,
}

/// One end of a cable: a device.
#[derive(Clone)]
pub(crate) struct Plug {
    cable: Rc<RefCell<Cable>>,
    side: usize,
}

impl Cable {
    /// A cable and its two ends.
    pub(crate) fn new(faults: Faults, seed: u64) -> (Rc<RefCell<Self>>, [Plug; 2]) {
        let towards = [Vec::new(), Vec::new()];
        let (noise, sent_to, loses_next) = (Noise::new(seed), [0; 2], false);
        let cable = Self { faults, noise, sent: 0, towards, lost: 0, loses_next, sent_to };
        let cable = Rc::new(RefCell::new(cable));
        let plugs = [0, 1].map(|side| Plug { cable: Rc::clone(&cable), side });
        (cable, plugs)
    }

    /// From now on nothing arrives.
    pub(crate) fn cut(&mut self) {
        self.faults.loss = 100;
    }

    /// The next frame does not arrive.
    pub(crate) fn lose_next(&mut self) {
        self.loses_next = true;
    }

    /// When the next frame arrives at either end.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.towards.iter().flatten().map(|travelling| travelling.due).min()
    }

    fn send(&mut self, now: Instant, to: usize, mut frame: Vec<u8>) {
        self.sent_to[to] += 1;
        if std::mem::take(&mut self.loses_next) || self.noise.happens(self.faults.loss) {
            self.lost += 1;
            return;
        }
        let is_ip = frame[12..14] != [0x08, 0x06];
        if is_ip && self.noise.happens(self.faults.corruption) {
            let index = 14 + self.noise.below(frame.len() - 14);
            frame[index] ^= 1 << (self.noise.below(8));
        }
        let copies = if self.noise.happens(self.faults.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if self.noise.happens(self.faults.reordering) { 2 } else { 1 };
            self.sent += 1;
            let due = now + self.faults.delay * late;
            self.towards[to].push(Travelling { due, order: self.sent, frame: frame.clone() });
        }
    }

    fn arrive(&mut self, now: Instant, at: usize) -> Option<Vec<u8>> {
        let frames = &mut self.towards[at];
        let due = frames.iter().enumerate().filter(|(_, travelling)| travelling.due <= now);
        let (first, _) = due.min_by_key(|(_, travelling)| (travelling.due, travelling.order))?;
        Some(frames.swap_remove(first).frame)
    }
}

impl Plug {
    /// Puts a frame on the cable that no stack has made.
    pub(crate) fn inject(&self, now: Instant, frame: &[u8]) {
        self.cable.borrow_mut().send(now, 1 - self.side, frame.to_vec());
    }
}

impl phy::Device for Plug {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending;

    fn receive(&mut self, now: WireInstant) -> Option<(Received, Sending)> {
        let now = core(now);
        let frame = self.cable.borrow_mut().arrive(now, self.side)?;
        Some((Received(frame), Sending { plug: self.clone(), now }))
    }

    fn transmit(&mut self, now: WireInstant) -> Option<Sending> {
        Some(Sending { plug: self.clone(), now: core(now) })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct Sending {
    plug: Plug,
    now: Instant,
}

impl phy::TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.plug.inject(self.now, &frame);
        result
    }
}

fn core(now: WireInstant) -> Instant {
    Instant::new(Duration::from_micros(now.total_micros().unsigned_abs()))
}

/// Pseudo-random numbers.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        random::next(&mut self.0)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < percent.into()
    }
}
