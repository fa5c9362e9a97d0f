//! The operating system's TCP and UDP: a check over it, and a server of ours on it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use echo_cases::Needs;
use echo_core::Rules;
use echo_instruments::check::Check;
use echo_instruments::service::Log;
use echo_instruments::signals::Stop;
use hosted::address::{connect, listen};
use hosted::server::{Config, Server};
use hosted::sockets::Sockets;

/// Runs a check over sockets to this server.
pub(crate) fn over_sockets(needs: Needs, server: SocketAddr, check: &mut Check<'_>) {
    let first = connect(&[server], Some(Duration::from_secs(60))).expect("the server listens");
    let mut sockets = Sockets::new(&check.plan(), first).expect("sockets can be waited for");
    check.run(needs, &mut sockets).expect("nothing breaks");
}

/// Lets `use_it` use a server of ours.
pub(crate) fn served(ip: &str, rules: Rules, threads: usize, use_it: impl FnOnce(SocketAddr)) {
    let ip = ip.parse().expect("an address");
    serve(listen(Some(&ip), 0, 100).expect("a free port"), Vec::new(), rules, threads, use_it);
}

/// The same of one with these sockets.
pub(crate) fn serve(
    listeners: Vec<TcpListener>,
    sockets: Vec<UdpSocket>,
    rules: Rules,
    threads: usize,
    use_it: impl FnOnce(SocketAddr),
) {
    let address = listeners[0].local_addr().expect("bound");
    let config = Config { rules, threads, ..Config::default() };
    let server = Server::new(listeners, config).with_datagrams(sockets);
    let stop = Stop::new().expect("a descriptor");
    thread::scope(|scope| {
        let serving = scope.spawn(|| server.run(&stop, &Log::silent()));
        // A test that fails must not wait for the server.
        let done = catch_unwind(AssertUnwindSafe(|| use_it(address)));
        stop.request();
        serving.join().expect("no panic").expect("it serves");
        done.unwrap_or_else(|panic| resume_unwind(panic));
    });
}
