//! TCP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use anyhow::Result;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::spin;

/// As many bytes as `hosted server` reads at once.
const CHUNK: usize = 1024;

/// Wait, receive, send.
pub(super) fn event_loop() -> Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = mio::net::TcpListener::from_std(listen()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut streams = Slab::new();
    let mut buffer = [0; CHUNK];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(streams.vacant_key());
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    streams.insert(stream);
                }
                continue;
            }
            let Token(key) = event.token();
            let Some(stream) = streams.get_mut(key) else { continue };
            match stream.read(&mut buffer) {
                Ok(n) if n > 0 => stream.write_all(&buffer[..n])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => drop(streams.remove(key)),
            }
        }
    }
}

/// A thread of the standard library for each connection.
pub(super) fn threads() -> Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(false)?;
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || -> io::Result<()> {
            let mut buffer = [0; CHUNK];
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => stream.write_all(&buffer[..n])?,
                }
            }
        });
    }
}

/// A task of tokio for each connection, all on this thread.
pub(super) fn tasks() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listen()?)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let mut buffer = [0; CHUNK];
                loop {
                    match stream.read(&mut buffer).await? {
                        0 => return io::Result::Ok(()),
                        n => stream.write_all(&buffer[..n]).await?,
                    }
                }
            });
        }
    })
}

/// One connection at a time, polled without sleeping.
pub(super) fn spinning() -> Result<()> {
    let listener = listen()?;
    loop {
        let (mut stream, _) = spin(|| listener.accept())?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut buffer = [0; CHUNK];
        while let Ok(n @ 1..) = spin(|| stream.read(&mut buffer)) {
            stream.write_all(&buffer[..n])?;
        }
    }
}

fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}
