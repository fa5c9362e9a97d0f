//! Decides what the host's side of the interface still lacks, and provides it for as long as this
//! stack runs.
//!
//! An interface that somebody has prepared is used as it is, which needs no privilege. Only what
//! is missing is set, and it is undone at the end.

mod settings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use echo_instruments::signals;
use echo_instruments::terminal::notes::note;
use echo_instruments::verdict::Misuse;
use echo_smoltcp::smoltcp::wire::{IpAddress, IpCidr};

use self::settings::Settings;
use crate::addressing::meet;
use crate::link::{HostAddress, Link};
use crate::plan::Line;

/// The stack's addresses, if none are given: those of smoltcp's examples.
pub(crate) const STATION: [IpCidr; 3] = [
    IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24),
    IpCidr::new(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1), 64),
    IpCidr::new(IpAddress::v6(0xfe80, 0, 0, 0, 0, 0, 0, 1), 64),
];

/// The host's addresses, if none are given.
const HOST: [IpCidr; 2] = [
    IpCidr::new(IpAddress::v4(192, 168, 69, 100), 24),
    IpCidr::new(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 0x100), 64),
];

/// The host's side of the interface, ready for this stack until it is dropped.
pub(crate) struct HostSide {
    settings: Arc<Mutex<Settings>>,
    mtu: usize,
    reachable: Vec<IpCidr>,
}

impl HostSide {
    /// Makes the interface ready: up, with the MTU that was asked for, and with an address of the
    /// host in each of the stack's subnets. What it changes is undone when it is dropped, and
    /// before a signal ends the program at once.
    ///
    /// # Errors
    ///
    /// If something is missing and may not be set, with the command that sets it; if an address
    /// cannot work.
    pub(crate) fn prepare(line: &Line) -> Result<Self> {
        let mut link = Link::find(&line.iface)?;
        let mut reachable = line.addresses.clone();
        let by_default = line.addresses == STATION && line.host.is_empty();
        if !link.has_ipv6() {
            let ipv6 = [&line.addresses[..], &line.host].concat().into_iter().find(is_ipv6);
            if let (Some(ipv6), false) = (ipv6, by_default) {
                bail!(
                    "IPv6 is off on {0}, so that {ipv6} cannot be used (sudo sysctl \
                     net.ipv6.conf.{0}.disable_ipv6=0; or give IPv4 addresses only)",
                    line.iface
                );
            }
            reachable.retain(|own| !is_ipv6(own));
        }
        let present = link.addresses()?;
        refuse_own(line, &reachable, &present, &mut link)?;
        let missing = missing(&reachable, &line.host, &present)?;
        refuse_shadow(&reachable, &present, &missing, &mut link)?;

        // From here on the host's side changes, and whatever ends this undoes it.
        let settings = Settings::of(link, &present);
        let settings = Arc::new(Mutex::new(settings));
        let mut side = Self { settings, mtu: 0, reachable };
        let last_act = Arc::clone(&side.settings);
        signals::before_exit(move || locked(&last_act).undo());
        side.set(line, missing, by_default)?;
        Ok(side)
    }

    fn set(&mut self, line: &Line, missing: Vec<IpCidr>, by_default: bool) -> Result<()> {
        let Self { settings, mtu, reachable } = self;
        let mut settings = locked(settings);
        if let Some(mtu) = line.mtu {
            settings.set_mtu(mtu as usize)?;
        }
        settings.bring_up()?;
        for address in missing {
            match settings.add_address(address) {
                // Not everybody may set it, and IPv4 is enough for a start.
                Err(error) if by_default && is_ipv6(&address) => {
                    note(&format!("continuing without IPv6: {error:#}"));
                    reachable.retain(|own| !meet(own, &address));
                }
                added => added?,
            }
        }
        *mtu = settings.mtu();
        Ok(())
    }

    /// The largest IP packet, in bytes.
    pub(crate) const fn mtu(&self) -> usize {
        self.mtu
    }

    /// The stack's addresses that the host can reach.
    pub(crate) fn reachable(&self) -> &[IpCidr] {
        &self.reachable
    }
}

impl Drop for HostSide {
    fn drop(&mut self) {
        locked(&self.settings).undo();
    }
}

fn locked(settings: &Mutex<Settings>) -> MutexGuard<'_, Settings> {
    settings.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses an address that is the host's own: the host would answer itself.
fn refuse_own(
    line: &Line,
    addresses: &[IpCidr],
    present: &[HostAddress],
    link: &mut Link,
) -> Result<()> {
    if Some(line.mac) == link.mac() {
        let (mac, iface) = (line.mac, &line.iface);
        let said = format!("--mac {mac} is the host's own address on {iface} (choose another)");
        return Err(Misuse(said).into());
    }
    for address in addresses.iter().map(IpCidr::address) {
        // A link-local address is the host's own on one interface only.
        let matters = |host: &&HostAddress| host.ours || !is_link_local(address);
        if let Some(host) = present.iter().filter(matters).find(|host| host.own == address) {
            let (iface, _) = link.name_of(host.index)?;
            return Err(Misuse(format!(
                "{address} is the host's own address, on {iface} (choose another for this stack \
                 with --ip)"
            ))
            .into());
        }
    }
    Ok(())
}

