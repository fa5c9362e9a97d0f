//! A TCP connection in memory: two ends with asynchronous halves. As with TCP, what is closed with
//! unread bytes is reset, and a reset destroys what is on the way.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

/// One direction.
#[derive(Default)]
struct Pipe {
    /// The pieces are what was written at once; a read takes from one of them.
    pieces: VecDeque<VecDeque<u8>>,
    length: usize,
    capacity: usize,
    fin: bool,
    /// Nobody will ever read.
    closed: bool,
    reset: bool,
    /// Who waits: the reader, and the writer.
    waiting: [Option<Waker>; 2],
}

impl Pipe {
    fn wake(&mut self) {
        self.waiting.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    fn reset(&mut self) {
        self.reset = true;
        self.wake();
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
        if self.reset {
            return Some(Err(ErrorKind::ConnectionReset));
        }
        let Some(piece) = self.pieces.front_mut() else { return self.fin.then_some(Ok(0)) };
        let n = piece.len().min(bytes.len());
        let (front, back) = piece.as_slices();
        let split = front.len().min(n);
        bytes[..split].copy_from_slice(&front[..split]);
        bytes[split..n].copy_from_slice(&back[..n - split]);
        piece.drain(..n);
        if piece.is_empty() {
            self.pieces.pop_front();
        }
        self.length -= n;
        self.wake();
        Some(Ok(n))
    }

    fn write(&mut self, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
        if self.reset {
            return Some(Err(ErrorKind::ConnectionReset));
        }
        let n = bytes.len().min(self.capacity - self.length);
        if n == 0 {
            return None;
        }
        self.pieces.push_back(bytes[..n].to_vec().into());
        self.length += n;
        self.wake();
        Some(Ok(n))
    }
}

/// One end of a connection.
pub(crate) struct End {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
}

/// A connection that holds so many bytes in each direction.
pub(crate) fn pair(capacity: usize) -> [End; 2] {
    let [one, other] =
        [(), ()].map(|()| Rc::new(RefCell::new(Pipe { capacity, ..Pipe::default() })));
    [
        End { incoming: Rc::clone(&one), outgoing: Rc::clone(&other) },
        End { incoming: other, outgoing: one },
    ]
}

impl End {
    pub(crate) fn halves(&self) -> (Half<'_>, Half<'_>) {
        (Half(self), Half(self))
    }

    /// Sends a FIN.
    pub(crate) fn shut(&self) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.fin = true;
        outgoing.wake();
    }

    pub(crate) fn reset(&self) {
        self.incoming.borrow_mut().reset();
        self.outgoing.borrow_mut().reset();
    }

    pub(crate) fn close(&self) {
        if self.incoming.borrow().length > 0 {
            return self.reset();
        }
        self.shut();
        self.incoming.borrow_mut().closed = true;
    }

    fn poll(
        &self,
        context: &Context<'_>,
        who: usize,
        act: impl FnOnce(RefMut<'_, Pipe>) -> Option<Result<usize, ErrorKind>>,
    ) -> Poll<Result<usize, ErrorKind>> {
        let pipe = [&self.incoming, &self.outgoing][who];
        if let Some(done) = act(pipe.borrow_mut()) {
            return Poll::Ready(done);
        }
        pipe.borrow_mut().waiting[who] = Some(context.waker().clone());
        Poll::Pending
    }
}

pub(crate) struct Half<'a>(&'a End);

impl ErrorType for Half<'_> {
    type Error = ErrorKind;
}

impl Read for Half<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| self.0.poll(context, 0, |mut pipe| pipe.read(bytes))).await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.0.outgoing.borrow().closed {
            self.0.reset();
        }
        poll_fn(|context| self.0.poll(context, 1, |mut pipe| pipe.write(bytes))).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
