//! Bytes between two halves of a stream and any endpoint, and nothing else.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use echo_core::Endpoint;
use embedded_io_async::{Error as _, ErrorKind, Read, Write};

use crate::Clock;

/// The number of steps in a row before other tasks have a turn: a stack that always has more to
/// move would leave them none.
const STEPS: u8 = 32;

/// The pump of one connection, from its first byte on.
#[derive(Debug)]
pub struct Pump<'a, C> {
    clock: &'a C,
    scratch: &'a mut [u8],
    /// Whether it was told that the endpoint has finished.
    told: bool,
    /// Whether the endpoint knows that there was nothing more to read.
    quiet: bool,
    /// Whether the last step was a write: then it is the turn of a read. Either could go on
    /// without end.
    wrote: bool,
    /// The number of steps since the last wait.
    steps: u8,
}

/// Why [`Pump::drive`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn<T> {
    /// All is sent: shut the sending side (FIN), and drive on.
    Finished,
    /// The connection is over for this reason: close it. If the reason is
    /// [`CloseReason::Reset`](echo_core::CloseReason::Reset), reset it.
    Over(T),
}

/// The connection is gone before the endpoint was finished with it. Close it, and forget the
/// endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken<E> {
    /// A read failed.
    Read(E),
    /// A write failed.
    Write(E),
    /// A write accepted nothing and did not wait either, which the trait does not allow.
    WroteNothing,
}

impl<E: fmt::Display> fmt::Display for Broken<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read from the peer: {error}"),
            Self::Write(error) => write!(f, "cannot write to the peer: {error}"),
            Self::WroteNothing => f.write_str("cannot write to the peer: nothing was accepted"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Broken<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            Self::WroteNothing => None,
        }
    }
}

/// What happened first.
enum Step<E> {
    Wrote(Result<usize, E>),
    Read(Result<usize, E>),
    /// There is nothing to read now.
    Quiet,
    /// The deadline has come.
    Due,
}

impl<'a, C: Clock> Pump<'a, C> {
    /// A pump for a connection over which nothing has been moved yet.
    ///
    /// Each connection needs a `scratch` of its own, because its read waits in there. Its size
    /// bounds how much is read at once: as large as the session's buffer is best.
    ///
    /// # Panics
    ///
    /// If `scratch` is empty: nothing could ever be read.
    #[must_use]
    pub const fn new(clock: &'a C, scratch: &'a mut [u8]) -> Self {
        assert!(!scratch.is_empty(), "the scratch is empty");
        Self { clock, scratch, told: false, quiet: false, wrote: false, steps: 0 }
    }

    /// Moves bytes both ways until the endpoint has [finished](Endpoint::finished), and then,
    /// when it is called again, until its [end](Endpoint::end) is known.
    ///
    /// [`Turn::Finished`] comes once, and always before [`Turn::Over`] (but for a reset, which
    /// has no FIN), even if both are known at the same moment. After the end of a
    /// [`Probe`](echo_core::Probe) another message may begin: drive on with the same pump.
    ///
    /// The future may be dropped at any time, and the pump driven again: no byte is lost or
    /// doubled, if dropping a pending `read` or `write` of the halves has no effect either.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the error of the half that failed, unless it is a reset with which the peer
    /// [leaves](Endpoint::handle_reset).
    pub async fn drive<P, R, W>(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        endpoint: &mut P,
    ) -> Result<Turn<P::End>, Broken<R::Error>>
    where
        P: Endpoint,
        R: Read,
        W: Write<Error = R::Error>,
    {
        loop {
            if endpoint.finished() && !self.told {
                self.told = true;
                return Ok(Turn::Finished);
            }
            if let Some(end) = endpoint.end() {
                return Ok(Turn::Over(end));
            }
            let room = endpoint.room().min(self.scratch.len());
            let step = self.step(reader, writer, endpoint, room).await;
            let now = self.clock.now();
            self.wrote = matches!(step, Step::Wrote(_));
            let is_due = matches!(step, Step::Due);
            match step {
                Step::Wrote(Ok(0)) => return Err(Broken::WroteNothing),
                Step::Wrote(Ok(n)) => endpoint.handle_sent(now, n),
                Step::Wrote(Err(error)) => return Err(Broken::Write(error)),
                Step::Read(Ok(n)) if n > 0 => {
                    let n = n.min(room);
                    endpoint.handle_received(now, &self.scratch[..n]);
                    // The peer may answer what is written next, and that is another message.
                    self.quiet = n < room;
                    if self.quiet {
                        endpoint.handle_quiet(now);
                    }
                }
                Step::Read(Ok(_)) => endpoint.handle_eof(now),
                Step::Read(Err(error)) => {
                    if error.kind() == ErrorKind::ConnectionReset {
                        endpoint.handle_reset(now);
                    }
                    if endpoint.end().is_none() {
                        return Err(Broken::Read(error));
                    }
                    // There is nothing left to be shut.
                    self.told = true;
                }
                Step::Quiet => {
                    self.quiet = true;
                    endpoint.handle_quiet(now);
                }
                Step::Due => {}
            }
            // Who never pauses must not outrun the clock. But bytes that can be moved beat it, so
            // there is a look both ways before: not yet at the first step after a wait.
            if is_due || self.steps > 1 {
                endpoint.handle_timeout(now);
            }
        }
    }

    /// Waits for what happens first: one thing, so that the endpoint knows of each before the
    /// next.
    async fn step<P, R, W>(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        endpoint: &P,
        room: usize,
    ) -> Step<R::Error>
    where
        P: Endpoint,
        R: Read,
        W: Write<Error = R::Error>,
    {
        let Self { clock, scratch, quiet, wrote, steps, .. } = self;
        let bytes = endpoint.to_send();
        // Never without a byte to read: that would look like a FIN.
        let mut read = pin!((room > 0).then(|| reader.read(&mut scratch[..room])));
        let mut write = pin!((!bytes.is_empty()).then(|| writer.write(bytes)));
        let mut sleep = pin!(endpoint.deadline().map(|at| clock.sleep_until(at)));
        poll_fn(|context| {
            if *steps == STEPS {
                *steps = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            *steps += 1;
            let mut writes = !*wrote;
            for _ in 0..2 {
                if writes
                    && let Some(write) = write.as_mut().as_pin_mut()
                    && let Poll::Ready(written) = write.poll(context)
                {
                    return Poll::Ready(Step::Wrote(written));
                }
                if !writes && let Some(read) = read.as_mut().as_pin_mut() {
                    match read.poll(context) {
                        Poll::Ready(read) => return Poll::Ready(Step::Read(read)),
                        Poll::Pending if !*quiet => return Poll::Ready(Step::Quiet),
                        Poll::Pending => {}
                    }
                }
                writes = !writes;
            }
            if let Some(sleep) = sleep.as_mut().as_pin_mut()
                && sleep.poll(context).is_ready()
            {
                return Poll::Ready(Step::Due);
            }
            (*steps, *wrote) = (0, false);
            Poll::Pending
        })
        .await
    }
}
