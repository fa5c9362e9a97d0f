//! Exceptions, which are told and end everything, and interrupts, which wake from HLT.

#![expect(unsafe_code, reason = "tables of the processor")]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ptr;

use super::port::PIC;
use super::{Board, Exit, Microvm};

/// The first vector that is an interrupt, not an exception.
const INTERRUPTS: usize = 32;
const LINES: usize = 16;

/// Tables that the processor reads, at addresses that are exposed to it. Nobody else does, once they
/// are filled in.
#[repr(C, align(16))]
struct Tables {
    gates: UnsafeCell<[[u64; 2]; INTERRUPTS + LINES]>,
    /// The task state: of it only the first stack of the interrupt stack table counts.
    task: UnsafeCell<[u32; 26]>,
    /// Exceptions have a stack of their own: the usual one may have overflowed.
    stack: UnsafeCell<[u128; 128]>,
}

// SAFETY: there is one processor, and it runs one program.
unsafe impl Sync for Tables {}

static TABLES: Tables = Tables {
    gates: UnsafeCell::new([[0; 2]; INTERRUPTS + LINES]),
    task: UnsafeCell::new([0; 26]),
    stack: UnsafeCell::new([0; 128]),
};

unsafe extern "C" {
    /// 32 entries of 16 bytes.
    safe static exceptions: [[u8; 16]; INTERRUPTS];
    fn interrupt();
    static gdt: UnsafeCell<[u64; 5]>;
}

/// From here on exceptions are told. Once, at the start.
pub(super) fn prepare() {
    // SAFETY: nobody uses the tables yet. The addresses lie below 4 GiB, as the whole image.
    unsafe {
        let gates = &mut *TABLES.gates.get();
        for (gate, entry) in gates.iter_mut().zip(&exceptions) {
            *gate = self::gate(entry.as_ptr().addr() as u64, 1);
        }
        gates[INTERRUPTS..].fill(gate(interrupt as *const () as u64, 0));
        let top = TABLES.stack.get().add(1).expose_provenance() as u32;
        (*TABLES.task.get())[9] = top;
        let task = TABLES.task.get().expose_provenance() as u64;
        // A task state of 104 bytes, available.
        (*gdt.get())[3] = 103 | (task & 0xff_ffff) << 16 | 0x89 << 40 | (task >> 24 & 0xff) << 56;
        asm!("ltr {:x}", in(reg) 3 * 8);
        let table = TABLES.gates.get().expose_provenance() as u64;
        let pointer = [(size_of_val(gates) as u64 - 1) | table << 16, table >> 48];
        asm!("lidt [{}]", in(reg) &pointer);
    }
    // The processor's own interrupt controller is on, and lets the others through.
    for (register, value) in [(0xfee0_00f0, 0x1ff), (0xfee0_0350, 0x700)] {
        // SAFETY: a device's register; nothing of ours lies there.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
    }
    // Both controllers: edges, four command words; their lines follow the exceptions.
    for ([command, data], first, wiring) in [(PIC[0], 32, 4), (PIC[1], 40, 2)] {
        command.write(0x11);
        for word in [first, wiring, 1] {
            data.write(word);
        }
    }
    listen(0);
}

/// Lets these interrupts through, beside the timer's, which is line 0.
pub(super) fn listen(lines: u16) {
    // Line 2 is the second controller.
    let [low, high] = (!(lines | 0b101)).to_le_bytes();
    PIC[0][1].write(low);
    PIC[1][1].write(high);
}

/// Sleeps until an interrupt. One that came since the last time is not lost.
pub(super) fn sleep() {
    // SAFETY: a handler changes nothing but what is below the stack pointer, and without
    // `nostack` nothing is.
    unsafe { asm!("sti", "hlt", "cli") };
}

fn gate(entry: u64, stack: u64) -> [u64; 2] {
    // An interrupt gate in the code segment: it leaves interrupts disabled.
    [
        entry & 0xffff | 8 << 16 | stack << 32 | 0x8e << 40 | (entry >> 16 & 0xffff) << 48,
        entry >> 32,
    ]
}

#[unsafe(no_mangle)]
extern "C" fn fault(vector: u64, error: u64, at: u64, address: u64) -> ! {
    Microvm::log(format_args!(
        "exception {vector}, error {error:#x}, at {at:#x}, address {address:#x}"
    ));
    Microvm::exit(Exit::Panicked)
}
