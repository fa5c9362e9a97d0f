//! How much passes at once: the MTU, and the buffers of a connection.
//!
//! Behind an interface that nobody else has made there is only this host, which takes frames of any
//! size: bulk transfer is then several times as fast. Whatever may have another hop behind it has
//! the MTU of Ethernet: a bridge drops what is larger than the MTU of the next port, and of UDP and
//! ICMP nobody tells this stack so.

use crate::cli::Cli;

/// The MTU of Ethernet, in bytes.
const ETHERNET: usize = 1500;

/// The largest MTU of a TAP interface, in bytes: a frame has 65535.
const LARGEST: usize = 65_521;

/// The buffers of a connection, in bytes,
const BUFFER: usize = 64 << 10;

/// and where only this host is behind the interface,
const LARGE: usize = 1 << 20;

/// unless those of one direction are together larger than this: it is reserved, but not used before it is
/// needed.
const TOGETHER: usize = 256 << 20;

/// With fewer segments in a buffer, both ends wait for each other's acknowledgements.
const SEGMENTS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    /// The MTU to set on the interface.
    pub(super) mtu: Option<u32>,
    pub(super) receive: usize,
    pub(super) send: usize,
}

impl Width {
    /// What is asked for, or fits an interface that is the program's `own`: made for this run.
    pub(super) fn of(cli: &Cli, own: bool) -> Self {
        let wide = own
            && cli.command.is_none()
            && cli.mtu.is_none()
            && !cli.offload
            && cli.gateway.is_empty();
        let each = TOGETHER / cli.server.sockets as usize;
        let default = if wide { each.clamp(BUFFER, LARGE) } else { BUFFER };
        let [receive, send] =
            [cli.rx_buffer, cli.tx_buffer].map(|asked| asked.map_or(default, |size| size as usize));
        let largest = (receive.min(send) / SEGMENTS).clamp(ETHERNET, LARGEST);
        Self { mtu: cli.mtu.or(wide.then_some(largest as u32)), receive, send }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(arguments: &str, own: bool) -> (Option<u32>, usize, usize) {
        let line = format!("tap-demo --iface tap0 {arguments}");
        let cli = Cli::read(line.split_whitespace()).expect("good arguments");
        let Width { mtu, receive, send } = Width::of(&cli, own);
        (mtu, receive, send)
    }

    #[test]
    fn what_only_this_host_is_behind_is_wide() {
        assert_eq!(width("", true), (Some(65_521), 1 << 20, 1 << 20));
        // A fault changes nothing but itself: runs with and without it can be compared.
        assert_eq!(width("--drop-chance 1 --delay 1ms", true), width("", true));
        assert_eq!(width("", false), (None, 65_536, 65_536));
    }

    #[test]
    fn what_may_lead_further_is_not() {
        for arguments in ["--gateway 192.168.69.100", "--offload", "rate 192.168.69.100"] {
            assert_eq!(width(arguments, true), (None, 65_536, 65_536), "{arguments}");
        }
        assert_eq!(width("--mtu 1500", true), (Some(1500), 65_536, 65_536));
    }

    #[test]
    fn what_is_asked_for_holds_and_the_rest_fits_it() {
        assert_eq!(width("--rx-buffer 524288", true), (Some(32_768), 524_288, 1 << 20));
        assert_eq!(width("--tx-buffer 4096", true), (Some(1500), 1 << 20, 4096));
        assert_eq!(width("--rx-buffer 4096", false), (None, 4096, 65_536));
        assert_eq!(width("--sockets 1024", true), (Some(16_384), 262_144, 262_144));
        assert_eq!(width("--sockets 65536", true), (Some(4096), 65_536, 65_536));
    }
}
