//! The server below the real programs that pass sockets: systemd's, and an inetd.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use crate::network;
use crate::support::{Program, connect, hosted, ping, pipe, skip};

const HOSTED: &str = env!("CARGO_BIN_EXE_hosted");

#[test]
fn below_systemd() {
    for test in [
        "systemd_passes_what_listens",
        "systemd_passes_sockets_for_datagrams",
        "systemd_passes_what_it_accepts",
    ] {
        run("systemd-socket-activate", test);
    }
}

#[test]
fn below_xinetd() {
    run("xinetd", "xinetd_passes_standard_input");
}

fn run(program: &str, test: &str) {
    if Command::new(program).arg("--help").output().is_err() {
        return skip(&format!("{test}: no {program}"));
    }
    network::run("inetds", test);
}

#[test]
#[ignore = "in a network of its own"]
fn systemd_passes_what_listens() {
    network::prepare();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen=127.0.0.1:7", "--listen=[::1]:7", "--listen=127.0.0.1:2333"]);
    command.args(["--fdname=four:six:other", HOSTED, "server"]);
    let mut server = Program::start(&mut command);
    server.stderr_line("Listening on 127.0.0.1:2333 as 5");
    let addresses = ["127.0.0.1:7", "[::1]:7", "127.0.0.1:2333"];
    let addresses = addresses.map(|address| address.parse().expect("an address"));
    // The first of them wakes it up.
    let mut clients = addresses.map(connect);
    assert_eq!(server.addresses(), addresses);
    server.stdout_line("        port     7 and 2333");
    server.stdout_line("        listen   sockets inherited from systemd (four, six, other)");
    clients.iter_mut().for_each(|client| ping(client, b"hello"));
    for address in addresses {
        ping(&mut connect(address), b"again");
    }
}

#[test]
#[ignore = "in a network of its own"]
fn systemd_passes_sockets_for_datagrams() {
    network::prepare();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--datagram", "--listen=127.0.0.1:9", "--listen=[::1]:9", HOSTED, "server"]);
    let mut server = Program::start(&mut command);
    server.stderr_line("Listening on [::1]:9 as 4");
    ["127.0.0.1:9", "[::1]:9"].into_iter().for_each(datagrams_are_echoed);
    server.stdout_line("Echo server on 127.0.0.1:9 over UDP and [::1]:9 over UDP");
}

#[test]
#[ignore = "in a network of its own"]
fn systemd_passes_what_it_accepts() {
    network::prepare();
    let cases = [(7, &["--accept"][..], &[][..]), (8, &["--accept", "--inetd"], &["--inetd"])];
    for (port, flags, args) in cases {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new("systemd-socket-activate");
        command.args(flags).arg(format!("--listen={address}"));
        let mut activator = Program::start(command.args([HOSTED, "server"]).args(args));
        activator.stderr_line("Listening on ");
        all_is_echoed(address);
    }
}

#[test]
#[ignore = "in a network of its own"]
fn xinetd_passes_standard_input() {
    network::prepare();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("xinetd.conf");
    let service = |name: &str, [kind, protocol, wait]: [&str; 3], port: u16| {
        format!(
            "service {name}\n{{\n type = UNLISTED\n socket_type = {kind}\n protocol = {protocol}\n \
             user = root\n wait = {wait}\n bind = 127.0.0.1\n port = {port}\n \
             server = {HOSTED}\n server_args = server --inetd\n}}\n"
        )
    };
    let defaults =
        "defaults\n{\n cps = 10000 1\n per_source = UNLIMITED\n instances = UNLIMITED\n}\n";
    let [each, all] = ["no", "yes"].map(|wait| ["stream", "tcp", wait]);
    let services = [
        defaults,
        &service("each", each, 7),
        &service("all", all, 8),
        &service("datagrams", ["dgram", "udp", "yes"], 9),
    ];
    let services = services.concat();
    fs::write(&file, services).expect("written");
    let mut command = Command::new("xinetd");
    command.args(["-dontfork", "-filelog", "/dev/stderr", "-f"]).arg(&file);
    let mut xinetd = Program::start(command.arg("-pidfile").arg(folder.path().join("pid")));
    xinetd.stderr_line("Started working: 3 available services");
    for port in [7, 8] {
        all_is_echoed((Ipv4Addr::LOCALHOST, port).into());
    }
    datagrams_are_echoed("127.0.0.1:9");
}

/// What depends on how a connection was accepted: the options of its socket, and who else has it open.
const CASES: &str =
    "urgent,urgent-last,fin-behind-mib,close-at-once,reset-at-once,reset-half-closed";

/// Several clients at once and in turn.
fn all_is_echoed(address: SocketAddr) {
    let mut clients = [(); 3].map(|()| connect(address));
    clients.iter_mut().for_each(|client| ping(client, b"hello"));
    let file = vec![7; 1 << 20];
    assert!(pipe(address, &file) == file);
    let target = address.to_string();
    let check = ["check", &target, "--only", CASES];
    let ended = Program::start(hosted().args(check)).wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn datagrams_are_echoed(target: &str) {
    let only = "size-0,size-65507,many-at-once";
    let ended = Program::start(hosted().args(["check", "-u", target, "--only", only])).wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
