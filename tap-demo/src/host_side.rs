//! Decides what the host's side of the interface still lacks.
//!
//! An interface that somebody has prepared is used as it is, without any right;
//! only what is missing is asked of the kernel.

use anyhow::{Result, bail};
use echo_instruments::terminal::notes::note;
use echo_smoltcp::smoltcp::wire::{IpAddress, IpCidr};

use crate::link::Link;
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

/// Makes the interface ready: up, of the wanted MTU, and with an address of the
/// host in each of the stack's subnets.
///
/// # Errors
///
/// What is missing, with the commands that help.
pub fn prepare(line: &Line) -> Result<Link> {
    let mut link = Link::find(&line.iface)?;
    if let Some(mtu) = line.mtu {
        link.set_mtu(mtu as usize)?;
    }
    link.bring_up()?;
    let present = link.addresses()?;
    for address in missing(&line.addresses, &line.host, &present)? {
        let added = link.add_address(address);
        let optional = line.host.is_empty() && matches!(address, IpCidr::Ipv6(_));
        match added {
            // Many machines have no IPv6; IPv4 is then all that was hoped for.
            Err(error) if optional => note(&format!("without IPv6: {error:#}")),
            added => added?,
        }
    }
    Ok(link)
}

/// The addresses that the host needs and does not have.
fn missing(server: &[IpCidr], wanted: &[IpCidr], present: &[IpCidr]) -> Result<Vec<IpCidr>> {
    let in_a_subnet = |host: &IpCidr| server.iter().any(|net| net.contains_addr(&host.address()));
    if let Some(outside) = wanted.iter().find(|host| !in_a_subnet(host)) {
        let nets = list(server);
        bail!(
            "the host's address {outside} is in no subnet of this stack's addresses {nets}: \
             neither could reach the other (choose others with --ip and --host-ip)"
        );
    }
    let is_present = |host: &IpCidr| present.iter().any(|other| other.address() == host.address());
    let mut missing: Vec<_> = wanted.iter().filter(|host| !is_present(host)).copied().collect();
    for net in server.iter().filter(|net| !is_link_local(net)) {
        let reaches = |host: &IpCidr| net.contains_addr(&host.address());
        if present.iter().chain(&missing).any(reaches) {
            continue;
        }
        let Some(host) = HOST.iter().find(|host| reaches(host)) else {
            bail!(
                "the host has no address in the subnet of this stack's {net}: it could not be \
                 reached (give the host one with --host-ip)"
            );
        };
        missing.push(*host);
    }
    Ok(missing)
}

/// The kernel gives the host such an address itself.
fn is_link_local(address: &IpCidr) -> bool {
    matches!(address.address(), IpAddress::Ipv6(address) if address.is_unicast_link_local())
}

fn list(addresses: &[IpCidr]) -> String {
    addresses.iter().map(IpCidr::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<IpCidr> {
        texts.iter().map(|text| text.parse().expect("an address and a prefix")).collect()
    }

    #[test]
    fn by_default_the_host_gets_one_address_of_each_family() {
        assert_eq!(missing(&STATION, &[], &[]).expect("complete"), HOST);
    }

    #[test]
    fn a_prepared_interface_lacks_nothing() {
        let present = cidrs(&["192.168.69.7/24", "fdaa::7/64", "fe80::7/64"]);
        assert_eq!(missing(&STATION, &[], &present).expect("complete"), []);
    }

    #[test]
    fn what_is_wanted_is_added_once() {
        let server = cidrs(&["10.1.0.1/16"]);
        let wanted = cidrs(&["10.1.2.3/16"]);
        assert_eq!(missing(&server, &wanted, &[]).expect("complete"), wanted);
        assert_eq!(missing(&server, &wanted, &wanted).expect("complete"), []);
    }

    #[test]
    fn an_address_that_nobody_could_reach_is_refused() {
        let server = cidrs(&["10.1.0.1/16"]);
        assert!(missing(&server, &[], &[]).is_err());
        assert!(missing(&server, &cidrs(&["10.2.0.1/16"]), &[]).is_err());
    }
}
