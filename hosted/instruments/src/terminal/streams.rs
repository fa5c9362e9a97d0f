//! The standard output and error as they are: nothing is buffered, and one that is full is
//! waited for, also where somebody has made it non-blocking. Node and ssh leave pipes so; to
//! change that back would change it for them.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio;

/// A standard stream, to be written to.
#[derive(Debug)]
pub struct Stream(BorrowedFd<'static>);

impl Stream {
    /// The standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self(stdio::stdout())
    }

    /// The standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self(stdio::stderr())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(Errno::AGAIN) => {}
                written => return Ok(written?),
            }
            // One that fails, or is interrupted, is made again by way of the write.
            let _ = poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a part of the result on stdout, all of it, however long that takes.
///
/// # Errors
///
/// If stdout is gone, or full for good.
pub fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    Stream::stdout().write_all(text.as_ref())
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Read};
    use std::os::fd::AsFd;
    use std::thread;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn a_non_blocking_pipe_takes_all_in_the_end() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        ioctl_fionbio(&writer, true).expect("an option");
        // It is for ever, as the standard streams are.
        let writer: &PipeWriter = Box::leak(Box::new(writer));
        let mut stream = Stream(writer.as_fd());
        let text: Vec<_> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut read = vec![0; text.len()];
        thread::scope(|scope| {
            scope.spawn(|| stream.write_all(&text).expect("written"));
            reader.read_exact(&mut read).expect("read");
        });
        assert!(read == text);
    }
}
