//! The check in virtual time: servers that are wrong in a known way, and networks that do what
//! they may.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use echo_core::{Failure, Instant};

use super::*;
use crate::random::Random;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: CheckArgs<()>,
}

const SERVER: &str = "192.168.69.1:2333";
const ALSO: &str = "--also 192.168.69.2,fdaa::1,fe80::1%1";

/// A datagram on its way to a client: when it is there, to which port, from whom.
type Arrival = (Instant, u16, SocketAddr, Vec<u8>);

/// What a server makes of a datagram: after how long what comes back, to which port, from which address.
type Answers = Vec<(Duration, u16, SocketAddr, Vec<u8>)>;

/// A server beyond a network.
struct Network<S> {
    now: Instant,
    /// The port of each open socket.
    ports: Vec<Option<u16>>,
    next: u16,
    coming: Vec<Arrival>,
    serve: S,
    /// When which datagram was sent.
    sent: Vec<(Instant, Vec<u8>)>,
}

const DELAY: Duration = Duration::from_millis(5);

impl<S: FnMut(u16, SocketAddr, &[u8]) -> Answers> Unconnected for Network<S> {
    fn now(&self) -> Instant {
        self.now
    }

    fn open(&mut self, socket: usize, _peer: SocketAddr, port: Option<u16>) -> Result<(), String> {
        self.next += 1;
        self.ports.resize(self.ports.len().max(socket + 1), None);
        self.ports[socket] = Some(port.unwrap_or(self.next));
        Ok(())
    }

    fn send(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) -> Result<(), Unsent> {
        self.sent.push((self.now, datagram.to_vec()));
        let port = self.ports[socket].expect("open");
        for (after, port, from, bytes) in (self.serve)(port, to, datagram) {
            self.coming.push((self.now + DELAY + after, port, from, bytes));
        }
        Ok(())
    }

    fn receive(
        &mut self,
        socket: usize,
        buffer: &mut [u8],
    ) -> Result<Option<(usize, SocketAddr)>, Failure> {
        let port = self.ports[socket];
        let here = |(at, to, ..): &Arrival| *at <= self.now && Some(*to) == port;
        let first = self.coming.iter().enumerate().filter(|(_, it)| here(it));
        let Some((index, _)) = first.min_by_key(|(_, (at, ..))| *at) else { return Ok(None) };
        let (_, _, from, bytes) = self.coming.remove(index);
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some((bytes.len(), from)))
    }

    fn close(&mut self, socket: usize) {
        self.ports[socket] = None;
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        self.coming.retain(|(_, to, ..)| self.ports.contains(&Some(*to)));
        let next = self.coming.iter().map(|(at, ..)| *at).fold(until, Instant::min);
        assert!(next.since_start() < Duration::from_secs(3600), "it waits for ever");
        self.now = self.now.max(next);
        Ok(())
    }
}

/// One in which nothing has happened yet.
fn network<S: FnMut(u16, SocketAddr, &[u8]) -> Answers>(serve: S) -> Network<S> {
    let (ports, coming, sent) = (Vec::new(), Vec::new(), Vec::new());
    Network { now: Instant::START, ports, next: 10_000, coming, serve, sent }
}

/// The results of a check over such a network, and what was sent when.
fn check(
    flags: &str,
    serve: impl FnMut(u16, SocketAddr, &[u8]) -> Answers,
) -> (Vec<Record>, Vec<(Instant, Vec<u8>)>) {
    let words = ["check", "--udp", "--json"].into_iter().chain(flags.split_whitespace());
    let Flags { args } = Flags::parse_from(words);
    let stop = Stop::new().expect("a descriptor");
    let mut check = Check::new(&args, &stop).expect("cases");
    let mut network = network(serve);
    let address = SERVER.parse().expect("an address");
    let server = Server::new(address, &args).expect("addresses");
    let answering = reach(&mut network, &[address], args.timeout.0, &stop);
    assert!(answering.is_ok_and(|answering| answering == address));
    network.sent.clear();
    check.run(&server, &mut network).expect("time is no system call");
    (check.records().to_vec(), network.sent)
}

/// As it should be; whom not to answer is the caller's.
fn echo(port: u16, at: SocketAddr, bytes: &[u8]) -> Answers {
    vec![(Duration::ZERO, port, at, bytes.to_vec())]
}

fn failed(records: &[Record]) -> BTreeSet<&'static str> {
    let failed = records.iter().filter(|it| matches!(it.outcome, Outcome::Fail(_)));
    failed.map(|it| it.name).collect()
}

/// What a failure of this case says.
fn told(records: &[Record], name: &str) -> String {
    match &records.iter().find(|it| it.name == name).expect("it was carried out").outcome {
        Outcome::Fail(finding) => finding.sentence(),
        other => panic!("{name}: {other:?}"),
    }
}

