//! Addresses that cannot work, as far as the command line alone shows. They are refused before
//! anything is opened.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, anyhow};
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

/// The servers among these that this stack can reach.
///
/// # Errors
///
/// If there is none: a [`Misuse`] if no stack could reach any of them.
pub(crate) fn reachable(line: &Line, servers: &[SocketAddr]) -> Result<Vec<SocketAddr>> {
    let why = |server: &SocketAddr| unreachable(line, server.ip().into());
    let reachable: Vec<_> = servers.iter().filter(|it| why(it).is_none()).copied().collect();
    if !reachable.is_empty() {
        return Ok(reachable);
    }
    let away: Vec<_> =
        servers.iter().filter(|it| matches!(why(it), Some(Unreachable::NoWay(_)))).collect();
    if away.is_empty() {
        let reasons: Vec<_> = servers.iter().filter_map(why).map(|it| it.to_string()).collect();
        return Err(Misuse(format!(
            "{}: no server can be reached there (give the address of another host, like this \
             machine's on {})",
            reasons.join(", and "),
            line.iface
        ))
        .into());
    }
    let away: Vec<_> = away.into_iter().map(SocketAddr::to_string).collect();
    Err(anyhow!(
        "cannot reach {}: {} (give the address of a router with --gateway, or this stack one in the \
         same subnet with --ip)",
        away.join(" nor "),
        Unreachable::NoWay(list(&line.addresses))
    ))
}

/// Why this stack cannot reach an address.
#[derive(Debug)]
pub(crate) enum Unreachable {
    /// It is not that of another host.
    Unfit(IpAddress, &'static str),
    /// It is in none of these subnets, and there is no gateway.
    NoWay(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(address, what) => write!(f, "{address} is {what}"),
            Self::NoWay(subnets) => write!(f, "network is unreachable from this stack's {subnets}"),
        }
    }
}

/// Why this stack cannot reach an address, if so.
pub(crate) fn unreachable(line: &Line, address: IpAddress) -> Option<Unreachable> {
    let Line { addresses, gateways, .. } = line;
    if has(addresses, address) {
        return Some(Unreachable::Unfit(address, "this stack's own address"));
    }
    let subnet = addresses.iter().find(|own| own.contains_addr(&address));
    let what = match subnet {
        Some(subnet) => unfit(&IpCidr::new(address, subnet.prefix_len())),
        None => unfit_alone(address),
    };
    if let Some(what) = what {
        return Some(Unreachable::Unfit(address, what));
    }
    // A gateway is in a subnet of its own family, unless the host has lost that.
    let through = |gateway: &IpAddress| {
        gateway.version() == address.version()
            && addresses.iter().any(|own| own.contains_addr(gateway))
    };
    let way = subnet.is_some() || gateways.iter().any(through);
    (!way).then(|| Unreachable::NoWay(list(addresses)))
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
        for (text, expected) in [
            ("192.168.69.1", false),
            ("192.168.69.100", true),
            ("192.168.69.255", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("fe80::1", false),
            ("fe80::2", true),
            ("ff02::1", false),
            ("224.0.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
        ] {
            let server = SocketAddr::new(text.parse().expect("an address"), 7);
            match reachable(&line, &[server]) {
                Ok(servers) => assert!(expected && servers == [server], "{text}"),
                Err(error) => assert!(!expected && error.is::<Misuse>(), "{error}"),
            }
        }
    }

    #[test]
    fn who_is_in_no_subnet_is_reached_through_a_gateway_of_the_family() {
        for (gateways, v4, v6) in [
            ("", false, false),
            ("--gateway 192.168.69.100", true, false),
            ("--gateway fdaa::100", false, true),
            ("--gateway 192.168.69.100 --gateway fdaa::100", true, true),
        ] {
            let words = "tap-demo --iface tap0 ".to_owned() + gateways;
            let cli = Cli::read(words.split_whitespace()).expect("each is fit by itself");
            let mut line = Line::of(&cli, false).expect("they go together");
            let own = SocketAddr::new(line.addresses[0].address().into(), 7);
            let servers = [("10.1.2.3:7", v4), ("192.168.70.255:7", v4), ("[fdab::1]:7", v6)];
            let servers = servers.map(|(text, way)| (text.parse().expect("an address"), way));
            for (server, way) in servers {
                match reachable(&line, &[own, server]) {
                    Ok(servers) => assert!(way && servers == [server], "{server} {gateways}"),
                    Err(error) => {
                        assert!(!way && !error.is::<Misuse>(), "{error}");
                        let words = format!("cannot reach {server}: network is unreachable from ");
                        let subnets = "192.168.69.1/24, fdaa::1/64, fe80::1/64 (";
                        let error = error.to_string();
                        assert!(error.starts_with(&words) && error.contains(subnets), "{error}");
                    }
                }
            }
            // Where the host lacks IPv6, a gateway is none either.
            line.addresses.truncate(1);
            let all: Vec<_> = servers.iter().map(|(server, _)| *server).collect();
            let expected = if v4 { all[..2].to_vec() } else { Vec::new() };
            assert_eq!(reachable(&line, &all).unwrap_or_default(), expected, "{gateways}");
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
