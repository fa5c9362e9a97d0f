//! When to stop: Ctrl+C (SIGINT), SIGTERM, and SIGHUP (the console closing); and when not to.

use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

/// What the shell shows for a program that ended by Ctrl+C.
const INTERRUPTED: i32 = 130;

/// Signals within this time are one: `timeout` sends its own twice, to the
/// program and to its group.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A request to stop, which a measuring loop looks at and an event loop hears.
#[derive(Debug, Clone)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    sender: Arc<UnixStream>,
    receiver: Arc<UnixStream>,
    /// Nobody looks at requests yet: a signal ends the program.
    unarmed: Arc<AtomicBool>,
}

impl Stop {
    /// A request that only [`request`](Self::request) makes.
    ///
    /// # Errors
    ///
    /// If there is no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        let requested = Arc::new(AtomicBool::new(false));
        let unarmed = Arc::new(AtomicBool::new(true));
        Ok(Self { requested, sender: Arc::new(sender), receiver: Arc::new(receiver), unarmed })
    }

    /// A request that the first signal makes once it is [armed](Self::arm); one that comes
    /// later ends the program at once, with exit code 130. SIGHUP never does that: a console
    /// that closes sends it twice, once by the shell and once by the system. Where it is
    /// ignored from the start, as under nohup, it stays so.
    ///
    /// Until it is armed every signal ends the program at once: whatever the program waits
    /// for (a name server, a peer, a reader of a pipe), there is nothing to finish. The
    /// system would do that by itself, but not for the first process of a container.
    ///
    /// # Errors
    ///
    /// If there is no file descriptor left, or signals cannot be caught.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::new()?;
        let again = Arc::new(AtomicBool::new(false));
        let hangup = (!ignored(SIGHUP)).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            flag::register_conditional_shutdown(signal, INTERRUPTED, stop.unarmed.clone())?;
            if signal != SIGHUP {
                flag::register_conditional_shutdown(signal, INTERRUPTED, again.clone())?;
            }
            flag::register(signal, stop.requested.clone())?;
            low_level::pipe::register(signal, stop.sender.try_clone()?)?;
        }
        let asked = stop.clone();
        thread::Builder::new().spawn(move || {
            asked.wait();
            thread::sleep(AT_ONCE);
            again.store(true, Ordering::Relaxed);
        })?;
        Ok(stop)
    }

    /// From now on there is something to finish: the first signal is a request.
    pub fn arm(&self) {
        self.unarmed.store(false, Ordering::Relaxed);
    }

    /// Asks to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
        // A full pipe has said it already.
        let _ = (&*self.sender).write(b"!");
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Waits until a stop is asked for.
    pub fn wait(&self) {
        // A wait that fails, or is interrupted, is made again.
        while !self.requested() {
            let _ = poll(&mut [PollFd::new(&self.receiver, PollFlags::IN)], None);
        }
    }

    /// Becomes readable when a stop is asked for, and stays so.
    #[must_use]
    pub fn receiver(&self) -> &UnixStream {
        &self.receiver
    }
}

/// A file that may not grow any more is an error of writing to it, as a full disk is. The signal
/// that comes with it (SIGXFSZ) would end the program.
///
/// # Errors
///
/// If signals cannot be caught.
pub fn survive_file_size_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether a signal is ignored, as far as the system tells.
fn ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
