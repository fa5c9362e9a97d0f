//! A device that has room for so many frames, until they have left.

use echo_smoltcp::smoltcp::phy::{Device, DeviceCapabilities};
use echo_smoltcp::smoltcp::time::Instant;

use crate::cable::{Plug, Received, Sending};

pub(crate) struct Narrow<'p> {
    pub(crate) plug: &'p mut Plug,
    pub(crate) room: usize,
}

impl Device for Narrow<'_> {
    type RxToken<'a>
        = Received
    where
        Self: 'a;
    type TxToken<'a>
        = Sending
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Received, Sending)> {
        self.plug.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Sending> {
        self.room = self.room.checked_sub(1)?;
        self.plug.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.plug.capabilities()
    }
}
