//! QEMU's `microvm`: an x86-64 processor, a PC's timer and serial line, and virtio-net.

#![expect(unsafe_code, reason = "where the loader puts its words")]

mod clock;
mod console;
mod memory;
mod net;
mod port;
mod queue;
mod trap;

use core::arch::global_asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::time::Duration;
use core::{ptr, slice};

use echo_core::Instant;
use echo_smoltcp::smoltcp::wire::EthernetAddress;

use self::clock::Clock;
use self::console::Console;
use self::net::Net;
use super::{Board, Exit};
use crate::app;

pub(crate) const CONNECTIONS: usize = 4;
pub(crate) const RECEIVE: usize = 4096;
pub(crate) const SEND: usize = 4096;
pub(crate) const SESSION: usize = 1024;

global_asm!(include_str!("microvm/boot.s"));

pub(crate) struct Microvm {
    settings: &'static str,
    clock: Clock,
    net: Net,
}

/// From `boot.s`, once, with the loader's words (Xen's `hvm_start_info`).
#[unsafe(no_mangle)]
extern "C" fn main(start_info: usize) -> ! {
    trap::prepare();
    let Some((net, line)) = Net::new() else {
        Microvm::log(format_args!("no virtio-net"));
        Microvm::exit(Exit::Unfit)
    };
    trap::listen(1 << line);
    app::serve(Microvm { settings: settings(start_info), clock: Clock::new(), net })
}

/// The command line, whose address is in the loader's words.
fn settings(start_info: usize) -> &'static str {
    const LONGEST: usize = 1024;
    // SAFETY: the loader's memory, which nobody writes to any more. Volatile, or the loop would
    // become a call of `strlen`.
    let line = unsafe {
        let line = ptr::with_exposed_provenance::<u64>(start_info + 24).read_unaligned();
        let line = ptr::with_exposed_provenance::<u8>(line as usize);
        let length = (0..LONGEST).take_while(|place| line.add(*place).read_volatile() != 0).count();
        slice::from_raw_parts(line, length)
    };
    str::from_utf8(line).unwrap_or("not-utf-8")
}

impl Board for Microvm {
    type Phy = Net;

    fn phy(&mut self) -> &mut Net {
        &mut self.net
    }

    fn mac(&self) -> EthernetAddress {
        self.net.mac
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn seed(&self) -> u64 {
        clock::ticks()
    }

    fn settings(&self) -> &str {
        self.settings
    }

    fn wait(&mut self, until: Option<Instant>) -> Option<u8> {
        let asked = console::read();
        if asked.is_none() && !self.net.stirred() {
            let left = |at: Instant| at.saturating_duration_since(self.now());
            let after = until.map_or(Duration::MAX, left);
            if !after.is_zero() {
                clock::alarm(after);
                trap::sleep();
            }
        }
        asked
    }

    fn log(line: fmt::Arguments<'_>) {
        // The serial line takes everything.
        let _ = writeln!(Console, "{line}");
    }

    fn exit(how: Exit) -> ! {
        // QEMU's status is twice that, and 1.
        port::EXIT.write(how as u8);
        loop {
            trap::sleep();
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    Microvm::log(format_args!("{info}"));
    Microvm::exit(Exit::Panicked)
}