/// Refuses a subnet that the host already has on another interface, for example that of another
/// instance. Of two routes to one subnet the kernel uses the one with the lower metric, or the
/// older one, and everything behind the other interface is unreachable.
fn refuse_shadow(
    addresses: &[IpCidr],
    present: &[HostAddress],
    missing: &[IpCidr],
    link: &mut Link,
) -> Result<()> {
    let ours = present.iter().filter(|host| host.ours).map(|host| host.subnet);
    let ours: Vec<_> = ours.chain(missing.iter().copied()).collect();
    for address in addresses.iter().map(IpCidr::address).filter(|own| !is_link_local(*own)) {
        let covering = |subnet: &&IpCidr| subnet.contains_addr(&address);
        let longest = ours.iter().filter(covering).map(IpCidr::prefix_len).max();
        for host in present.iter().filter(|host| !host.ours) {
            let rival = host.subnet.contains_addr(&address)
                && longest.is_some_and(|longest| host.subnet.prefix_len() >= longest);
            if !rival {
                continue;
            }
            let (iface, up) = link.name_of(host.index)?;
            if up {
                bail!(
                    "{address} is in the subnet that the host has on {iface} ({subnet}): it \
                     would use only one of the two interfaces (is another tap-demo running? \
                     choose another subnet with --ip and --host-ip)",
                    subnet = host.subnet
                );
            }
        }
    }
    Ok(())
}

/// The addresses that the host still needs.
fn missing(stack: &[IpCidr], wanted: &[IpCidr], present: &[HostAddress]) -> Result<Vec<IpCidr>> {
    let ours = || present.iter().filter(|host| host.ours);
    let is_present = |host: &IpCidr| ours().any(|other| other.own == host.address());
    let mut missing: Vec<_> = wanted.iter().filter(|host| !is_present(host)).copied().collect();
    for net in stack.iter().filter(|net| !is_link_local(net.address())) {
        let meets = |host: &HostAddress| {
            net.contains_addr(&host.own) && host.subnet.contains_addr(&net.address())
        };
        if ours().any(meets) || missing.iter().any(|host| meet(net, host)) {
            continue;
        }
        let fits = |host: &&IpCidr| meet(net, host) && host.address() != net.address();
        let Some(host) = HOST.iter().find(fits) else {
            return Err(Misuse(format!(
                "the host has no address in the subnet of this stack's {net}: it could not be \
                 reached (give the host one with --host-ip)"
            ))
            .into());
        };
        missing.push(*host);
    }
    Ok(missing)
}

/// The kernel gives the host a link-local address by itself.
fn is_link_local(address: IpAddress) -> bool {
    matches!(address, IpAddress::Ipv6(address) if address.is_unicast_link_local())
}

fn is_ipv6(address: &IpCidr) -> bool {
    matches!(address, IpCidr::Ipv6(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<IpCidr> {
        texts.iter().map(|text| text.parse().expect("an address and a prefix")).collect()
    }

    fn present(texts: &[&str]) -> Vec<HostAddress> {
        let ours = |subnet: IpCidr| {
            let own = subnet.address();
            HostAddress { own, subnet, index: 7, ours: true }
        };
        cidrs(texts).into_iter().map(ours).collect()
    }

    #[test]
    fn by_default_the_host_gets_one_address_of_each_family() {
        assert_eq!(missing(&STATION, &[], &[]).expect("complete"), HOST);
    }

    #[test]
    fn a_prepared_interface_lacks_nothing() {
        let present = present(&["192.168.69.7/24", "fdaa::7/64", "fe80::7/64"]);
        assert_eq!(missing(&STATION, &[], &present).expect("complete"), []);
        let [v4, _, _] = STATION;
        let ends = HostAddress {
            own: IpAddress::v4(192, 168, 69, 7),
            subnet: IpCidr::new(v4.address(), 32),
            index: 7,
            ours: true,
        };
        assert_eq!(missing(&[v4], &[], &[ends]).expect("complete"), []);
    }

    #[test]
    fn one_address_of_the_host_may_serve_several_of_the_stack_in_any_order() {
        let present = present(&["fdaa::7/64", "192.168.69.7/24"]);
        assert_eq!(missing(&STATION, &[], &present).expect("complete"), []);
        let stack = cidrs(&["192.168.69.1/24", "192.168.69.2/24"]);
        assert_eq!(missing(&stack, &[], &present).expect("complete"), []);
    }

    #[test]
    fn what_other_interfaces_have_is_lacking() {
        let mut present = present(&["192.168.69.7/24", "fdaa::7/64"]);
        present.iter_mut().for_each(|host| host.ours = false);
        assert_eq!(missing(&STATION, &[], &present).expect("complete"), HOST);
    }

    #[test]
    fn what_is_wanted_is_added_once() {
        let stack = cidrs(&["10.1.0.1/16"]);
        let wanted = cidrs(&["10.1.2.3/16"]);
        assert_eq!(missing(&stack, &wanted, &[]).expect("complete"), wanted);
        let present = present(&["10.1.2.3/16"]);
        assert_eq!(missing(&stack, &wanted, &present).expect("complete"), []);
    }

    #[test]
    fn an_address_that_nobody_could_reach_is_refused() {
        let stack = cidrs(&["10.1.0.1/16"]);
        assert!(missing(&stack, &[], &[]).is_err());
        assert!(missing(&stack, &[], &present(&["10.1.2.3/24"])).is_err());
        assert!(missing(&cidrs(&["192.168.0.1/16"]), &[], &[]).is_err());
        assert!(missing(&cidrs(&["192.168.69.100/24"]), &[], &[]).is_err());
    }
}
