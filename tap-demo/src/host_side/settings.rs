//! The settings of the host's side, and how to undo them.

use std::io;
use std::mem;

use anyhow::{Error, Result};
use echo_instruments::terminal::notes::note;
use echo_smoltcp::smoltcp::wire::{IpAddress, IpCidr};

use crate::link::{HostAddress, Link};

/// The interface, and what has been changed on it.
#[derive(Debug)]
pub(super) struct Settings {
    link: Link,
    /// Addresses that were added.
    added: Vec<IpCidr>,
    /// Whether it was brought up.
    raised: bool,
    /// The MTU that it had, if that was changed.
    mtu: Option<usize>,
    /// IPv6 addresses that it had. The kernel drops them when the interface goes down.
    dropped_when_down: Vec<IpCidr>,
}

impl Settings {
    pub(super) fn of(link: Link, present: &[HostAddress]) -> Self {
        let dropped_when_down = present.iter().filter(|host| host.ours).map(|host| host.subnet);
        let dropped_when_down = dropped_when_down.filter(|subnet| match subnet.address() {
            IpAddress::Ipv4(_) => false,
            IpAddress::Ipv6(ip) => !ip.is_unicast_link_local(),
        });
        let dropped_when_down = dropped_when_down.collect();
        Self { link, added: Vec::new(), raised: false, mtu: None, dropped_when_down }
    }

    pub(super) const fn mtu(&self) -> usize {
        self.link.mtu()
    }

    pub(super) fn set_mtu(&mut self, mtu: usize) -> Result<()> {
        let before = self.link.mtu();
        if mtu != before {
            self.link.set_mtu(mtu)?;
            self.mtu = Some(before);
        }
        Ok(())
    }

    pub(super) fn bring_up(&mut self) -> Result<()> {
        if !self.link.is_up() {
            self.link.set_up(true)?;
            self.raised = true;
        }
        Ok(())
    }

    pub(super) fn add_address(&mut self, address: IpCidr) -> Result<()> {
        self.link.add_address(address)?;
        self.added.push(address);
        Ok(())
    }

    /// Restores what was there before. A second call finds nothing to do.
    pub(super) fn undo(&mut self) {
        for address in mem::take(&mut self.added) {
            report(self.link.remove_address(address));
        }
        if mem::take(&mut self.raised) {
            report(self.link.set_up(false));
            for address in mem::take(&mut self.dropped_when_down) {
                report(self.link.add_address(address));
            }
        }
        if let Some(mtu) = self.mtu.take() {
            report(self.link.set_mtu(mtu));
        }
    }
}

/// Reports what could not be undone, unless the interface or the address is gone anyway.
fn report(undone: Result<()>) {
    const ENODEV: i32 = 19;
    const EADDRNOTAVAIL: i32 = 99;
    let is_gone = |error: &Error| {
        let errno = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        matches!(errno, Some(ENODEV | EADDRNOTAVAIL))
    };
    if let Some(error) = undone.err().filter(|error| !is_gone(error)) {
        note(&format!("{error:#}"));
    }
}
