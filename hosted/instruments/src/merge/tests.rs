use std::path::Path;
use std::time::{Duration, SystemTime};

use echo_core::Failure;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Merged, leaf, merge};
use crate::bound::Condition;
use crate::figure::{self, Format};
use crate::made_up::{MadeUp, spread};
use crate::measurement::{Datagrams, Sample};
use crate::plan::{Pace, Plan, Protocol};
use crate::report::{self, Layout, header, text};
use crate::verdict::Misuse;

/// When a message ended, how long it took, and how late it was sent; or that it failed.
type Message = (u64, Option<u64>, u64);

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let took = prop_oneof![9 => (1..5_000_000_u64).prop_map(Some), 1 => Just(None)];
    prop::collection::vec((0..1_000_000_000_u64, took, 0..1_000_000_u64), 0..60)
}

/// Often the same one.
fn start() -> impl Strategy<Value = u64> {
    prop_oneof![Just(7), 0..5_000_000_u64]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)]
}

const BOUND: Duration = Duration::from_millis(1);

const LOST: Failure = Failure::TimedOut { received: 0, length: 1, whole: None };

/// A run of a second on a schedule, that began so many microseconds after the epoch. What came besides
/// over UDP depends on the messages alone, each for itself.
fn run(protocol: Protocol, start: u64, messages: &[Message]) -> MadeUp {
    let pace = Pace::Rate(60.0);
    let plan = Plan { protocol, pace, keep_going: true, within: vec![BOUND], ..Plan::new() };
    let mut made = MadeUp::new(plan, 1_000);
    made.run.started = SystemTime::UNIX_EPOCH + Duration::from_micros(start);
    let failure = if protocol == Protocol::Tcp { Failure::Reset } else { LOST };
    for (at, took, late) in messages {
        let [at, late] = [*at, *late].map(Duration::from_nanos);
        let end = took.map_or(Err(failure), |took| Ok(Duration::from_nanos(took)));
        made.ends(Sample { late, ..Sample::new(at, 0, end) });
    }
    if let Some(datagrams) = &mut made.run.datagrams {
        let count =
            |is: &dyn Fn(&Message) -> bool| messages.iter().filter(|it| is(it)).count() as u64;
        *datagrams = Datagrams {
            late: count(&|(at, took, _)| took.is_none() && at % 2 == 0),
            duplicated: count(&|(at, ..)| at % 3 == 0),
            reordered: Some(count(&|(at, ..)| at % 5 == 0)),
            crossed: count(&|(at, ..)| at % 7 == 0),
            foreign: count(&|(at, ..)| at % 11 == 0),
            dropped_here: Some(count(&|(at, ..)| at % 13 == 0)),
        };
    }
    made.run.unsent = messages.len() as u64 % 3;
    made.run.omitted = messages.len() as u64 % 5;
    made
}

fn reported(made: &MadeUp) -> Value {
    report::json(&made.subject(), &made.run)
}

/// The report of a host of this name.
fn of_host(name: &str, made: &MadeUp) -> Value {
    let mut report = reported(made);
    report["host"] = name.into();
    report
}

fn merged(reports: &[&Value]) -> Value {
    merge(reports.iter().copied().cloned().collect()).expect("alike")
}

