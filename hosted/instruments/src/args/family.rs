//! `-4` and `-6`: the address family that is used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, bail};
use clap::Args;

use super::TARGET;
use crate::target::Target;
use crate::verdict::Misuse;

/// The address family, if only one is wanted.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Family {
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = TARGET)]
    pub ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, help_heading = TARGET)]
    pub ipv6: bool,
}

impl Family {
    /// All addresses of `target` in this family.
    ///
    /// # Errors
    ///
    /// If the name is unknown, or has no address of the family; a [`Misuse`] if the target is an
    /// address of the other one.
    pub fn resolve(self, target: &Target, default_port: u16) -> Result<Vec<SocketAddr>> {
        // An interface may follow an IPv6 address, which only the resolver understands.
        if target.host.contains(':') {
            self.admit(true, target)?;
        } else if target.host.parse::<Ipv4Addr>().is_ok() {
            self.admit(false, target)?;
        }
        let mut addresses = target.resolve(default_port)?;
        addresses.retain(|address| self.admits(address.is_ipv6()));
        if addresses.is_empty() {
            let (flag, family) = if self.ipv4 { ("-4", "IPv4") } else { ("-6", "IPv6") };
            bail!("cannot resolve \"{target}\": the name has no {family} address (see {flag})");
        }
        Ok(addresses)
    }

    /// Refuses local addresses of the other family.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] that names the first of them.
    pub fn admit_all(self, sources: &[IpAddr]) -> Result<()> {
        sources.iter().try_for_each(|source| self.admit(source.is_ipv6(), source))
    }

    fn admit(self, ipv6: bool, address: impl std::fmt::Display) -> Result<()> {
        if self.admits(ipv6) {
            return Ok(());
        }
        let (flag, family) = if ipv6 { ("-4", "IPv6") } else { ("-6", "IPv4") };
        bail!(Misuse(format!("cannot use {flag} with {address}: it is an {family} address")));
    }

    const fn admits(self, ipv6: bool) -> bool {
        if ipv6 { !self.ipv4 } else { !self.ipv6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Family = Family { ipv4: false, ipv6: false };
    const IPV4: Family = Family { ipv4: true, ipv6: false };
    const IPV6: Family = Family { ipv4: false, ipv6: true };

    fn resolve(family: Family, target: &str) -> Result<Vec<SocketAddr>> {
        family.resolve(&target.parse().expect("a target"), 7)
    }

    #[test]
    fn addresses_of_the_family_are_kept() {
        for (family, target) in
            [(ANY, "127.0.0.1"), (IPV4, "127.0.0.1"), (ANY, "[::1]:7"), (IPV6, "::1")]
        {
            assert_eq!(resolve(family, target).expect("an address").len(), 1, "{target}");
        }
        let all = resolve(ANY, "localhost").expect("everybody has it");
        let kept = resolve(IPV4, "localhost").expect("everybody has it");
        assert!(kept.iter().all(SocketAddr::is_ipv4) && kept.iter().all(|it| all.contains(it)));
    }

    #[test]
    fn an_address_of_the_other_family_is_a_misuse() {
        for (family, target, said) in [
            (IPV6, "127.0.0.1:7", "cannot use -6 with 127.0.0.1:7: it is an IPv4 address"),
            (IPV4, "::1", "cannot use -4 with ::1: it is an IPv6 address"),
            (IPV4, "fe80::1%none", "cannot use -4 with fe80::1%none: it is an IPv6 address"),
        ] {
            let error = resolve(family, target).expect_err("the other family");
            assert_eq!(error.downcast_ref::<Misuse>().expect("a misuse").0, said);
        }
        let sources = ["127.0.0.1", "::1"].map(|ip| ip.parse().expect("an address"));
        assert!(ANY.admit_all(&sources).is_ok() && IPV4.admit_all(&sources[..1]).is_ok());
        let error = IPV4.admit_all(&sources).expect_err("the other family").to_string();
        assert_eq!(error, "cannot use -4 with ::1: it is an IPv6 address");
    }
}
