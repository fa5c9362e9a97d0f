//! What is wrong on the command line is said before anything is measured: one
//! clear line, nothing on stdout, and the exit code of its kind.

use std::fs;
use std::io;
use std::path::Path;

use echo_core::Rules;
use rustix::process::Signal;

use crate::progress::shown_on_a_terminal;
use crate::support::{Echo, Ended, Program, deaf, hosted, loopback, peer, rest, run};

const USAGE: i32 = 2;
const NOT_POSSIBLE: i32 = 3;

#[test]
fn wrong_flags_are_usage_errors() {
    for (args, said) in [
        (
            "server --port 70000",
            "invalid value '70000' for '--port <PORT>': expected a whole number from 0 to 65535",
        ),
        ("server --port=-1", "expected a whole number from 0 to 65535"),
        ("server --timeout nan", "invalid value 'nan' for '--timeout <TIME>': expected seconds"),
        ("server --timeout soon", "expected seconds (0.5), or a time with a unit (200ms, 2m)"),
        ("server --buffer 0", "invalid value '0' for '--buffer <BYTES>': expected a whole number"),
        ("server --buffer 65537", "expected a whole number from 1 to 65536"),
        ("server --listen 0", "'--listen <N>'"),
        ("server --threads 0", "'--threads <N>'"),
        ("server --max-conns 0", "'--max-conns <N>'"),
        ("server --ip no..such", "cannot resolve"),
        ("server -v -q", "cannot be used with"),
        ("server --fault bend=1%", "'bend' is not a fault: the faults are flip, drop, repeat"),
        ("server --fault flip", "'flip' has no probability: KIND=PROBABILITY, like flip=0.1%"),
        ("server --drain -1", "invalid value '-1' for '--drain <TIME>': a time is not negative"),
        (
            "server --fault flip=1% --seed x",
            "invalid value 'x' for '--seed <N>': expected a whole number from 0 on",
        ),
        ("server --seed 1", "the following required arguments were not provided"),
        ("client --buffer 0", "expected a whole number from 1 to 65536"),
        ("client --timeout nan", "expected seconds (0.5)"),
        ("client --port 70000", "expected a whole number from 0 to 65535"),
        ("rate --port 70000", "expected a whole number from 0 to 65535"),
        ("rate localhost:70000", "the port must be a number from 0 to 65535"),
        ("rate [::1", "the bracket of the IPv6 address is not closed"),
        ("rate --timeout nan", "expected seconds (0.5)"),
        (
            "rate --time -1",
            "'-1' for '--time <TIME>': it must be above 0; leave it out to run until Ctrl+C",
        ),
        ("rate --omit -1", "invalid value '-1' for '--omit <TIME>': a time is not negative"),
        ("rate --time nan", "expected seconds (0.5)"),
        ("rate --count 0", "expected a whole number above 0 (1000, 20k, 1M)"),
        ("rate --length 2G", "expected up to 1 GiB (1000, 64KiB, 1MB)"),
        ("rate --length 0", "--length 0 needs --udp: only a datagram can be empty"),
        ("rate -u -l 65508", "--length 65508 does not fit into a datagram: 65507 bytes at most"),
        ("fail-rate -u --timeout 0", "--udp needs a --timeout above 0: what is lost would be"),
        ("rate -u --crr", "'--udp' cannot be used with '--crr'"),
        ("fail-rate -u --crr --reset", "'--udp' cannot be used with '--crr'"),
        ("rate --udp --where", "'--udp' cannot be used with '--where'"),
        ("rate --parallel 0", "expected a whole number from 1 to 16384"),
        ("rate --payload ones", "expected zero, seq, random or file:PATH"),
        ("rate --local localhost", "cannot be used with"),
        ("rate --local --port 1", "cannot be used with"),
        ("rate --ip localhost:7 -p 8", "'--port 8' cannot be used with 'localhost:7'"),
        ("fail-rate [::1]:7 --port 7", "'--port 7' cannot be used with '[::1]:7'"),
        ("client localhost:7 -p 7", "'--port 7' cannot be used with 'localhost:7'"),
        ("server --ip localhost:7 -p 7", "'--port 7' cannot be used with 'localhost:7'"),
        ("server --drain-notice 3s", "required arguments were not provided"),
        ("rate -4 -6", "'--ipv4' cannot be used with '--ipv6'"),
        ("rate -4 --local", "'--ipv4' cannot be used with '--local'"),
        ("rate -4 ::1", "cannot use -4 with ::1: it is an IPv6 address"),
        ("fail-rate -6 127.0.0.1:7", "cannot use -6 with 127.0.0.1:7: it is an IPv4 address"),
        ("client -6 --ip 127.0.0.1", "cannot use -6 with 127.0.0.1: it is an IPv4 address"),
        ("rate -4 --bind ::1", "cannot use -4 with ::1: it is an IPv6 address"),
        ("rate --count -5", "invalid value '-5' for '--count <N>': expected a whole number"),
        ("rate -c -5", "invalid value '-5' for '--count <N>': expected a whole number"),
        ("rate -t -1s", "invalid value '-1s' for '--time <TIME>'"),
        ("rate -t 0", "it must be above 0; leave it out to run until Ctrl+C"),
        ("rate -i 0", "it must be above 0; leave it out to start each message as soon as"),
        ("rate --spin -5", "invalid value '-5' for '--spin [<TIME>]': a time is not negative"),
        ("rate -5", "unexpected argument '-5' found"),
        ("rate --paralel 5", "unexpected argument '--paralel' found"),
        ("rate -P -4", "invalid value '-4' for '--parallel <N>'"),
        ("rate -R -4", "invalid value '-4' for '--rate <N>'"),
        ("rate --local -J --export-hdr -", "cannot write both --json and --export-hdr to stdout"),
        (
            "fail-rate --local --export-json - --export-csv -",
            "cannot write both --export-json and --export-csv to stdout: name a file",
        ),
        ("rate --search p99<1ms -R 5", "'--search <BOUND>' cannot be used with '--rate <N>'"),
        (
            "rate --search p99<1ms -i 1",
            "'--search <BOUND>' cannot be used with '--interval <TIME>'",
        ),
        (
            "rate --search p99<1ms --repeat 5",
            "'--search <BOUND>' cannot be used with '--repeat <K>'",
        ),
        ("rate --search p99<1ms -c 5", "'--search <BOUND>' cannot be used with '--count <N>'"),
        (
            "rate --search p99<1ms --export-csv a",
            "'--search <BOUND>' cannot be used with '--export-csv <FILE>'",
        ),
        ("rate --search p99>1ms", "expected a bound like p99<1ms: a percentile (p50, p75,"),
        ("rate --search max<1ms", "expected a bound like p99<1ms: a percentile (p50, p75,"),
        ("fail-rate --search p99<1ms", "unexpected argument '--search'"),
        ("rate --local --label host", "for '--label <KEY=VALUE>': expected KEY=VALUE (host="),
        ("rate --local --label a=1 --label a=2", "--label a is given twice"),
        ("rate --where --crr", "'--where' cannot be used with '--crr'"),
        ("rate -R 5 --seed 1", "--seed repeats random arrivals: add --arrivals poisson"),
        ("rate --local --reset", "required arguments were not provided"),
        ("rate --spin localhost", "TARGET goes before --spin"),
        ("rate --no-plot --output a.jpg", "cannot be used with"),
        ("rate --output a.gif", "a figure is a .jpg, .png or .svg"),
        ("fail-rate --no-plot --output a.jpg", "cannot be used with"),
        ("fail-rate --output figure", "a figure is a .jpg, .png or .svg"),
        ("compare a.json b.json --threshold nan", "expected a share in per cent"),
        ("fail-rate --max-fail many", "'--max-fail <N>'"),
        ("fail-rate --timeout nan", "expected seconds (0.5)"),
        ("measure", "unrecognized subcommand 'measure'"),
    ] {
        let ended = run(&args.split(' ').collect::<Vec<_>>());
        assert!(!ended.stderr.contains("'-- -"), "a wrong tip: {ended:?}");
        let code = if said == "cannot resolve" { NOT_POSSIBLE } else { USAGE };
        assert_refused(&ended, code, said);
    }
}

