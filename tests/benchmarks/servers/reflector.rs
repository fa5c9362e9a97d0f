//! Sends packets back, changed in place: what a TAP costs without a stack.

mod segment;

use anyhow::Result;
use tun_tap::{Iface, Mode};

pub(super) use self::segment::segment;
use super::spin;
use crate::process::ip;

/// Sends back what `answer` makes an answer of.
pub(super) fn run(answer: fn(&mut [u8]) -> bool, spins: bool) -> Result<()> {
    let iface = Iface::without_packet_info("tap1", Mode::Tap)?;
    ip("addr add 10.9.9.1/24 dev tap1")?;
    ip("link set tap1 up")?;
    ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:09 dev tap1")?;
    if spins {
        iface.set_non_blocking()?;
    }
    println!("10.9.9.2:9");
    let mut frame = [0; 2048];
    loop {
        let length = spin(|| iface.recv(&mut frame))?;
        if !answer(&mut frame[..length]) {
            continue;
        }
        // To swap addresses and ports changes no checksum.
        for (from, to, bytes) in [(0, 6, 6), (26, 30, 4), (34, 36, 2)] {
            let (left, right) = frame.split_at_mut(to);
            left[from..from + bytes].swap_with_slice(&mut right[..bytes]);
        }
        iface.send(&frame[..length])?;
    }
}

/// A datagram over IPv4 answers itself.
pub(super) fn datagram(frame: &mut [u8]) -> bool {
    frame[12..14] == [8, 0] && frame[23] == 17
}
