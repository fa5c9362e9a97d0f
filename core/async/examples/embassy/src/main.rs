//! An echo server on embassy-net, which has a Linux TAP interface to itself: what one on a board
//! looks like. Only `main` is different there.
//!
//!     echo-embassy [--rfc862] [--one-shot] [--timeout MILLISECONDS] INTERFACE
//!
//! It is 192.168.69.1, and serves port 2333. The interface has to be there, and up.

mod clock;
mod echo;

use std::hash::{BuildHasher, RandomState};
use std::process::exit;
use std::time::Duration;

use echo_core::Rules;
use embassy_executor::Executor;
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, StackResources, StaticConfigV4};
use embassy_net_tuntap::TunTapDevice;
use static_cell::StaticCell;

use crate::echo::{PORT, SOCKETS, echo};

/// Lets the stack run, which is what moves frames.
#[embassy_executor::task]
async fn net(mut runner: Runner<'static, TunTapDevice>) -> ! {
    runner.run().await
}

fn main() {
    let (rules, interface) = arguments().unwrap_or_else(|wrong| {
        eprintln!("{wrong}: [--rfc862] [--one-shot] [--timeout MILLISECONDS] INTERFACE");
        exit(2)
    });
    let device = TunTapDevice::new(&interface).unwrap_or_else(|error| {
        eprintln!("cannot open the TAP interface {interface}: {error}");
        exit(3)
    });
    let address = Ipv4Cidr::new(Ipv4Address::new(192, 168, 69, 1), 24);
    let config = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
    static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    let resources = RESOURCES.init(StackResources::new());
    let seed = RandomState::new().hash_one(0);
    let (stack, runner) = embassy_net::new(device, Config::ipv4_static(config), resources, seed);

    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(net(runner).expect("one of them"));
        for _ in 0..SOCKETS {
            spawner.spawn(echo(stack, rules).expect("as many as sockets"));
        }
        println!("Echo server on port {PORT}");
    })
}

fn arguments() -> Result<(Rules, String), String> {
    let (mut rules, mut interface) = (Rules::default(), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rfc862" => rules.exit = false,
            "--one-shot" => rules.one_shot = true,
            "--timeout" => {
                let number = words.next().and_then(|number| number.parse().ok());
                let millis = number.ok_or("--timeout needs milliseconds")?;
                rules.idle = Some(Duration::from_millis(millis));
            }
            _ if interface.is_none() && !word.starts_with('-') => interface = Some(word),
            _ => return Err(format!("unexpected \"{word}\"")),
        }
    }
    Ok((rules, interface.ok_or("no interface is named")?))
}
