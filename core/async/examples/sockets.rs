//! An echo server on the operating system's sockets, with one thread for all connections. It needs
//! nothing but async-io, which runs on Linux, macOS, Windows and ESP-IDF.
//!
//!     cargo run -p echo-async --example sockets -- 2333

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::time::{self, Duration};

use async_executor::LocalExecutor;
use async_io::{Async, Timer, block_on};
use echo_async::{Clock, Pump, Turn};
use echo_core::{CloseReason, Instant, Rules, Session};
use embedded_io_async::{ErrorType, Read, Write};
use socket2::SockRef;

/// How long it waits before it accepts again after that failed: no descriptor is left, usually.
const REST: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(2333), |port| port.parse());
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port.map_err(io::Error::other)?))?;
    println!("Echo server on {}", listener.local_addr()?);
    run(listener, Rules { idle: Some(Duration::from_secs(30)), ..Rules::default() })
}

/// Serves as long as the program runs.
///
/// # Errors
///
/// If the system does not know the listener.
pub(crate) fn run(listener: TcpListener, rules: Rules) -> io::Result<()> {
    // Connections inherit both: an echo waits for nothing, and an urgent byte keeps its place.
    let options = SockRef::from(&listener);
    options.set_tcp_nodelay(true)?;
    options.set_out_of_band_inline(true)?;
    let listener = Async::new(listener)?;
    let clock = Uptime(time::Instant::now());
    let tasks = LocalExecutor::new();
    block_on(tasks.run(async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => tasks.spawn(serve(stream, &clock, rules)).detach(),
                Err(error) => {
                    eprintln!("cannot accept a connection: {error}");
                    Timer::after(REST).await;
                }
            }
        }
    }))
}

async fn serve(stream: Async<TcpStream>, clock: &Uptime, rules: Rules) -> io::Result<CloseReason> {
    let mut session = Session::<1024>::new(clock.now(), rules);
    let mut scratch = [0; 1024];
    let mut pump = Pump::new(clock, &mut scratch);
    loop {
        let (mut reader, mut writer) = (Half(&stream), Half(&stream));
        match pump.drive(&mut reader, &mut writer, &mut session).await {
            // If the peer is gone already, the next read says so.
            Ok(Turn::Finished) => drop(stream.get_ref().shutdown(Shutdown::Write)),
            // The system delivers the tail, even though the stream is dropped.
            Ok(Turn::Over(reason)) => return Ok(reason),
            Err(broken) => return Err(io::Error::other(broken)),
        }
    }
}

/// The time since the start of the server.
struct Uptime(time::Instant);

impl Clock for Uptime {
    fn now(&self) -> Instant {
        Instant::new(self.0.elapsed())
    }

    async fn sleep_until(&self, at: Instant) {
        Timer::at(self.0 + at.since_start()).await;
    }
}

/// Either half of a stream; most embedded stacks have the two traits already.
struct Half<'a>(&'a Async<TcpStream>);

impl ErrorType for Half<'_> {
    type Error = io::Error;
}

impl Read for Half<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|mut stream| stream.read(bytes)).await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_with(|mut stream| stream.write(bytes)).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
