//! The plainest servers: what ours are compared with. Each prints its address first.

mod reflector;
mod tcp;
mod udp;

use anyhow::{Result, bail};

/// Serves for ever under this name.
pub(crate) fn serve(name: &str) -> Result<()> {
    match name {
        "awake" => loop {
            std::hint::spin_loop();
        },
        "epoll" => tcp::event_loop(),
        "threads" => tcp::threads(),
        "tokio" => tcp::tasks(),
        "spinning" => tcp::spinning(),
        "recvfrom" => udp::one_by_one(),
        "recvmsg" => udp::informed(),
        "recvmmsg" => udp::in_batches(),
        "tokio udp" => udp::task(),
        "spinning udp" => udp::spinning(),
        "reflector" => reflector::run(reflector::datagram, false),
        "spinning reflector" => reflector::run(reflector::datagram, true),
        "tcp reflector" => reflector::run(reflector::segment, false),
        "spinning tcp reflector" => reflector::run(reflector::segment, true),
        _ => bail!("there is no such server"),
    }
}

/// Tries again while there is nothing.
pub(crate) fn spin<T>(mut io: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match io() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            done => return done,
        }
    }
}
