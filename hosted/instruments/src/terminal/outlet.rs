//! Text for a reader that may not read it: a pipe that is full, a terminal under Ctrl+S, a disk
//! without space.
//!
//! A line is left here without waiting; a thread writes it. What the reader does not take fills a
//! queue; what does not fit into the queue is dropped and counted, and the count is written in its
//! place. Setting the stream to non-blocking instead would affect all programs that share it, the
//! user's shell among them.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::beside::beside;
use crate::quantity;

/// The most bytes that wait, not counting what the last line has beyond that.
const BOUND: usize = 1 << 20;

/// The most bytes written at once, in whole lines: a pipe takes them whole or not at all
/// (`PIPE_BUF`), so none is torn and none counts as lost that was read.
const PIECE: usize = 4096;

/// After it has written, the writer lets lines gather for this long: where they come by the
/// thousand, to wake it for each would cost more than the line.
const PAUSE: Duration = Duration::from_millis(10);

/// What cannot be written, as on a full disk, is tried again after this time.
const AGAIN: Duration = Duration::from_millis(100);

/// A stream that is written to by a thread of its own. Dropped, it takes no more; what waits is
/// written still, if the stream takes it while the program runs.
#[derive(Debug)]
pub(crate) struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signals the writer that there is something to do.
    wake: Condvar,
    /// Signals [`Outlet::settle`] that the writer has nothing left to do.
    settled: Condvar,
    /// Whether the reader has left: then nothing more is written.
    gone: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    text: Vec<u8>,
    /// The number of lines that did not fit into the queue since it was last taken.
    dropped: u64,
    /// The number of lines that are neither written nor reported as dropped.
    unwritten: u64,
    /// The number of bytes at which the writer is woken; None while it is at work.
    wake_at: Option<usize>,
    /// The number of threads that wait for everything to be written.
    waiting: usize,
    closed: bool,
}

