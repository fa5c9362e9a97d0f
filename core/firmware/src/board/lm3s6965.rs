//! Stellaris LM3S6965 evaluation board: Cortex-M3, 256 KiB of flash, 64 KiB of RAM, with an
//! Ethernet controller on the chip.
//!
//! No interrupt is ever taken: they stay disabled, and a pending one only ends the sleep. So
//! nothing runs beside the program, and nothing needs a lock. QEMU's model of the chip has its
//! clocks and pins switched on; on the real one the console and the controller need that first.

mod clock;
mod console;
mod ethernet;
mod processor;
mod register;
mod semihosting;

use core::fmt::{self, Write};

use echo_core::Instant;
use echo_smoltcp::smoltcp::wire::EthernetAddress;
use static_cell::ConstStaticCell;

use super::{Board, Exit};
use crate::app;
use clock::Clock;
use console::Console;
use ethernet::Ethernet;

pub(crate) const CONNECTIONS: usize = 4;
pub(crate) const RECEIVE: usize = 2048;
pub(crate) const SEND: usize = 2048;
pub(crate) const SESSION: usize = 256;

static ETHERNET: ConstStaticCell<Ethernet> = ConstStaticCell::new(Ethernet::OFF);
static SETTINGS: ConstStaticCell<[u8; 128]> = ConstStaticCell::new([0; 128]);

pub(crate) struct Lm3s6965 {
    clock: Clock,
    ethernet: &'static mut Ethernet,
    settings: &'static str,
}

/// Where the processor begins, once memory is ready.
#[expect(unsafe_code, reason = "boot.s calls it by its name, once")]
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let clock = Clock::start();
    let ethernet = ETHERNET.take();
    ethernet.start();
    console::listen();
    processor::wake_at(&[clock::ALARM, ethernet::LINE, console::LINE]);
    app::serve(Lm3s6965 { clock, ethernet, settings: semihosting::arguments(SETTINGS.take()) })
}

impl Board for Lm3s6965 {
    type Phy = Ethernet;

    fn phy(&mut self) -> &mut Ethernet {
        self.ethernet
    }

    fn mac(&self) -> EthernetAddress {
        ethernet::mac()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The chip has no source of randomness.
    fn seed(&self) -> u64 {
        semihosting::seconds().into()
    }

    fn settings(&self) -> &str {
        self.settings
    }

    fn wait(&mut self, until: Option<Instant>) -> Option<u8> {
        loop {
            // Each is asked after its interrupt was acknowledged: none is slept through.
            processor::acknowledge(&[clock::ALARM, ethernet::LINE, console::LINE]);
            let byte = console::read();
            if byte.is_some() || ethernet::has_frame() || !self.clock.alarm(until) {
                return byte;
            }
            processor::sleep();
        }
    }

    fn log(line: fmt::Arguments<'_>) {
        // The console never fails.
        let _ = writeln!(Console, "{line}");
    }

    fn exit(how: Exit) -> ! {
        semihosting::exit(how)
    }
}