#[test]
fn what_is_not_possible_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("empty"), "").expect("written");
    let (_deaf, closed) = deaf();
    let [missing, empty] = ["missing", "empty"].map(|name| format!("file:{}", path(name)));
    for (args, said) in [
        (
            &["rate", "--no-plot", &closed][..],
            format!("cannot connect to {closed}: connection refused"),
        ),
        (&["fail-rate", &closed], format!("cannot connect to {closed}: connection refused")),
        (
            &["rate", "--local", "--no-plot", "--bind", "127.0.0.1,192.0.2.1"],
            "cannot connect from 192.0.2.1: cannot assign requested address".into(),
        ),
        (
            &["fail-rate", "--local", "--bind", "::1"],
            "from ::1: one is IPv4, the other IPv6 (see --bind)\n".into(),
        ),
        // Two dots in a row: no name server need be asked.
        (&["rate", "--no-plot", "no..such"], "cannot resolve \"no..such\": ".into()),
        (&["fail-rate", "no..such"], " (check the name, or give an address)\n".into()),
        (&["server", "--ip", "no..such"], "cannot resolve \"no..such\": ".into()),
        (&["server", "--ip", "192.0.2.1"], "cannot listen on 192.0.2.1:2333: ".into()),
        (
            &["rate", "--local", "--output", "/dev/null/rate.jpg"],
            "cannot write /dev/null/rate.jpg: not a directory (choose another file)\n".into(),
        ),
        (
            &["fail-rate", "--local", "--output", "/"],
            "cannot write /: is a directory (choose another file)\n".into(),
        ),
        (
            &["rate", "--local", "--no-plot", "--payload", &missing],
            format!("cannot read the payload {}: no such file or directory\n", path("missing")),
        ),
        (
            &["fail-rate", "--local", "--payload", &empty],
            format!("cannot send the payload {}: the file is empty\n", path("empty")),
        ),
    ] {
        let ended = run(args);
        assert_refused(&ended, NOT_POSSIBLE, &said);
        assert_eq!(ended.stderr.lines().count(), 1, "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_source_that_no_connection_can_have_is_named() {
    let echo = Echo::with(Rules::default());
    let target = echo.address.to_string();
    for (command, bind, note) in [
        (&["rate", "-c", "1", "--no-plot", &target][..], "127.0.0.1,::1", true),
        (&["rate", "-c", "1", "--no-plot", &target], "127.0.0.1,127.0.0.2", false),
        (&["check", "--only", "zeros", &target], "::1,127.0.0.1", true),
        (&["check", "--only", "zeros,exit", "--local"], "::1,127.0.0.1", true),
    ] {
        let ended = run(&[command, &["--bind", bind]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let said = ended.stderr.starts_with("note: --bind ::1 is not used: 127.0.0.1:")
            && ended.stderr.ends_with(" is an IPv4 address\n");
        assert!(if note { said } else { ended.stderr.is_empty() }, "{ended:?}");
    }
}

fn assert_refused(ended: &Ended, code: i32, said: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    let first = ended.stderr.split_inclusive('\n').next().unwrap_or_default();
    assert!(first.starts_with("error: ") && first.contains(said), "{said:?} is not in {ended:?}");
}

#[test]
fn a_target_that_refuses_leaves_no_empty_figure() {
    let folder = tempfile::tempdir().expect("a folder");
    let figure = folder.path().join("rate.jpg").display().to_string();
    let (_deaf, closed) = deaf();
    for args in [&["rate", &closed, "--output", &figure][..], &["rate", &closed, "--crr"]] {
        assert_refused(&run(args), NOT_POSSIBLE, "connection refused");
    }
    assert!(!Path::new(&figure).exists());
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_is_sent() {
    let listener = loopback();
    let address = listener.local_addr().expect("bound").to_string();
    let ended = run(&["rate", &address, "--output", "/dev/null/rate.jpg"]);
    assert_refused(&ended, NOT_POSSIBLE, "cannot write");
    let (stream, _) = listener.accept().expect("a client");
    assert_eq!(rest(&stream), b"");
}

#[test]
fn a_negative_time_out_is_none_everywhere() {
    let echo = peer(|_, mut stream| {
        let _ = io::copy(&mut stream.try_clone().expect("a copy"), &mut stream);
    });
    let target = echo.to_string();
    for args in [
        &["rate", &target, "--no-plot", "-c", "3", "--timeout", "-1"][..],
        &["fail-rate", &target, "-c", "3", "--timeout", "-1"],
        &["fail-rate", &target, "-c", "3", "--timeout=-0.5s"],
        &["fail-rate", &target, "-c", "3", "--timeout", "0"],
    ] {
        let ended = run(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
    let (server, _) = Program::server(&["--timeout", "-1"]);
    server.signal(Signal::TERM);
    assert!(server.wait().stdout.contains("timeout  none\n"));
}

#[test]
fn the_help_texts() {
    for command in COMMANDS {
        let name = if command.is_empty() { "hosted" } else { command };
        let help = |flag| {
            let args = [command, flag].into_iter().filter(|arg| !arg.is_empty());
            let ended = Program::start(hosted().args(args).env("COLUMNS", "80")).wait();
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80), "{ended:?}");
            ended.stdout
        };
        let summary = help("-h");
        let goes_on = |line: &&str| line.starts_with("          ") && !line.contains("--");
        assert_eq!(summary.lines().find(goes_on), None, "a flag has one line");
        let mut examples = summary.lines().skip_while(|line| *line != "Examples:").skip(1);
        assert!(examples.all(|line| line.contains("  # ")), "an example has one line: {summary}");
        insta::assert_snapshot!(format!("summary-{name}"), summary);
        insta::assert_snapshot!(format!("help-{name}"), help("--help"));
    }
}

#[test]
fn the_manual_pages() {
    for command in COMMANDS {
        let args = ["man", command].into_iter().filter(|arg| !arg.is_empty());
        let page = run(&args.collect::<Vec<_>>());
        assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
        let name = if command.is_empty() { "hosted".into() } else { format!("hosted-{command}") };
        assert!(page.stdout.contains(&format!(".TH {name} 1 ")), "{page:?}");
        for section in ["NAME", "SYNOPSIS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(page.stdout.contains(&format!("\n.SH {section}\n")), "{section}: {page:?}");
        }
        if ["", "compare"].contains(&command) {
            insta::assert_snapshot!(format!("man-{name}"), page.stdout);
        }
    }
    assert_refused(&run(&["man", "page"]), USAGE, "invalid value 'page' for '[COMMAND]'");
}

const COMMANDS: [&str; 10] = [
    "",
    "server",
    "client",
    "rate",
    "fail-rate",
    "check",
    "compare",
    "merge",
    "completions",
    "man",
];

#[test]
fn a_wrong_argument_does_nothing_to_a_terminal() {
    let argument = "\x1b[2J\u{202e}x";
    for args in [
        &["rate", "--count", argument][..],
        &[argument],
        &["rate", "--no-plot", argument, argument],
    ] {
        let shown = shown_on_a_terminal(args);
        let obeyed = |c: char| c == '\x1b' || c == '\u{202e}';
        assert!(shown.contains(r"\u{202e}x") && !shown.contains(obeyed), "{shown:?}");
    }
}

#[test]
fn without_a_command_the_help_is_shown() {
    let ended = run(&[]);
    assert_eq!(ended.code, Some(USAGE));
    assert!(ended.stderr.contains("Usage: hosted <COMMAND>"), "{}", ended.stderr);
    let version = run(&["--version"]);
    assert_eq!(version.stdout, format!("hosted {}\n", env!("CARGO_PKG_VERSION")));
}
