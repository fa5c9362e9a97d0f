//! What no bytes and no order of events may do to [`echo_core`] and [`echo_smoltcp`].
//!
//! Each target is a function that reads bytes as a list of things that happen, does them, and
//! panics where a promise is broken. The fuzzer calls it with bytes that find new ways through
//! the code (`core/fuzz`), the tests of this crate with random ones and with those that once
//! found a fault: a promise is written down once.

mod datagrams;
mod exit;
mod frame;
mod headers;
mod payload;
mod probe;
mod session;
mod states;
mod wire;

use arbitrary::{Result, Unstructured};

/// A target: nothing may make it panic. It uses as many of the bytes as it can.
pub type Target = fn(&[u8]);

/// All targets by their names.
pub const TARGETS: [(&str, Target); 7] = [
    ("session", |bytes| run(bytes, session::keeps_its_promises)),
    ("exit", |bytes| run(bytes, exit::holds_back_the_word_alone)),
    ("probe", |bytes| run(bytes, probe::judges_what_came)),
    ("payload", |bytes| run(bytes, payload::tells_where_bytes_come_from)),
    ("headers", |bytes| run(bytes, headers::are_read_as_smoltcp_reads_them)),
    ("states", |bytes| run(bytes, states::are_left_only_by_right_segments)),
    ("datagrams", |bytes| run(bytes, datagrams::are_answered_whole_and_once)),
];

/// The target with this name.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let named = TARGETS.into_iter().find(|(each, _)| *each == name);
    named.expect("one of TARGETS").1
}

/// Bytes that are at their end are no fault.
fn run(bytes: &[u8], body: fn(&mut Unstructured<'_>) -> Result<()>) {
    let _ = body(&mut Unstructured::new(bytes));
}
