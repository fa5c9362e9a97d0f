//! A connection whose peer is the test: what arrives when, and how much can be sent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use echo_async::Clock;
use echo_core::Instant;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

/// What lies on the way.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// What has arrived; a read takes from one piece only.
    pub(crate) input: VecDeque<Vec<u8>>,
    /// As much arrives as is read.
    pub(crate) endless: bool,
    /// The peer's FIN follows the input.
    pub(crate) fin: bool,
    /// The number of bytes that can still be sent.
    pub(crate) space: usize,
    pub(crate) output: Vec<u8>,
    /// What the peer sends as soon as something is written.
    pub(crate) answer: Vec<u8>,
    /// The errors of the next read, and of the next write.
    pub(crate) errors: [Option<ErrorKind>; 2],
}

impl Wire {
    pub(crate) fn new(input: &[&[u8]]) -> Self {
        let input = input.iter().map(|piece| piece.to_vec()).collect();
        Self { input, space: usize::MAX, ..Self::default() }
    }

    /// `None` if nothing can be read now, and 0 after the FIN.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) -> Option<usize> {
        if self.endless {
            return Some(bytes.len());
        }
        let Some(piece) = self.input.front_mut() else { return self.fin.then_some(0) };
        let n = piece.len().min(bytes.len());
        bytes[..n].copy_from_slice(&piece[..n]);
        piece.drain(..n);
        if piece.is_empty() {
            self.input.pop_front();
        }
        Some(n)
    }

    pub(crate) fn accept(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.space);
        self.output.extend(&bytes[..n]);
        self.space -= n;
        if n > 0 && !self.answer.is_empty() {
            self.input.push_back(std::mem::take(&mut self.answer));
        }
        n
    }
}

/// Either half.
pub(crate) struct Half<'a>(pub(crate) &'a RefCell<Wire>);

impl ErrorType for Half<'_> {
    type Error = ErrorKind;
}

impl Read for Half<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!bytes.is_empty(), "0 would look like a FIN");
        poll_fn(|_| {
            let mut wire = self.0.borrow_mut();
            match wire.errors[0].take() {
                Some(error) => Poll::Ready(Err(error)),
                None => wire.take(bytes).map_or(Poll::Pending, |n| Poll::Ready(Ok(n))),
            }
        })
        .await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        assert!(!bytes.is_empty(), "there is nothing to write");
        poll_fn(|_| {
            let mut wire = self.0.borrow_mut();
            match (wire.errors[1].take(), wire.accept(bytes)) {
                // It breaks the rule.
                (Some(ErrorKind::WriteZero), _) => Poll::Ready(Ok(0)),
                (Some(error), _) => Poll::Ready(Err(error)),
                (None, 0) => Poll::Pending,
                (None, n) => Poll::Ready(Ok(n)),
            }
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// A clock that the test sets; each look at it takes some time.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) now: Cell<Instant>,
    pub(crate) look: Duration,
}

impl Clock for Watch {
    fn now(&self) -> Instant {
        self.now.set(self.now.get() + self.look);
        self.now.get()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        poll_fn(move |_| if self.now.get() < at { Poll::Pending } else { Poll::Ready(()) })
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls as long as it is woken. `Err` if it goes on doing so.
pub(crate) fn poll<F: Future>(mut future: Pin<&mut F>) -> Result<Poll<F::Output>, &'static str> {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    for _ in 0..10_000 {
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() || !flag.0.swap(false, Ordering::Relaxed) {
            return Ok(polled);
        }
    }
    Err("it never waits")
}