impl Outlet {
    /// Writes to `stream`. When its reader has left, `gone` is called.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub(crate) fn new(
        stream: impl Write + Send + 'static,
        gone: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        // Before the writer has run for the first time there is nothing to wait for, either.
        let idle = Queue { wake_at: Some(0), ..Queue::default() };
        let shared = Arc::new(Shared { queue: idle.into(), ..Shared::default() });
        let writer = Arc::clone(&shared);
        beside("writer", move || {
            if writer.write_all(stream).is_err() {
                writer.leave();
                gone();
            }
        })?;
        Ok(Self(shared))
    }

    /// Takes the reader to have left once `left` returns, and then calls `gone`.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub(crate) fn leave_when(
        &self,
        left: impl FnOnce() + Send + 'static,
        gone: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        beside("reader", move || {
            left();
            shared.leave();
            gone();
        })?;
        Ok(())
    }

    /// Adds a line, or drops it. Does not wait.
    pub(crate) fn line(&self, line: fmt::Arguments<'_>) {
        self.text(format_args!("{line}\n"));
    }

    /// Adds text that is no line, or drops it. Does not wait.
    pub(crate) fn text(&self, text: fmt::Arguments<'_>) {
        if self.is_gone() {
            return;
        }
        let mut guard = self.0.lock();
        let queue = &mut *guard;
        // After a gap nothing is added before the gap is reported.
        if queue.dropped > 0 || queue.text.len() >= BOUND {
            queue.dropped += 1;
            queue.unwritten += 1;
            return;
        }
        let before = queue.text.len();
        let _ = queue.text.write_fmt(text);
        queue.unwritten += count_lines(&queue.text[before..]);
        let len = queue.text.len();
        // An empty text must not wake the writer: it would stay at work for ever.
        if len > before && queue.wake_at.take_if(|wake_at| len >= *wake_at).is_some() {
            drop(guard);
            self.0.wake.notify_one();
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        self.is_gone() || self.0.lock().is_settled()
    }

    /// Whether the reader has left.
    #[must_use]
    pub(crate) fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::Acquire)
    }

    /// Waits until all is written, but not longer than `limit`. Returns how many lines are not.
    pub(crate) fn settle(&self, limit: Duration) -> u64 {
        let mut queue = self.0.lock();
        queue.waiting += 1;
        self.0.wake.notify_one();
        let unsettled = |queue: &mut Queue| !queue.is_settled() && !self.is_gone();
        let settled = self.0.settled.wait_timeout_while(queue, limit, unsettled);
        let (mut queue, _) = settled.unwrap_or_else(PoisonError::into_inner);
        queue.waiting -= 1;
        if self.is_gone() { 0 } else { queue.unwritten }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Queue {
    /// Whether nothing waits and nothing is being written.
    fn is_settled(&self) -> bool {
        self.text.is_empty() && self.wake_at.is_some()
    }
}

/// The writer's side.
impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        let mut queue = self.lock();
        queue.text = Vec::new();
        self.gone.store(true, Ordering::Release);
        self.settled.notify_all();
    }

    /// Writes what comes, until the outlet is closed or the reader has left.
    fn write_all(&self, mut stream: impl Write) -> io::Result<()> {
        let mut text = Vec::new();
        while let Some(dropped) = self.take(&mut text) {
            let mut rest = text.as_slice();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(piece(rest));
                write(&mut stream, piece)?;
                self.lock().unwritten -= count_lines(piece);
                rest = behind;
            }
            if dropped > 0 {
                let lines = quantity::counted(dropped, "line");
                let verb = if dropped == 1 { "was" } else { "were" };
                write(&mut stream, format!("{lines} {verb} not written\n").as_bytes())?;
                self.lock().unwritten -= dropped;
            }
        }
        Ok(())
    }

    /// Waits for text, and swaps it for that which has been written. Returns how many lines were
    /// dropped behind it, or None at the end.
    fn take(&self, text: &mut Vec<u8>) -> Option<u64> {
        let mut queue = self.lock();
        if !text.is_empty() {
            text.clear();
            queue.wake_at = Some(BOUND / 2);
            self.settled.notify_all();
            let calm = |queue: &mut Queue| {
                queue.text.len() < BOUND / 2 && queue.waiting == 0 && !queue.closed
            };
            let paused = self.wake.wait_timeout_while(queue, PAUSE, calm);
            (queue, _) = paused.unwrap_or_else(PoisonError::into_inner);
        }
        queue.wake_at = Some(0);
        let empty = |queue: &mut Queue| queue.text.is_empty() && !queue.closed;
        queue = self.wake.wait_while(queue, empty).unwrap_or_else(PoisonError::into_inner);
        queue.wake_at = None;
        mem::swap(&mut queue.text, text);
        (!text.is_empty()).then(|| mem::take(&mut queue.dropped))
    }
}

/// How much to write at once: as many whole lines as fit, or one that does not.
fn piece(text: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let fitting = text[..text.len().min(PIECE)].iter().rposition(is_end);
    fitting.or_else(|| text.iter().position(is_end)).map_or(text.len(), |end| end + 1)
}