/// What one run over all messages would tell, too.
fn told(report: &Value) -> Value {
    let mut out = json!({});
    let keys = ["sent", "echoed", "failed", "datagrams", "fail_rate", "response_with_failures"];
    for key in keys.into_iter().chain(["unsent", "omitted"]) {
        out[key] = report[key].clone();
    }
    for key in ["service_ns", "response_ns", "late_ns"] {
        out[key] = report[key].clone();
        out[key]["interval95"] = Value::Null;
    }
    let within = report["within"].as_array().expect("bounds");
    out["within"] = within
        .iter()
        .map(|within| json!([within["bound_ns"], within["messages"], within["share"]]))
        .collect();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_merge_is_one_run_over_all_messages(
        protocol in protocol(),
        [a, b, c] in [messages(), messages(), messages()]
    ) {
        let run = |start, messages: &[Message]| run(protocol, start, messages);
        let runs = [run(1, &a), run(2, &b), run(3, &c)];
        let [x, y, z] = runs.each_ref().map(reported);
        let mut all = run(1, &[a, b, c].concat());
        all.run.unsent = runs.iter().map(|one| one.run.unsent).sum();
        all.run.omitted = runs.iter().map(|one| one.run.omitted).sum();
        prop_assert_eq!(told(&merged(&[&x, &y, &z])), told(&reported(&all)));
    }

    #[test]
    fn neither_order_nor_grouping_matter(
        protocol in protocol(),
        runs in [messages(), messages(), messages()],
        starts in [start(), start(), start()]
    ) {
        let [a, b, c] = [0, 1, 2].map(|n| {
            of_host(["a", "b", "c"][n], &run(protocol, starts[n], &runs[n]))
        });
        let all = merged(&[&a, &b, &c]);
        prop_assert_eq!(&merged(&[&c, &a, &b]), &all, "the order matters");
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &all, "the grouping matters");
        prop_assert_eq!(&merged(&[&merged(&[&c, &a]), &b]), &all, "the grouping matters");
        prop_assert_eq!(&merged(&[&all]), &all, "it is what it was");
        prop_assert_eq!(&all["merged"], &json!(3));
    }
}

/// Three hosts of which the last began late, and one failed.
fn hosts() -> [Value; 3] {
    [("north", 0, 70), ("east", 12, 75), ("west", 400, 150)].map(|(name, start, usual)| {
        let plan = Plan { connections: 4, length: 1000, keep_going: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 4_000);
        made.run.started = SystemTime::UNIX_EPOCH + Duration::from_millis(start);
        made.echoes(spread(20_000, usual));
        if name == "west" {
            (0..3).for_each(|n| made.fails(500 + n, 0, Failure::Reset));
        }
        let mut report = of_host(name, &made);
        report["tool_version"] = "0.1.0".into();
        report
    })
}

fn sum(reports: impl IntoIterator<Item = Value>) -> anyhow::Result<Merged> {
    let named = (1..).zip(reports).map(|(n, report)| (format!("{n}.json"), report));
    Merged::of(leaf::leaves(named)?)
}

