//! Addresses that cannot work, as far as the command line alone shows. They are refused before
//! anything is opened.

use std::net::IpAddr;

use echo_instruments::verdict::Misuse;
use echo_smoltcp::Host;
use echo_smoltcp::smoltcp::wire::{IpAddress, IpCidr};

use crate::plan::Line;

/// What this address is, if it cannot be the address of one host in its subnet.
pub(crate) fn unfit(cidr: &IpCidr) -> Option<&'static str> {
    let ip = IpAddr::from(cidr.address());
    let (bits, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    // A subnet of two addresses, or one, spends none of them on itself (RFC 3021, RFC 6164).
    let host_bits = Some(width - u32::from(cidr.prefix_len())).filter(|bits| *bits > 1);
    let hosts = host_bits.map(|host_bits| u128::MAX >> (128 - host_bits));
    let in_subnet = hosts.map(|hosts| bits & hosts);
    if ip.is_unspecified() {
        Some("the unspecified address")
    } else if ip.is_loopback() {
        Some("a loopback address")
    } else if ip.is_multicast() {
        Some("a multicast address")
    } else if ip == IpAddr::from([255; 4]) {
        Some("the broadcast address")
    } else if in_subnet == Some(0) {
        Some("the network address of its subnet")
    } else if ip.is_ipv4() && in_subnet.is_some() && in_subnet == hosts {
        Some("the broadcast address of its subnet")
    } else {
        None
    }
}

/// The same of an address without a subnet.
pub(crate) fn unfit_alone(address: IpAddress) -> Option<&'static str> {
    let width = if IpAddr::from(address).is_ipv4() { 32 } else { 128 };
    unfit(&IpCidr::new(address, width))
}

/// Refuses addresses that do not go together.
pub(crate) fn check(line: &Line) -> Result<(), Misuse> {
    let Line { addresses, host, gateways, .. } = line;
    if addresses.len() > Host::ADDRESSES {
        let (count, most) = (addresses.len(), Host::ADDRESSES);
        return Err(Misuse(format!(
            "--ip is given {count} times: a stack has at most {most} addresses (leave some out)"
        )));
    }
    for host in host {
        let address = host.address();
        if has(addresses, address) {
            return Err(Misuse(format!(
                "--host-ip {host} is this stack's own address (choose another with --host-ip or \
                 --ip)"
            )));
        }
        if !addresses.iter().any(|own| meet(own, host)) {
            return Err(Misuse(format!(
                "--host-ip {host} is in no subnet with this stack's {}: neither could reach the \
                 other (change --ip or --host-ip, and give both the same prefix length)",
                list(addresses)
            )));
        }
    }
    for (index, gateway) in gateways.iter().enumerate() {
        if has(addresses, *gateway) {
            return Err(Misuse(format!(
                "--gateway {gateway} is this stack's own address (give the router's)"
            )));
        }
        let Some(subnet) = addresses.iter().find(|own| own.contains_addr(gateway)) else {
            return Err(Misuse(format!(
                "--gateway {gateway} is in no subnet of this stack's {}: it could not be reached \
                 (choose another, or add an address in its subnet with --ip)",
                list(addresses)
            )));
        };
        if let Some(what) = unfit(&IpCidr::new(*gateway, subnet.prefix_len())) {
            return Err(Misuse(format!("--gateway {gateway} is {what} (give the router's)")));
        }
        let version = gateway.version();
        if let Some(other) = gateways[..index].iter().find(|other| other.version() == version) {
            return Err(Misuse(format!(
                "--gateway {other} and --gateway {gateway}: only one for IPv4 and one for \
                 IPv6 are possible (leave one out)"
            )));
        }
    }
    Ok(())
}

/// Why this stack cannot reach an address.
pub(crate) fn unreachable(line: &Line, address: IpAddress) -> Option<String> {
    if has(&line.addresses, address) {
        return Some(format!("{address} is this stack's own address"));
    }
    let subnet = line.addresses.iter().find(|own| own.contains_addr(&address));
    let what = match subnet {
        Some(subnet) => unfit(&IpCidr::new(address, subnet.prefix_len())),
        None => unfit_alone(address),
    };
    what.map(|what| format!("{address} is {what}"))
}

/// Whether each has the other in its subnet.
pub(crate) fn meet(one: &IpCidr, other: &IpCidr) -> bool {
    one.contains_addr(&other.address()) && other.contains_addr(&one.address())
}

