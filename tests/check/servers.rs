//! Servers that are wrong, each in one way that firmware knows.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use socket2::SockRef;

/// Serves each connection as `serve` does, on a thread of its own, until the test ends.
pub(crate) fn start(
    serve: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || {
                let _ = serve(&mut stream);
                // Somebody may have a copy of it.
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// Sends back what `change` makes of each read.
fn each_read(stream: &mut TcpStream, mut change: impl FnMut(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&change(&buffer[..n]))?,
        }
    }
}

/// Takes bytes for text.
pub(crate) fn utf8(stream: &mut TcpStream) -> io::Result<()> {
    each_read(stream, |bytes| String::from_utf8_lossy(bytes).into_owned().into_bytes())
}

/// Sends what it read backwards.
pub(crate) fn reversed(stream: &mut TcpStream) -> io::Result<()> {
    each_read(stream, |bytes| bytes.iter().rev().copied().collect())
}

/// A FIN that is there already comes before the data that came with it.
pub(crate) fn tail_dropped(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer)?;
        stream.set_nonblocking(true)?;
        let over = matches!(stream.peek(&mut [0]), Ok(0));
        stream.set_nonblocking(false)?;
        if n == 0 || over {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
    }
}

/// What cannot be sent at once is forgotten.
pub(crate) fn short_write(stream: &mut TcpStream) -> io::Result<()> {
    SockRef::from(&*stream).set_send_buffer_size(4096)?;
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.set_nonblocking(true)?;
        match stream.write(&buffer[..n]) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => stream.set_nonblocking(false)?,
        }
    }
}

/// Answers when all of the input is there.
pub(crate) fn at_the_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    stream.write_all(&all)
}

/// Answers whoever came last.
pub(crate) fn wrong_connection() -> impl Fn(&mut TcpStream) -> io::Result<()> {
    let last: Mutex<Option<TcpStream>> = Mutex::default();
    move |stream| {
        *last.lock().expect("no panic") = Some(stream.try_clone()?);
        let mut buffer = [0; 4096];
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            let guard = last.lock().expect("no panic");
            let Some(mut other) = guard.as_ref() else { return Ok(()) };
            // It may be gone; whoever asked has no answer then.
            let _ = other.write_all(&buffer[..n]);
        }
    }
}

/// A short message right after a longer one is as long as that one was.
pub(crate) fn stale(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut before = 0;
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let length = if n < 64 { n.max(before) } else { n };
        stream.write_all(&buffer[..length])?;
        before = n;
    }
}

/// The last byte waits until more comes, or the end.
pub(crate) fn one_late(stream: &mut TcpStream) -> io::Result<()> {
    let mut kept = Vec::new();
    each_read(stream, |bytes| {
        kept.extend_from_slice(bytes);
        let last = kept.pop();
        std::mem::replace(&mut kept, last.into_iter().collect())
    })?;
    stream.write_all(&kept)
}
