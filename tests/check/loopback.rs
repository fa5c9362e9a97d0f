//! The list on the operating system's TCP, from both ends.

use crate::list;
use crate::sockets::{over_sockets, served};

fn passes_on(threads: usize) {
    list::all_pass(&[], |needs, check| {
        served("127.0.0.1", needs.rules(), threads, |address| over_sockets(needs, address, check));
    });
}

#[test]
fn our_server_passes_on_one_thread() {
    passes_on(1);
}

#[test]
fn our_server_passes_on_four_threads() {
    passes_on(4);
}
