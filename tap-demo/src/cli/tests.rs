use std::time::Duration;

use super::*;

fn read(arguments: &str) -> Result<Cli, String> {
    let line = format!("tap-demo --iface tap0 {arguments}");
    Cli::read(line.split_whitespace()).map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_it_is_the_server() {
    let cli = read("--sockets 2 --port 7 -1").expect("the server's own flags");
    assert!(cli.command.is_none() && cli.server.one_shot && cli.works());
    assert_eq!((cli.server.sockets, cli.server.port), (2, 7));
}

#[test]
fn what_cannot_be_the_address_of_one_host_is_refused() {
    for (arguments, part) in [
        ("--ip 192.168.69.255/24", "the broadcast address of its subnet"),
        ("--ip 192.168.69.0/24", "the network address of its subnet"),
        ("--host-ip 224.0.0.1/24", "a multicast address"),
        ("--host-ip 127.0.0.1/8", "a loopback address"),
        ("--gateway 0.0.0.0", "the unspecified address"),
        ("--mac 01:00:5e:00:00:01", "a multicast or broadcast address"),
    ] {
        let said = read(arguments).expect_err(arguments);
        let (flag, value) = arguments.split_once(' ').expect("a flag and its value");
        let named = said.contains(flag) && said.contains(&format!("'{value}'"));
        assert!(named && said.contains(part) && said.contains(", like "), "{said}");
    }
}

#[test]
fn what_is_the_servers_is_refused_beside_a_command_and_what_is_the_stacks_is_not() {
    for (flag, name) in [
        ("--sockets 64", "--sockets <N>"),
        ("--port 2333", "--port <PORT>"),
        ("--timeout 1", "--timeout <TIME>"),
        ("--drain 1", "--drain <TIME>"),
        ("--drain-notice 1 --metrics 0", "--drain-notice <TIME>"),
        ("-1", "--one-shot"),
        ("--rfc862", "--rfc862"),
        ("-u", "--udp"),
        ("-v", "--verbose"),
        ("-q", "--quiet"),
    ] {
        for command in ["rate", "fail-rate"] {
            let said = read(&format!("{flag} {command} 192.168.69.100")).expect_err(flag);
            assert!(said.contains(&format!("'{name}")), "{flag}: {said}");
            assert!(said.contains(&format!("cannot be used with '{command}'")), "{said}");
        }
    }
    for command in ["rate", "check"] {
        let said = read(&format!("{command} 192.168.69.100 --sockets 64")).expect_err(command);
        assert!(said.contains("'--sockets <N>' is for the server"), "{said}");
    }
    let stack = "--rx-buffer 4096 --nagle --spin 50us --drop-chance 1 --seed 1";
    let cli = read(&format!("{stack} rate 192.168.69.100 -p 7 --timeout 1")).expect("both");
    assert!(matches!(cli.command, Some(Command::Rate(_))));
    assert!(read("rate").is_err(), "a target is needed");
    assert!(Cli::read(["tap-demo", "rate", "192.168.69.100"]).is_err(), "and an interface");
    assert!(Cli::read(["tap-demo", "man"]).is_ok(), "but not for this");
    assert!(read("check").is_err() && read("check --udp").is_err(), "a target is needed");
    assert!(Cli::read(["tap-demo", "check", "192.168.69.100"]).is_err(), "and an interface");
    for list in [&["--list"][..], &["-u", "--list"]] {
        assert!(Cli::read([&["tap-demo", "check"], list].concat()).is_ok(), "but for no list");
    }
    assert!(read("rate 192.168.69.100 --local").is_err() && read("rate a --bind 1.2.3.4").is_err());
}

#[test]
fn a_flag_of_the_stack_or_wire_behind_the_command_is_told_where_it_goes() {
    for (flag, name) in [
        ("--rx-buffer 1M", "--rx-buffer <BYTES>"),
        ("--rx-buffer=1M", "--rx-buffer <BYTES>"),
        ("--iface tap0", "--iface <NAME>"),
        ("--drop-chance 1", "--drop-chance <PCT>"),
        ("--nagle", "--nagle"),
    ] {
        for command in ["rate", "fail-rate", "check"] {
            let line = format!("tap-demo {command} 192.168.69.100 {flag}");
            let said = Cli::read(line.split(' ')).expect_err(flag).to_string();
            assert!(said.contains(&format!("'{name}' goes before the command")), "{said}");
        }
    }
    let said = read("rate 192.168.69.100 --nagel").expect_err("no such flag");
    assert!(said.contains("unexpected argument '--nagel'"), "{said}");
}

#[test]
fn spin_takes_no_command_for_its_time() {
    let spin = |line: &str| read(line).map(|cli| (cli.spin, cli.command.is_some()));
    let always = Some(Spin(Duration::MAX));
    assert_eq!(spin("--spin rate 192.168.69.100"), Ok((always, true)));
    assert_eq!(spin("--spin --nagle rate 192.168.69.100"), Ok((always, true)));
    assert_eq!(spin("--spin 1 rate a"), Ok((Some(Spin(Duration::from_secs(1))), true)));
    assert_eq!(spin("--spin"), Ok((always, false)));
    assert!(spin("--spin fast").is_err_and(|said| said.contains("expected seconds")));
}
