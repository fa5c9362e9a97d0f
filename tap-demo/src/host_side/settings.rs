//! What is changed on the host's side, and taken back.

use std::io;
use std::mem;

use anyhow::{Error, Result};
use echo_instruments::terminal::notes::note;
use echo_smoltcp::smoltcp::wire::{IpAddress, IpCidr};

use crate::link::{HostAddress, Link};

/// The interface, and what it was like before.
#[derive(Debug)]
pub(super) struct Settings {
    link: Link,
    /// The addresses that were added.
    added: Vec<IpCidr>,
    /// It was down.
    raised: bool,
    /// Its MTU before it was changed.
    mtu: Option<usize>,
    /// What goes when the interface goes down, as IPv6 addresses do, and was there before.
    fleeting: Vec<IpCidr>,
}

impl Settings {
    pub(super) fn of(link: Link, present: &[HostAddress]) -> Self {
        let fleeting = present.iter().filter(|host| host.ours).map(|host| host.subnet);
        let fleeting = fleeting.filter(|subnet| match subnet.address() {
            IpAddress::Ipv4(_) => false,
            IpAddress::Ipv6(ip) => !ip.is_unicast_link_local(),
        });
        let fleeting = fleeting.collect();
        Self { link, added: Vec::new(), raised: false, mtu: None, fleeting }
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

    /// Leaves the interface as it was. A second time there is nothing to do.
    pub(super) fn take_back(&mut self) {
        for address in mem::take(&mut self.added) {
            told(self.link.remove_address(address));
        }
        if mem::take(&mut self.raised) {
            told(self.link.set_up(false));
            for address in mem::take(&mut self.fleeting) {
                told(self.link.add_address(address));
            }
        }
        if let Some(mtu) = self.mtu.take() {
            told(self.link.set_mtu(mtu));
        }
    }
}

/// Says what could not be taken back, unless it is gone already.
fn told(taken: Result<()>) {
    const ENODEV: i32 = 19;
    const EADDRNOTAVAIL: i32 = 99;
    let is_gone = |error: &Error| {
        let errno = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        matches!(errno, Some(ENODEV | EADDRNOTAVAIL))
    };
    if let Some(error) = taken.err().filter(|error| !is_gone(error)) {
        note(&format!("{error:#}"));
    }
}