fn count_lines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Writes all of `text`, however long that takes.
///
/// # Errors
///
/// Only if the reader has left.
fn write(stream: &mut impl Write, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match stream.write(text) {
            Ok(n) if n > 0 => text = &text[n..],
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(error),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => thread::sleep(AGAIN),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    /// Longer than anything takes on the slowest machine.
    const LONG: Duration = Duration::from_secs(60);

    /// Does with each write as it is told, and tells what it took.
    struct Script {
        acts: Receiver<io::Result<usize>>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Whoever gives no more orders lets everything through.
            let n = self.acts.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            let _ = self.taken.send(bytes[..n].to_vec());
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn outlet() -> (Outlet, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let ((act, acts), (taken, pieces)) = (channel(), channel());
        let outlet = Outlet::new(Script { acts, taken }, || {}).expect("a thread");
        (outlet, act, pieces)
    }

    #[test]
    fn nobody_waits_for_an_outlet_that_was_told_nothing() {
        for _ in 0..100 {
            let outlet = Outlet::new(io::sink(), || {}).expect("a thread");
            assert!(outlet.is_settled());
            // A terminal is shown nothing, too, where nothing was drawn.
            outlet.text(format_args!(""));
            assert!(outlet.is_settled());
        }
    }

    #[test]
    fn what_comes_while_nobody_reads_is_kept_up_to_a_bound_and_then_counted() {
        let (outlet, act, pieces) = outlet();
        let lines = 4 * BOUND / 10;
        let line = |n| outlet.line(format_args!("{n:09}"));
        line(0);
        // Were the writer late, it would leave room in the queue when some lines are dropped already.
        let end = Instant::now() + LONG;
        while !outlet.0.lock().text.is_empty() {
            assert!(Instant::now() < end, "the writer takes nothing");
            thread::yield_now();
        }
        (1..lines).for_each(line);
        assert_eq!(outlet.settle(Duration::ZERO), lines as u64, "none is written");
        assert!(outlet.0.lock().text.len() <= BOUND + 10);
        drop(act);
        assert_eq!(outlet.settle(LONG), 0);
        outlet.line(format_args!("after"));
        drop(outlet);

        let pieces: Vec<_> = pieces.iter().collect();
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE && piece.ends_with(b"\n")));
        let text = String::from_utf8(pieces.concat()).expect("text");
        let (kept, rest) = text.split_at(text.find(" lines were").expect("a gap"));
        let (kept, dropped) = kept.rsplit_once('\n').expect("lines before it");
        assert!(kept.lines().enumerate().all(|(n, line)| line == format!("{n:09}")));
        assert_eq!(rest, " lines were not written\nafter\n");
        let dropped: usize = dropped.replace(' ', "").parse().expect("a number");
        assert!(kept.len() >= BOUND && dropped > 0);
        assert_eq!(kept.lines().count() + dropped, lines);
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_tears_no_line() {
        let (outlet, act, pieces) = outlet();
        let full = || Err(ErrorKind::StorageFull.into());
        for order in [Ok(3), full(), Err(ErrorKind::Interrupted.into()), Ok(0), full()] {
            act.send(order).expect("somebody writes");
        }
        drop(act);
        for line in ["first", "second"] {
            outlet.line(format_args!("{line}"));
        }
        assert_eq!(outlet.settle(LONG), 0);
        assert!(outlet.is_settled());
        drop(outlet);
        assert_eq!(pieces.iter().collect::<Vec<_>>().concat(), b"first\nsecond\n");
    }

    #[test]
    fn what_a_pipe_has_taken_is_not_counted_as_lost() {
        let (outlet, act, pieces) = outlet();
        outlet.line(format_args!("{:4000}", "one"));
        outlet.line(format_args!("{:4000}", "two"));
        outlet.line(format_args!("{:9000}", "three"));
        act.send(Ok(usize::MAX)).expect("somebody writes");
        pieces.recv_timeout(LONG).expect("one line");
        act.send(Ok(usize::MAX)).expect("somebody writes");
        pieces.recv_timeout(LONG).expect("another");
        let end = Instant::now() + LONG;
        while outlet.settle(Duration::from_millis(1)) != 1 {
            assert!(Instant::now() < end, "two of three are written");
        }
        drop(act);
        assert_eq!(outlet.settle(LONG), 0);
    }

    #[test]
    fn a_reader_that_leaves_is_told_of_and_waited_for_no_more() {
        let ((left, leaving), (act, acts), (taken, _pieces)) = (channel(), channel(), channel());
        act.send(Err(ErrorKind::BrokenPipe.into())).expect("somebody will write");
        let tell = move || left.send(()).expect("somebody listens");
        let outlet = Outlet::new(Script { acts, taken }, tell).expect("a thread");
        outlet.line(format_args!("nobody reads this"));
        assert_eq!(outlet.settle(LONG), 0);
        leaving.recv_timeout(LONG).expect("told");
        outlet.line(format_args!("nor this"));
        assert!(outlet.is_gone() && outlet.is_settled());
        assert_eq!(outlet.0.lock().text, b"", "what nobody will read takes no memory");
    }
}
