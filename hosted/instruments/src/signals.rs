//! When to stop: Ctrl+C (SIGINT), SIGTERM, and SIGHUP (the console closing); and when not to.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::mem::take;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};

use crate::beside::beside;

/// What the shell shows for a program that ended by Ctrl+C.
const INTERRUPTED: i32 = 130;

/// Signals within this time are one: `timeout` sends its own twice, to the
/// program and to its group.
const AT_ONCE: Duration = Duration::from_millis(100);

/// They end a program by themselves, and are no request. Those that tell of a fault of its own are left
/// alone, and those that serve profilers.
const FATAL: [i32; 6] = [SIGABRT, SIGALRM, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU];

/// What is done before a signal ends the program.
static LAST_ACTS: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::new(Vec::new());

/// Adds to what is done before a signal ends the program at once, where
/// [signals are heard](Stop::on_signals).
pub fn before_exit(act: impl FnOnce() + Send + 'static) {
    LAST_ACTS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(act));
}

fn perform_last_acts() {
    let acts = take(&mut *LAST_ACTS.lock().unwrap_or_else(PoisonError::into_inner));
    acts.into_iter().for_each(|act| act());
}

/// What the signals of [`Stop::on_signals`] set: they are those of the whole process.
static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Whether a signal has asked this process to end.
pub(crate) fn asked_to_end() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}

/// A request to stop, which a measuring loop polls and an event loop is woken by.
#[derive(Debug, Clone)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    /// When the first request was made, and how long after it the event loop is woken.
    asked: Arc<OnceLock<(Instant, Duration)>>,
    /// How long after a signal that is.
    notice: Arc<OnceLock<Duration>>,
    /// Whether it was woken.
    due: Arc<AtomicBool>,
    sender: Arc<UnixStream>,
    receiver: Arc<UnixStream>,
    /// Whether requests are handled: then the first signal does not end the program.
    armed: Arc<AtomicBool>,
    /// What is done at the first request.
    first_act: Deed,
}

/// Something to be done once, with this notice.
#[derive(Clone, Default)]
struct Deed(Arc<Mutex<Option<Act>>>);

type Act = Box<dyn FnOnce(Duration) + Send>;

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
        Ok(Self {
            requested: Arc::default(),
            asked: Arc::default(),
            notice: Arc::default(),
            due: Arc::default(),
            sender: Arc::new(sender),
            receiver: Arc::new(receiver),
            armed: Arc::default(),
            first_act: Deed::default(),
        })
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
        ASKED.get_or_init(|| stop.requested.clone());
        let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        let signals = [SIGINT, SIGTERM].into_iter().chain(hangup);
        for signal in signals.clone() {
            // A call that the signal interrupts is followed by a check of this flag.
            flag::register(signal, stop.requested.clone())?;
        }
        let fatal = FATAL.into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(signals.chain(fatal))?;
        let heard = stop.clone();
        beside("signals", move || {
            for signal in signals.forever() {
                heard.hear(signal);
            }
        })?;
        Ok(stop)
    }

    fn hear(&self, signal: i32) {
        if FATAL.contains(&signal) {
            perform_last_acts();
            let _ = low_level::emulate_default_handler(signal);
        }
        let asked = self.asked.get();
        let again = asked.is_some_and(|(at, _)| at.elapsed() >= AT_ONCE) && signal != SIGHUP;
        if again || !self.armed.load(Ordering::Relaxed) {
            perform_last_acts();
            low_level::exit(INTERRUPTED);
        }
        self.ask(self.notice.get().copied().unwrap_or_default());
    }

    /// Sets what is done when a stop is asked for, by whoever asks, with this notice.
    pub fn at_request(&self, first_act: impl FnOnce(Duration) + Send + 'static) {
        self.first_act.plan(first_act);
        if let Some((_, notice)) = self.asked.get() {
            self.first_act.perform(*notice);
        }
    }

    /// Sets how long after a signal the event loop is woken; [`requested`](Self::requested) tells of it at once.
    pub fn give_notice(&self, notice: Duration) {
        self.notice.get_or_init(|| notice);
    }

    /// From now on there is something to finish: the first signal is a request.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Asks to stop, without notice.
    pub fn request(&self) {
        self.ask(Duration::ZERO);
    }

    fn ask(&self, notice: Duration) {
        let first = self.asked.set((Instant::now(), notice)).is_ok();
        self.requested.store(true, Ordering::Relaxed);
        let stop = self.clone();
        let later = move || {
            thread::sleep(notice);
            stop.wake();
        };
        if notice.is_zero() || first && beside("notice", later).is_err() {
            self.wake();
        }
        self.first_act.perform(notice);
    }

    fn wake(&self) {
        self.due.store(true, Ordering::Relaxed);
        // A full pipe has woken the loop already.
        let _ = (&*self.sender).write(b"!");
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether a stop was asked for, and the notice of it is over.
    #[must_use]
    pub fn due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
    }

    /// Waits until a stop is asked for.
    pub fn wait(&self) {
        // A wait that fails, or is interrupted, is repeated.
        while !self.requested() {
            let _ = poll(&mut [PollFd::new(&self.receiver, PollFlags::IN)], None);
        }
    }

    /// Becomes readable when a stop is due, and stays so.
    #[must_use]
    pub fn receiver(&self) -> &UnixStream {
        &self.receiver
    }
}

impl Deed {
    fn plan(&self, act: impl FnOnce(Duration) + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    fn perform(&self, notice: Duration) {
        let act = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(act) = act {
            act(notice);
        }
    }
}

impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deed").finish_non_exhaustive()
    }
}

/// Becomes readable each time that one of these comes, whatever else is done about it. None of
/// them ends the program by itself any more; one that is ignored stays so.
///
/// # Errors
///
/// If there is no file descriptor left, or signals cannot be caught.
pub fn notice(signals: &[Signal]) -> io::Result<UnixStream> {
    let (sender, receiver) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    for signal in signals.iter().map(|signal| signal.as_raw()).filter(|signal| !is_ignored(*signal))
    {
        low_level::pipe::register(signal, sender.try_clone()?)?;
    }
    Ok(receiver)
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
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
