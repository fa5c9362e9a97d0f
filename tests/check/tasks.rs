//! An executor and its clock, in virtual time: a task is polled only when it was woken, so that
//! one that forgets to ask for that stands still.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use echo_async::Clock;
use echo_core::Instant;

/// Virtual time, and who waits for it.
#[derive(Default)]
pub(crate) struct Timeline {
    now: Cell<Instant>,
    sleepers: RefCell<BTreeMap<(Instant, u64), Waker>>,
    /// The number of sleeps so far.
    sleeps: Cell<u64>,
}

impl Timeline {
    pub(crate) fn next(&self) -> Option<Instant> {
        self.sleepers.borrow().keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn advance(&self, to: Instant) {
        self.now.set(to);
        let mut sleepers = self.sleepers.borrow_mut();
        while let Some(first) = sleepers.first_entry()
            && first.key().0 <= to
        {
            first.remove().wake();
        }
    }
}

impl Clock for Timeline {
    fn now(&self) -> Instant {
        self.now.get()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        self.sleeps.set(self.sleeps.get() + 1);
        Sleep { timeline: self, key: (at, self.sleeps.get()) }
    }
}

struct Sleep<'t> {
    timeline: &'t Timeline,
    key: (Instant, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.timeline.now() >= self.key.0 {
            return Poll::Ready(());
        }
        self.timeline.sleepers.borrow_mut().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

/// Who is dropped is not woken.
impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.timeline.sleepers.borrow_mut().remove(&self.key);
    }
}

/// Whether somebody was woken.
pub(crate) struct Flag(AtomicBool);

impl Flag {
    /// One that is woken already.
    pub(crate) fn woken() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tasks that run by turns.
#[derive(Default)]
pub(crate) struct Tasks(Vec<Task>);

struct Task {
    flag: Arc<Flag>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

impl Tasks {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.0.push(Task { flag: Flag::woken(), future: Box::pin(task) });
    }

    /// Polls each task that was woken. Returns whether there was one.
    pub(crate) fn run(&mut self) -> bool {
        let mut ran = false;
        self.0.retain_mut(|Task { flag, future }| {
            if !flag.take() {
                return true;
            }
            ran = true;
            let waker = Waker::from(Arc::clone(flag));
            future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        ran
    }
}
