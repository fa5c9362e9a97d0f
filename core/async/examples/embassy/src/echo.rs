//! The server: one task for each socket, which serves one connection after another.

use echo_async::{Broken, Clock, Pump, Turn};
use echo_core::{CloseReason, Rules, Session};
use embassy_net::Stack;
use embassy_net::tcp::{Error, TcpSocket};
use embassy_time::{Duration, with_timeout};

use crate::clock::Uptime;

pub const PORT: u16 = 2333;

/// The number of connections at once. embassy-net refuses one for which no socket listens, also
/// while the tail of the one before is on its way: have more than you expect clients.
pub const SOCKETS: usize = 80;

/// Bytes of each ring, of which a socket has two. From four segments (6 KiB) on the peer need not
/// wait for acknowledgements.
const RING: usize = 16 << 10;

/// Bytes of a session's buffer, and of the scratch.
const BUFFER: usize = 1024;

/// How long the end of an echo may take to be acknowledged, and a reset to leave.
const TAIL: Duration = Duration::from_secs(10);

/// A peer that has vanished is asked for after the one, and given up after the other.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const SILENT: Duration = Duration::from_secs(300);

/// What is large in here lies in the task's storage, which is static.
#[embassy_executor::task(pool_size = SOCKETS)]
pub async fn echo(stack: Stack<'static>, rules: Rules) -> ! {
    let (mut receive, mut send) = ([0; RING], [0; RING]);
    let mut scratch = [0; BUFFER];
    let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
    socket.set_nagle_enabled(false);
    socket.set_keep_alive(Some(KEEP_ALIVE));
    socket.set_timeout(Some(SILENT));
    loop {
        if socket.accept(PORT).await.is_ok() {
            let served = serve(&mut socket, rules, &mut scratch).await;
            if served.is_ok_and(|reason| reason != CloseReason::Reset) {
                // What is written is still on its way, and `abort` would forget it.
                socket.close();
                let _ = with_timeout(TAIL, socket.flush()).await;
            }
        }
        // Whatever state it is in: now it can accept again. The reset is sent before that.
        socket.abort();
        let _ = with_timeout(TAIL, socket.flush()).await;
    }
}

async fn serve(
    socket: &mut TcpSocket<'_>,
    rules: Rules,
    scratch: &mut [u8],
) -> Result<CloseReason, Broken<Error>> {
    let mut session = Session::<BUFFER>::new(Uptime.now(), rules);
    let mut pump = Pump::new(&Uptime, scratch);
    loop {
        let (mut reader, mut writer) = socket.split();
        match pump.drive(&mut reader, &mut writer, &mut session).await? {
            // A FIN, after what was written.
            Turn::Finished => socket.close(),
            Turn::Over(reason) => return Ok(reason),
        }
    }
}