#[test]
fn hosts_stand_beside_their_sum() {
    let merged = sum(hosts()).expect("alike");
    let plan = merged.plan();
    let subject = merged.subject(&plan);
    let layout = Layout { width: Some(100), histogram: false };
    let all = format!("{}\n{}", header(&subject, layout), text(&subject, &merged.sum, layout));
    insta::assert_snapshot!(all, @"
    ECHO board.local:2333 (192.0.2.7:2333) tcp, 1000 bytes, closed loop, 12 connections, 3 hosts
    --- board.local:2333 echo statistics ---
    60 003 sent, 60 000 echoed, 3 failed, 4.40 s
    failed: 3 reset
    rtt min/avg/max/mdev = 0.070/0.117/1.500/0.101 ms
    echo rate 120 Mbit/s, 15 000 messages/s while all ran (3.60 s)
                      p50       p90       p99       p99.9     p99.99    max
       rtt            87.0 µs   164 µs    169 µs    1.50 ms   1.50 ms   1.50 ms
       with failures  87.0 µs   164 µs    700 µs    1.50 ms   1.50 ms   never
    with failures: the 50.0 ppm that failed are counted as infinitely late
    3 hosts, which all ran for 3.60 s, 90.0 % of the longest run:
       host   from      echoed  failed  p50      p99      max      rate
       north  +0 ns     20 000  0       79.0 µs  89.0 µs  700 µs   40.0 Mbit/s
       east   +12.0 ms  20 000  0       84.0 µs  94.0 µs  750 µs   40.0 Mbit/s
       west   +400 ms   20 000  3       159 µs   169 µs   1.50 ms  40.0 Mbit/s
    ");
    assert_eq!(merged.notes(), [""; 0]);
}

#[test]
fn what_is_not_in_the_reports_is_not_in_their_sum() {
    let all = merged(&hosts().each_ref());
    for place in [
        "/host",
        "/intervals",
        "/stationary",
        "/independence",
        "/arrivals",
        "/where",
        "/rate_bps_interval95",
        "/fail_rate_interval95",
        "/service_ns/interval95/p50",
        "/service_ns/interval95/mean",
        "/self/floor_ns",
        "/self/effort",
    ] {
        assert_eq!(all.pointer(place), Some(&Value::Null), "{place}");
    }
    assert_eq!(all["config"]["connections"], 12);
    let names: Vec<_> =
        all["hosts"].as_array().expect("hosts").iter().map(|host| &host["name"]).collect();
    assert_eq!(names, ["north", "east", "west"]);
    // Without a failure a bound is known all the same: it does not depend on the course.
    let [north, east, _] = hosts();
    assert!(merged(&[&north, &east])["fail_rate_upper95"].is_number());
}

#[test]
fn a_rate_is_that_of_the_time_that_all_share() {
    let [north, _, west] = hosts();
    let all = merged(&[&north, &west]);
    assert_eq!(all["elapsed_s"], 4.4);
    assert_eq!(all["shared"]["time_s"], 3.6);
    let rate = all["messages_per_s"].as_f64().expect("they share time");
    assert!((rate / 10_000.0 - 1.0).abs() < 0.01, "{rate}");
    let mut apart = west;
    apart["started"] = "1970-01-01T00:00:04.000000Z".into();
    let all = merged(&[&north, &apart]);
    assert_eq!((&all["messages_per_s"], &all["rate_bps"]), (&Value::Null, &Value::Null));
    assert_eq!(all["sent"], 40_003);
    let notes = sum([north, apart]).expect("alike").notes().concat();
    assert!(notes.contains("no time in common"), "{notes}");
}

#[test]
fn little_time_in_common_and_runs_that_were_cut_short_are_told() {
    let [north, mut east, _] = hosts();
    for (start, warned) in [("00.400", false), ("00.401", true)] {
        east["started"] = format!("1970-01-01T00:00:{start}Z").into();
        let notes = sum([north.clone(), east.clone()]).expect("alike").notes();
        assert_eq!(!notes.is_empty(), warned, "{notes:?}");
    }
    east["started"] = north["started"].clone();
    east["complete"] = false.into();
    east["config"]["connections"] = 9.into();
    let notes = sum([north, east]).expect("alike").notes();
    assert_eq!(
        notes,
        ["note: the runs differ in: connections 9 and 4", "note: cut short: 2.json (east)"]
    );
}

#[test]
fn what_cannot_be_added_is_refused_by_name() {
    let [north, east, _] = hosts();
    let refused = |reports: [&Value; 2]| {
        let error = sum(reports.map(Clone::clone)).err().expect("not alike");
        (error.is::<Misuse>(), error.to_string())
    };
    for (place, value, said) in [
        ("/config/message_bytes", json!(64), "unlike settings: message_bytes 1000 and 64"),
        ("/config/payload", json!("zero"), "payload \"seq\" and \"zero\""),
        ("/config/spin_s", Value::Null, "spin_s 0.0 and null"),
        ("/config/timeout_s", json!(1), "timeout_s null and 1"),
        ("/config/omit_s", json!(1), "omit_s 0.0 and 1"),
        ("/config/one_that_is_new", json!(1), "one_that_is_new null and 1"),
        ("/command", json!("rate"), "command \"fail-rate\" and \"rate\""),
        ("/tool", json!("tap-demo"), "tool \"hosted\" and \"tap-demo\""),
        ("/runs", json!([]), "2.json: its runs are one after another (--repeat)"),
        ("/search", json!({}), "2.json: a search is of many rates"),
    ] {
        let mut other = east.clone();
        let (parent, key) = place.rsplit_once('/').expect("a place");
        other.pointer_mut(parent).expect("it is there")[key] = value;
        let (misuse, error) = refused([&north, &other]);
        assert!(misuse && error.contains(said), "{place}: {error}");
    }
    let udp = of_host("udp", &run(Protocol::Udp, 0, &[]));
    let (misuse, error) = refused([&north, &udp]);
    assert!(misuse && error.contains("protocol \"tcp\" and \"udp\""), "{error}");
    let (misuse, error) = refused([&north, &merged(&[&east, &north])]);
    assert!(misuse && error.contains("with itself: 1.json (north) and 2.json (north)"), "{error}");
    let mut old = east.clone();
    old["service_ns"].as_object_mut().expect("times").remove("histogram");
    assert!(refused([&north, &old]).1.contains("2.json: it has no histogram"));
    let mut odd = udp.clone();
    odd["datagrams"] = Value::Null;
    assert!(refused([&udp, &odd]).1.contains("no /datagrams/overdue that is a count"));
    for (key, value, said) in [
        ("sent", json!(7), "its counts contradict each other"),
        ("omitted", json!(u64::MAX), "no /omitted that is a count"),
        ("failed", json!({ "reset": u64::MAX }), "no /failed/reset that is a count"),
        ("elapsed_s", json!(1.844e19), "no /elapsed_s that is a time"),
        ("elapsed_s", json!(-1), "no /elapsed_s that is a time"),
        ("started", json!("noon"), "no /started that is a time"),
        ("within", json!([{ "bound_ns": 1 }]), "no /messages that is a count"),
        ("within", json!([{ "bound_ns": -1, "messages": 1 }]), "no /bound_ns that is a time"),
        ("failed", json!({ "lost": 1, "reset": 3 }), "its counts contradict each other"),
    ] {
        let mut odd = east.clone();
        odd[key] = value;
        let (misuse, error) = refused([&north, &odd]);
        assert!(!misuse && error.contains(said), "{error}");
    }
}

#[test]
fn what_became_of_datagrams_is_added_by_class() {
    let of = |name, lost: u32, datagrams| {
        let plan = Plan { protocol: Protocol::Udp, length: 64, keep_going: true, ..Plan::new() };
        let mut made = MadeUp::new(plan, 1_000);
        made.echoes(spread(1_000 - lost, 80));
        (0..lost).for_each(|n| made.fails(n.into(), 0, LOST));
        made.run.datagrams = Some(datagrams);
        of_host(name, &made)
    };
    let [north, east] = [
        of("north", 3, Datagrams { late: 1, duplicated: 2, ..Datagrams::default() }),
        of("east", 7, Datagrams { late: 0, foreign: 4, duplicated: 1, ..Datagrams::default() }),
    ];
    let merged = sum([north, east]).expect("alike");
    let plan = merged.plan();
    let subject = merged.subject(&plan);
    let layout = Layout { width: None, histogram: false };
    let all = format!("{}\n{}", header(&subject, layout), text(&subject, &merged.sum, layout));
    for line in [
        "udp, 64 bytes, closed loop",
        "2000 sent, 1990 echoed, 10 failed",
        "failed: 9 lost, 1 overdue\n",
        "besides: 3 duplicated (0.150 %), 4 foreign (0.200 %)\n",
    ] {
        assert!(all.contains(line), "{line}: {all}");
    }
    for (bound, crossed) in [("lost>0.4%", true), ("lost>0.5%", false), ("overdue>0", true)] {
        let condition: Condition = bound.parse().expect("a bound");
        assert_eq!(condition.crossed(&merged.sum, 64).is_some(), crossed, "{bound}");
    }
}

#[test]
fn bounds_are_those_of_all_together() {
    let mut limited = hosts();
    limited[1]["self"]["limited_by"] = json!(["busy"]);
    let all = sum(limited).expect("alike").sum;
    for (bound, said) in [
        ("p50>1us", "failed: p50>1us: it was 87.0 µs (with failures)"),
        ("p99>10s", ""),
        ("rate<1", ""),
        ("fail>1%", ""),
        ("fail>0", "failed: fail>0: it was 50.0 ppm"),
        (
            "within 1ms<99%",
            "failed: within 1ms<99% cannot be decided: nobody counted it (--within 1ms)",
        ),
        ("limited", "failed: limited: its thread had no time left (on east)"),
    ] {
        let condition: Condition = bound.parse().expect("a bound");
        assert_eq!(condition.crossed(&all, 1000).unwrap_or_default(), said, "{bound}");
    }
}

#[test]
fn the_figure_shows_each_host_and_no_heat_that_nobody_knows() {
    let merged = sum(hosts()).expect("alike");
    let plan = merged.plan();
    let svg = figure::encode(
        &merged.subject(&plan),
        &merged.sum,
        Format::from_path(Path::new("a.svg")),
        1.0,
    );
    let svg = String::from_utf8(svg.expect("drawn")).expect("text");
    for (part, shown) in [
        ("3 hosts", true),
        ("thin: each host", true),
        ("lines of each host", true),
        ("Time shared by all hosts", true),
        ("few echoes", false),
    ] {
        assert_eq!(svg.contains(part), shown, "{part}");
    }
}
