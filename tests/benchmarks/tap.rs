//! `tap-demo` beside the kernel's TCP over the loopback, and beside reflectors of frames on a TAP.
//!
//! What is left to gain is what lies between it and the reflector of TCP, as far as that was measured (medians of five rounds
//! on two processors, 1000 bytes, MTU 1500):
//!
//! - Both ends spin: 4.55 µs, of which the reflector of TCP takes 4.1 to 4.3. That one is 1.3 to 1.5 above the reflector of
//!   UDP: it is what the client's own TCP costs.
//! - 64 connections: 2.89 µs of the server's processor for an echo, of which the reflector takes 2.36; the kernel's loopback
//!   takes 3.16. Of the 0.53, some 6300 instructions, two thirds are in smoltcp, a twelfth copies, the rest is ours. Larger
//!   receive buffers cost more, 3.06 with 256 KiB and 3.14 with 1 MiB, because smoltcp goes through all of a buffer before it
//!   comes back to what the processor's cache has; but bulk on a wide interface needs them.
//!   That is after the first 64 000 messages: until then each goes into memory that is new, which takes a virtual machine
//!   up to 10 µs for 4 KiB. Large pages (memmap2's advice) made a standstill of it, 0.3 s at the beginning.
//! - Bulk: 429 MB/s, and 391 of the reflector of TCP, which works half of the time: the client is the limit. Of the time of
//!   `tap-demo` 85 % is the kernel's, and the client's TCP is most of that: it sends from where its ACKs come in.
//! - Checksums left out by `IFF_VNET_HDR` save nothing: with its header an echo takes the reflector 2.45 µs with 64
//!   connections, 2.38 if nobody finishes a checksum, and 2.32 without.

use std::time::Duration;

use anyhow::Result;
use echo_instruments::plan::Plan;

use crate::clients::{bulk, bulk_datagrams, datagrams};
use crate::effort::Effort;
use crate::load::{costs, median, offer, per_second, plan};
use crate::namespace;
use crate::process::{CLIENT, Process, SERVER, pin};
use crate::sheet::{Sheet, Unit};

/// The bytes that go there and back in bulk.
const BULK: u64 = 128 << 20;

pub(crate) fn run(effort: &Effort) -> Result<String> {
    namespace::enter()?;
    pin(CLIENT)?;
    // It reads as much at once as an interface of tap-demo's brings.
    let kernel =
        |core, flags: &[&str]| Process::hosted(core, &[&["--buffer", "65536"], flags].concat());
    let tap = |core, flags: &[&str]| Process::tap_demo(core, flags);
    let bare = |core, flags: &[&str]| match flags {
        ["--spin"] => Process::start(core, &["spinning", "tcp", "reflector"]),
        _ => Process::start(core, &["tcp", "reflector"]),
    };
    type Start = fn(usize, &[&str]) -> Result<Process>;
    let servers: [(_, Start, &[&str]); 6] = [
        ("the kernel's: `hosted server --buffer 65536`", kernel, &[]),
        ("`tap-demo`", tap, &[]),
        ("`tap-demo --mtu 1500`", tap, &["--mtu", "1500"]),
        ("`tap-demo --offload`", tap, &["--offload"]),
        ("`tap-demo --sockets 1024`", tap, &["--sockets", "1024"]),
        ("no stack: a reflector of TCP", bare, &[]),
    ];
    let columns = [
        ("round trip, one processor", Unit::Time),
        ("on two", Unit::Time),
        ("both ends spin", Unit::Time),
        ("64 connections", Unit::PerSecond),
        ("server's processor time for each", Unit::Time),
        ("bulk", Unit::BytesPerSecond),
    ];
    let names = servers.map(|(name, ..)| name).into_iter().chain(["no stack: a reflector of UDP"]);
    let mut sheet = Sheet::new("stack", names, &columns);
    let time = effort.time(Duration::from_millis(500));
    let spinning = Plan { spin: Duration::MAX, ..plan(1, time) };
    effort.rounds(5, servers.len() + 1, |turns| {
        for &row in turns {
            let Some((_, start, flags)) = servers.get(row) else {
                for (column, value) in reflector(time)? {
                    sheet.note(row, column, value);
                }
                continue;
            };
            let round_trip = |server: &Process, plan: &Plan| median(&offer(server.address, plan)?);
            let server = start(CLIENT, flags)?;
            sheet.note(row, 0, round_trip(&server, &plan(1, time))?);
            drop(server);
            let server = start(SERVER, flags)?;
            sheet.note(row, 1, round_trip(&server, &plan(1, time))?);
            // Once through all of the buffers, whose memory is new.
            offer(server.address, &plan(64, 2 * time))?;
            let (out, cost) = costs(&server, &plan(64, time))?;
            sheet.note(row, 3, per_second(&out)?);
            sheet.note(row, 4, cost);
            sheet.note(row, 5, bulk(server.address, effort.count(BULK))?);
            drop(server);
            let server = start(SERVER, &[flags, &["--spin"][..]].concat())?;
            sheet.note(row, 2, round_trip(&server, &spinning)?);
        }
        Ok(())
    })?;
    Ok(format!(
        "### TAP\n\nMessages of 1000 bytes, on one connection or 64; these have passed through the server's buffers once before. Bulk is 128 MiB in one go. An interface of `tap-demo`'s own has an MTU of 65 521 unless `--mtu` or `--offload` is given. \
         A reflector swaps the addresses of a packet and sends it back: what a TAP costs without a stack. That of TCP answers with the numbers that it was sent and remembers nothing: no stack takes less. Its window has 64 KiB, as with `--mtu 1500`.\n\n{sheet}"
    ))
}

/// Its round trips, and its bytes per second, by their columns.
fn reflector(time: Duration) -> Result<[(usize, f64); 4]> {
    let asleep = |core| -> Result<_> {
        let server = Process::start(core, &["reflector"])?;
        Ok((datagrams(server.address, false, time)?, server))
    };
    let (one, _) = asleep(CLIENT)?;
    let (two, server) = asleep(SERVER)?;
    let bytes = bulk_datagrams(server.address, time)?;
    drop(server);
    let server = Process::start(SERVER, &["spinning", "reflector"])?;
    Ok([(0, one), (1, two), (2, datagrams(server.address, true, time)?), (5, bytes)])
}
