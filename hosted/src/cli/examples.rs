//! The examples in the help texts.

use echo_instruments::command_line::Example;

/// The examples of a command, or of the program.
pub(super) fn of(command: &str) -> &'static [Example] {
    match command {
        "hosted" => &[
            ("hosted rate --local -t 10s", "measure a server in this process"),
            ("hosted server", "serve on port 2333"),
            ("hosted rate board.local:7", "measure an embedded board"),
        ],
        "server" => &[
            ("hosted server --port 7 --rfc862", "a pure RFC 862 service"),
            ("hosted server --udp", "TCP and UDP on port 2333"),
            ("hosted server --ip ::1 --timeout -1", "this machine only, no time limit"),
            ("hosted server --fault stale=0.1%", "with a fault now and then"),
        ],
        "client" => &[
            ("hosted client board.local:7", "an interactive session"),
            ("hosted client -m hello", "one message"),
            ("hosted client -u board.local:7", "over UDP, a datagram per line"),
            ("hosted client < file > copy", "a file, through the server"),
        ],
        "rate" => &[
            ("hosted rate --local -t 10s", "a server in this process, for 10 s"),
            ("hosted rate '[::1]:7' -P 64 -l 64", "64 connections, 64 bytes per message"),
            ("hosted rate -R 5000 -t 1m", "5000 messages/s, for 1 minute"),
            ("hosted rate -u board.local:7", "over UDP"),
            ("hosted rate -P 64 --search 'p99<1ms'", "the highest rate with that p99"),
            ("hosted rate -c 1M --fail-if 'p99>2ms'", "exit code 1 if p99 is above 2 ms"),
        ],
        "fail-rate" => &[
            ("hosted fail-rate board.local:7 -c 10k", "verify 10 000 messages"),
            ("hosted fail-rate --crr --timeout 1", "a connection for each message"),
            ("hosted fail-rate -t 1h --max-fail 3", "tolerate three failures"),
            ("hosted fail-rate -u -R 1k -t 1m", "count what becomes of datagrams"),
        ],
        "check" => &[
            ("hosted check board.local:7", "all cases"),
            ("hosted check -u board.local:7", "those of UDP"),
            ("hosted check --local --ours", "our server, our rules"),
            ("hosted check board.local:7 --only fin-with-data", "one case again"),
        ],
        "compare" => &[
            ("hosted rate -t 1m --export-json before.json", "the first run"),
            ("hosted rate -t 1m --export-json after.json", "the second run"),
            ("hosted compare before.json after.json", "exit code 1 if worse"),
            ("hosted compare old*.json --with new*.json", "several reports a side"),
        ],
        "merge" => &[
            ("hosted merge n1.json n2.json", "two machines, and both together"),
            ("hosted merge n*.json --export-json all.json", "for compare, or another merge"),
            ("hosted merge n*.json --fail-if 'p99>2ms'", "exit code 1 if it is above"),
        ],
        "completions" => &[
            ("source <(hosted completions bash)", "for this shell"),
            ("hosted completions zsh > _hosted", "a file for a folder of $fpath"),
        ],
        "man" => &[
            ("hosted man rate | man -l -", "read a page"),
            ("hosted man > /usr/local/share/man/man1/hosted.1", "install a page"),
        ],
        _ => &[],
    }
}
