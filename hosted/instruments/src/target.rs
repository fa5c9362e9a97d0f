//! Names and addresses, as people write and read them.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::reason::reason;
use crate::terminal::escape::Escaped;

/// A host, by name or address, and perhaps a port: `board.local`,
/// `10.0.0.7:2333`, `[::1]:2333`, `::1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name, or the address without brackets.
    pub host: String,
    /// The port, if one was given.
    pub port: Option<u16>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) =
                rest.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
            (host, (!after.is_empty()).then_some(after))
        } else if text.matches(':').count() == 1 {
            let (host, _) = text.split_once(':').unwrap_or((text, ""));
            (host, Some(&text[host.len()..]))
        } else {
            (text, None)
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err("expected HOST, HOST:PORT, IPV6 or '[IPV6]:PORT'".into());
        }
        let port = port.map(|port| port.strip_prefix(':').unwrap_or("").parse()).transpose();
        let port = port.map_err(|_| "the port must be a number from 0 to 65535")?;
        Ok(Self { host: host.into(), port })
    }
}

impl Target {
    /// The name under which `address` of this host is shown: its own, if it was given by name.
    #[must_use]
    pub fn called(&self, address: SocketAddr) -> String {
        if self.host.parse() == Ok(address.ip()) {
            return address.to_string();
        }
        Self { host: self.host.clone(), port: Some(address.port()) }.to_string()
    }

    /// All addresses of the host, each once, in the resolver's order.
    ///
    /// # Errors
    ///
    /// If the name is unknown.
    pub fn resolve(&self, default_port: u16) -> Result<Vec<SocketAddr>> {
        let port = self.port.unwrap_or(default_port);
        let answers = (self.host.as_str(), port).to_socket_addrs().map_err(|error| {
            let (name, reason) = (self.shown(), reason(&error));
            anyhow!("cannot resolve \"{name}\": {reason} (check the name, or give an address)")
        })?;
        let addresses = each_once(answers);
        if addresses.is_empty() {
            bail!("cannot resolve \"{}\": the name has no address", self.shown());
        }
        Ok(addresses)
    }

    /// The host as it is shown: the name may have been written to do harm.
    fn shown(&self) -> Escaped<'_> {
        Escaped(self.host.as_bytes())
    }
}

/// How long an address of a host may keep silent before the next is tried ([RFC 8305], section 5).
///
/// [RFC 8305]: https://www.rfc-editor.org/rfc/rfc8305
pub const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses without repetitions: a hosts file may name one twice.
fn each_once(answers: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in answers {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.shown()),
            Some(port) => write!(f, "{}:{port}", self.shown()),
            None => self.shown().fmt(f),
        }
    }
}

/// The address without its port; the interface of a link-local one stays with it.
#[must_use]
pub fn ip(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}

/// The address as people know it: an IPv4 peer of a dual-stack socket is shown as IPv4.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        for (text, host, port) in [
            ("board.local", "board.local", None),
            ("10.0.0.7:2333", "10.0.0.7", Some(2333)),
            ("[::1]:2333", "::1", Some(2333)),
            ("[::1]", "::1", None),
            ("::1", "::1", None),
            ("fe80::1%eth0", "fe80::1%eth0", None),
        ] {
            assert_eq!(text.parse(), Ok(Target { host: host.into(), port }), "{text}");
        }
    }

    #[test]
    fn wrong_targets_are_refused() {
        for text in ["", ":2333", "host:", "host:70000", "host:x", "[::1", "[::1]2333", "a b"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_does_nothing_to_a_terminal() {
        // Two dots in a row: no name server need be asked.
        for text in ["\x1b[2J..host", "ho..\u{202e}st:7", "[\x07..::1]:7"] {
            let target: Target = text.parse().expect("no blank");
            let error = target.resolve(7).expect_err("no such name").to_string();
            let named = target.to_string();
            let obeyed = |c: char| c.is_control() || c == '\u{202e}';
            assert!(named.contains('\\') && !named.contains(obeyed), "{named}");
            assert!(error.contains('\\') && !error.contains(obeyed), "{error}");
        }
    }

    #[test]
    fn an_address_that_is_named_twice_is_one() {
        let [one, other] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], 7)));
        assert_eq!(each_once([one, other, one].into_iter()), [one, other]);
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let link_local = SocketAddrV6::new("fe80::1".parse().expect("IPv6"), 7, 0, 3);
        assert_eq!(ip(link_local.into()), "fe80::1%3");
        assert_eq!(ip(SocketAddr::from(([10, 0, 0, 1], 7))), "10.0.0.1");
    }
}
