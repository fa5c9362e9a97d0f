//! Threads beside the one that measures.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Starts a thread with this name, which leaves the signal to continue (SIGCONT) to others.
///
/// A signal is handled by whichever thread takes it. If that is not the one that measures, this
/// one may be back at its work before it can know that it was stopped, and take the stop for a
/// slow echo.
///
/// # Errors
///
/// If there can be no more threads.
pub fn beside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCONT);
    // It starts with what is blocked here now.
    let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    before.thread_set_mask()?;
    thread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_new_thread_leaves_the_signal_to_others() {
        let blocked = || SigSet::thread_get_mask().expect("a mask").contains(Signal::SIGCONT);
        let thread = beside("test", blocked).expect("a thread");
        assert!(thread.join().expect("no panic"));
        assert!(!blocked());
    }
}
