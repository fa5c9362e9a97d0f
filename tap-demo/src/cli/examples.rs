//! The examples in the help texts.

use echo_instruments::command_line::Example;

/// The examples of a command, or of the program.
pub(super) fn of(command: &str) -> &'static [Example] {
    match command {
        "tap-demo" => &[
            ("sudo tap-demo --iface tap0", "serve on 192.168.69.1:2333"),
            ("sudo tap-demo --iface tap0 --drop-chance 1%", "lose one frame in a hundred"),
            ("sudo tap-demo --iface tap0 rate 192.168.69.100", "measure a server on the host"),
        ],
        "rate" => &[
            ("sudo tap-demo --iface tap0 rate 192.168.69.100 -t 10s", "for ten seconds"),
            ("sudo tap-demo --iface tap0 --delay 5ms rate 192.168.69.100", "5 ms each way"),
        ],
        "fail-rate" => &[
            ("sudo tap-demo --iface tap0 fail-rate 192.168.69.100 -c 10k", "a count"),
            ("sudo tap-demo --iface tap0 --jitter 5ms fail-rate 192.168.69.100", "jitter"),
        ],
        "check" => &[
            ("sudo tap-demo --iface tap0 check 192.168.69.100", "all cases"),
            ("sudo tap-demo --iface tap0 --drop-chance 1 check 192.168.69.100", "a bad wire"),
            ("sudo tap-demo --iface tap0 check -u 192.168.69.100", "over UDP"),
        ],
        "completions" => &[("source <(tap-demo completions bash)", "for this shell")],
        "man" => &[("tap-demo man rate | man -l -", "read a page")],
        _ => &[],
    }
}
