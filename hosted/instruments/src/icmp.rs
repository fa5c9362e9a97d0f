//! What ICMP says of a datagram that did not arrive, and who says so.

use std::fmt;
use std::net::IpAddr;

/// An ICMP error: of ICMPv6 if it comes from an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Who sent it: the server's machine, a router on the way, or this machine itself.
    pub by: IpAddr,
    /// Its type and its code.
    pub kind: u8,
    /// See there.
    pub code: u8,
}

impl Icmp {
    /// Its meaning in the words of the standards, if it is a common one.
    const fn meaning(&self) -> Option<&'static str> {
        Some(match (self.by, self.kind, self.code) {
            (IpAddr::V4(_), 3, 0 | 6 | 11) => "network unreachable",
            (IpAddr::V4(_), 3, 1 | 7 | 12) | (IpAddr::V6(_), 1, 3) => "host unreachable",
            (IpAddr::V4(_), 3, 2) => "protocol unreachable",
            (IpAddr::V4(_), 3, 3) | (IpAddr::V6(_), 1, 4) => "port unreachable",
            (IpAddr::V4(_), 3, 4) => "fragmentation needed",
            (IpAddr::V4(_), 3, 9 | 10 | 13) | (IpAddr::V6(_), 1, 1) => {
                "administratively prohibited"
            }
            (IpAddr::V6(_), 1, 0) => "no route",
            (IpAddr::V6(_), 1, 2) => "beyond the scope of the source address",
            (IpAddr::V6(_), 1, 5) => "source address refused",
            (IpAddr::V6(_), 1, 6) => "route refused",
            (IpAddr::V6(_), 2, _) => "packet too big",
            (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0) => "hop limit exceeded",
            (IpAddr::V4(_), 11, 1) | (IpAddr::V6(_), 3, 1) => "fragments missing",
            _ => return None,
        })
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, kind, code } = self;
        let icmp = if by.is_ipv4() { "ICMP" } else { "ICMPv6" };
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning} ({icmp} from {by})"),
            None => write!(f, "undeliverable ({icmp} type {kind}, code {code}, from {by})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_and_who() {
        for (by, kind, code, words) in [
            ("10.0.0.1", 3, 3, "port unreachable (ICMP from 10.0.0.1)"),
            ("fe80::1", 1, 4, "port unreachable (ICMPv6 from fe80::1)"),
            ("10.0.0.1", 3, 13, "administratively prohibited (ICMP from 10.0.0.1)"),
            ("fe80::1", 3, 0, "hop limit exceeded (ICMPv6 from fe80::1)"),
            ("10.0.0.1", 12, 1, "undeliverable (ICMP type 12, code 1, from 10.0.0.1)"),
            ("fe80::1", 3, 3, "undeliverable (ICMPv6 type 3, code 3, from fe80::1)"),
        ] {
            let icmp = Icmp { by: by.parse().expect("an address"), kind, code };
            assert_eq!(icmp.to_string(), words);
        }
    }
}