fn has(addresses: &[IpCidr], address: IpAddress) -> bool {
    addresses.iter().any(|own| own.address() == address)
}

fn list(addresses: &[IpCidr]) -> String {
    addresses.iter().map(IpCidr::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    #[test]
    fn only_the_address_of_one_host_is_fit() {
        for (text, fits) in [
            ("192.168.69.1/24", true),
            ("192.168.69.0/24", false),
            ("192.168.69.255/24", false),
            ("192.168.69.255/16", true),
            ("192.168.0.0/16", false),
            ("192.168.69.0/31", true),
            ("192.168.69.1/31", true),
            ("192.168.69.4/30", false),
            ("192.168.69.7/30", false),
            ("192.168.69.0/32", true),
            ("0.0.0.0/0", false),
            ("255.255.255.255/32", false),
            ("127.0.0.1/8", false),
            ("127.9.9.9/32", false),
            ("224.0.0.1/24", false),
            ("fdaa::1/64", true),
            ("fdaa::/64", false),
            ("fdaa::ffff:ffff:ffff:ffff/64", true),
            ("fdaa::/127", true),
            ("fdaa::/128", true),
            ("fdaa::1/0", true),
            ("::/64", false),
            ("::1/128", false),
            ("ff02::1/64", false),
        ] {
            let cidr: IpCidr = text.parse().expect("an address and a prefix");
            assert_eq!(unfit(&cidr).is_none(), fits, "{text}: {:?}", unfit(&cidr));
        }
    }

    #[test]
    fn addresses_that_do_not_go_together_are_refused() {
        let line = |arguments: &str| {
            let words = "tap-demo --iface tap0 ".to_owned() + arguments;
            let cli = Cli::read(words.split_whitespace()).expect("each is fit by itself");
            Line::of(&cli, false).map_err(|Misuse(why)| why)
        };
        for (arguments, part) in [
            ("--ip 10.0.0.1/8 --ip 10.0.0.2/8 --ip 10.0.0.3/8 --ip 10.0.0.4/8", "4 times"),
            ("--host-ip 192.168.69.1/24", "192.168.69.1/24 is this stack's own address"),
            ("--host-ip 10.9.0.1/24", "10.9.0.1/24 is in no subnet with"),
            ("--ip 10.1.0.1/16 --host-ip 10.1.2.3/24", "give both the same prefix length"),
            ("--gateway 192.168.69.1", "192.168.69.1 is this stack's own address"),
            ("--gateway 192.168.70.1", "192.168.70.1 is in no subnet of"),
            ("--ip 192.168.69.1/24 --gateway fdaa::100", "fdaa::100 is in no subnet of"),
            ("--gateway 192.168.69.255", "192.168.69.255 is the broadcast address of its subnet"),
            ("--gateway 192.168.69.100 --gateway 192.168.69.101", "one for IPv4 and one for IPv6"),
        ] {
            let why = line(arguments).expect_err(arguments);
            assert!(why.contains(part) && why.contains('('), "{arguments}: {why}");
        }
        line("--gateway 192.168.69.100 --gateway fdaa::100 --host-ip fe80::2/64")
            .expect("all well");
    }

    #[test]
    fn this_stack_cannot_measure_itself_or_a_crowd() {
        let cli = Cli::read(["tap-demo", "--iface", "tap0"]).expect("nothing is wrong");
        let line = Line::of(&cli, false).expect("the defaults go together");
        for (text, reachable) in [
            ("192.168.69.1", false),
            ("192.168.69.100", true),
            ("192.168.69.255", false),
            ("192.168.70.255", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(unreachable(&line, address).is_none(), reachable, "{text}");
        }
    }

    #[test]
    fn subnets_meet_if_each_covers_the_other_address() {
        for (one, other, expected) in [
            ("10.1.0.1/16", "10.1.2.3/16", true),
            ("10.1.0.1/16", "10.1.2.3/24", false),
            ("10.1.2.1/16", "10.1.2.3/24", true),
            ("10.1.0.1/16", "10.2.0.1/16", false),
            ("10.1.0.1/16", "fdaa::1/64", false),
        ] {
            let [one, other] = [one, other].map(|text| text.parse().expect("a subnet"));
            assert_eq!((meet(&one, &other), meet(&other, &one)), (expected, expected), "{one}");
        }
    }
}
