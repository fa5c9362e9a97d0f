//! One frame as a device, so that a server that has read a frame's headers can
//! still choose which sockets to show it to.

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

/// A device that has received one frame, and has a token for its answer.
pub(crate) struct Held<'f, T> {
    frame: Option<(Bytes<'f>, T)>,
}

pub(crate) struct Bytes<'f>(&'f [u8]);

impl<'f, T> Held<'f, T> {
    pub(crate) const fn new(frame: &'f [u8], answer: T) -> Self {
        Self { frame: Some((Bytes(frame), answer)) }
    }
}

impl<'f, T: TxToken> Device for Held<'f, T> {
    type RxToken<'a>
        = Bytes<'f>
    where
        Self: 'a;
    type TxToken<'a>
        = T
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Bytes<'f>, T)> {
        self.frame.take()
    }

    /// Only the answer to the frame can be sent.
    fn transmit(&mut self, _now: Instant) -> Option<T> {
        None
    }

    /// Never called: an interface keeps the capabilities that it was made with.
    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities::default()
    }
}

impl RxToken for Bytes<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}