/// These cases fail, and no others.
fn fails(records: &[Record], names: &[&'static str]) {
    assert_eq!(failed(records), names.iter().copied().collect(), "{records:#?}");
}

/// Answers whoever may be answered.
fn careful(port: u16, at: SocketAddr, bytes: &[u8]) -> Answers {
    if [7, 9, 13, 17, 19, 37, 2333].contains(&port) { Vec::new() } else { echo(port, at, bytes) }
}

#[test]
fn a_right_one_passes_all_and_nothing_is_skipped() {
    let (records, _) = check(&format!("--ours {ALSO}"), careful);
    let pass = |it: &&Record| it.outcome == Outcome::Pass(None);
    assert_eq!(records.iter().filter(pass).count(), cases().count(), "{records:#?}");
}

#[test]
fn what_is_not_known_of_the_server_is_not_held_against_it() {
    let (records, _) = check("", careful);
    let skipped = records.iter().filter(|it| matches!(it.outcome, Outcome::Skip(_)));
    let skipped: Vec<_> = skipped.map(|it| it.name).collect();
    assert_eq!(skipped, ["ipv6", "link-local", "other-address"]);
    fails(&records, &[]);
}

/// One in eight is lost; others come twice, late, or in another order.
#[test]
fn what_a_network_does_is_not_held_against_the_server() {
    for seed in 1..20 {
        let mut random = Random::at(seed, 0);
        let (records, _) = check(&format!("--ours {ALSO} --only {CHOSEN}"), |port, at, bytes| {
            let late = Duration::from_millis(random.below(32) as u64);
            let one = (late, port, at, bytes.to_vec());
            match random.below(16) {
                _ if careful(port, at, bytes).is_empty() => Vec::new(),
                0 | 1 => Vec::new(),
                2 | 3 => vec![one.clone(), one],
                _ => vec![one],
            }
        });
        fails(&records, &[]);
        let noted = records.iter().any(|it| matches!(&it.outcome, Outcome::Pass(Some(_))));
        assert!(noted, "{records:#?}");
    }
}

/// All that do not send hundreds of datagrams of which each has to come back.
const CHOSEN: &str = "all-bytes,zeros,no-command,size-1,size-65507,size-0,empty-then-full,long-short,ipv4,\
                      ipv6,link-local,other-address,once,in-a-row,two-at-once,flood-beside,\
                      thousand-vanish,echo-port,own-port";

#[test]
fn one_that_is_silent_is_asked_four_times_within_the_time_out() {
    let mut greeted = false;
    let (records, sent) = check("--only size-1472 --timeout 10", |port, at, bytes| {
        if std::mem::replace(&mut greeted, true) { Vec::new() } else { echo(port, at, bytes) }
    });
    fails(&records, &["size-1472"]);
    assert_eq!(records[0].took, Duration::from_secs(10));
    let begun = sent[0].0;
    let after: Vec<_> =
        sent.iter().map(|(at, _)| at.saturating_duration_since(begun).as_secs()).collect();
    assert_eq!(after, [0, 1, 3, 6]);
    assert!(told(&records, "size-1472").starts_with("no echo, sent 4 times; "));
}

#[test]
fn an_echo_may_take_as_long_as_the_time_out() {
    let (records, sent) = check("--only size-1472 --timeout 10", |port, at, bytes| {
        vec![(Duration::from_secs(9), port, at, bytes.to_vec())]
    });
    assert_eq!(records[0].outcome, Outcome::Pass(Some("3 sent again".into())));
    assert_eq!(sent.len(), 4);
}

#[test]
fn one_that_cuts_at_2048() {
    let (records, _) = check(&format!("--ours {ALSO}"), |port, at, bytes| {
        careful(port, at, &bytes[..bytes.len().min(2048)])
    });
    fails(&records, &["size-2049", "size-4097", "size-8193", "size-12289", "size-65507"]);
    let told = told(&records, "size-2049");
    assert!(told.starts_with("cut to 2048 of 2049 bytes; "), "{told}");
    assert!(told.contains("usually: a buffer of 2048 bytes"), "{told}");
}

#[test]
fn one_that_answers_twice() {
    let (records, _) = check(&format!("--ours {ALSO}"), |port, at, bytes| {
        [careful(port, at, bytes), careful(port, at, bytes)].concat()
    });
    let all: Vec<_> = cases().map(|it| it.name).collect();
    fails(&records, &all);
    assert!(told(&records, "once").starts_with("8 of 8 came twice, 4 times over; "));
}

#[test]
fn one_that_answers_from_another_address() {
    let (records, _) = check(&format!("--ours {ALSO}"), |port, at, bytes| {
        let at = if at.is_ipv4() { SERVER.parse().expect("an address") } else { at };
        careful(port, at, bytes)
    });
    // It does so also where it is asked as ::ffff:192.168.69.1, whose answer is not wrong.
    fails(&records, &["other-address"]);
    let told = told(&records, "other-address");
    assert!(told.starts_with("192.168.69.2:2333 was asked, 192.168.69.1:2333 answers; "), "{told}");
}

#[test]
fn one_that_answers_from_another_port() {
    let (records, _) = check("--only once", |port, mut at, bytes| {
        at.set_port(7);
        careful(port, at, bytes)
    });
    fails(&records, &["once"]);
    assert!(
        told(&records, "once").starts_with("192.168.69.1:2333 was asked, 192.168.69.1:7 answers; ")
    );
}

#[test]
fn one_that_ends_at_an_empty_datagram() {
    let mut over = false;
    let (records, _) = check("--only size-1,empty-then-full,once", |port, at, bytes| {
        over |= bytes.is_empty();
        if over { Vec::new() } else { careful(port, at, bytes) }
    });
    fails(&records, &["empty-then-full", "once"]);
    assert!(told(&records, "empty-then-full").contains("step 3 of 4"));
}

#[test]
fn one_that_answers_the_client_that_came_first() {
    let mut first = None;
    let (records, _) = check("--only two-at-once", |port, at, bytes| {
        // The greeting is from a port that is closed by now.
        if bytes == b"is anybody there?" {
            return echo(port, at, bytes);
        }
        careful(*first.get_or_insert(port), at, bytes)
    });
    fails(&records, &["two-at-once"]);
    assert!(told(&records, "two-at-once").starts_with("the echo came to another client; "));
}

#[test]
fn one_that_answers_everybody() {
    let (records, _) = check(&format!("--ours {ALSO}"), echo);
    fails(&records, &["echo-port", "small-ports", "own-port"]);
    let told = told(&records, "echo-port");
    let place = "a datagram from port 7 was answered; in: step 2 of 5: send 100 B from port 7";
    assert!(told.starts_with(place), "{told}");
}

#[test]
fn one_that_takes_bytes_for_text() {
    let (records, _) = check("", |port, at, bytes| {
        // It cannot send more than there is room for.
        let text = String::from_utf8_lossy(bytes).into_owned().into_bytes();
        if text.len() > 65_507 { Vec::new() } else { careful(port, at, &text) }
    });
    let failed = failed(&records);
    assert!(
        failed.is_superset(&BTreeSet::from(["all-bytes", "each-byte", "broken-utf8"])),
        "{failed:?}"
    );
    assert!(!failed.contains("no-command") && !failed.contains("zeros"), "{failed:?}");
    assert!(told(&records, "broken-utf8").contains("decoded as text"));
}

#[test]
fn one_that_sends_what_is_left_in_its_buffer() {
    let mut buffer = vec![0; 2048];
    let (records, _) = check("--only long-short,once,size-1472", |port, at, bytes| {
        let length = bytes.len().min(2048);
        buffer[..length].copy_from_slice(&bytes[..length]);
        let whole = if length < 64 { 100 } else { length };
        careful(port, at, &buffer[..whole])
    });
    fails(&records, &["long-short"]);
    assert!(told(&records, "long-short").starts_with("100 bytes came back of 10; "));
}

#[test]
fn datagrams_of_strangers_do_not_matter() {
    let stranger = "192.168.69.9:7".parse().expect("an address");
    let (records, _) = check("--only once,size-0", |port, at, bytes| {
        let mut answers = careful(port, at, bytes);
        answers.push((Duration::ZERO, port, stranger, b"hello".to_vec()));
        answers
    });
    fails(&records, &[]);
}

#[test]
fn nobody_is_asked_for_ever() {
    let stop = Stop::new().expect("a descriptor");
    let addresses = [SERVER, "[fdaa::1]:2333"].map(|text| text.parse().expect("an address"));
    for (limit, seconds) in [(Some(Duration::from_secs(3)), 3), (None, 10)] {
        let silent = format!("no answer within {seconds}s");
        let mut network = network(|_, _, _| Answers::new());
        let error = reach(&mut network, &addresses, limit, &stop).expect_err("nobody");
        let told = format!(
            "no echo over UDP from {SERVER}: {silent}; nor from [fdaa::1]:2333: {silent} (is an echo \
             server listening there? "
        );
        assert!(error.to_string().starts_with(&told), "{error}");
        assert_eq!(network.now, Instant::START + Duration::from_secs(seconds));
    }
}
