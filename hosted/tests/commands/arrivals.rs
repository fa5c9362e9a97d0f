//! `--arrivals`: the schedule that a seed gives, over real sockets.

use serde_json::Value;

use crate::rate::json;
use crate::support::run;

/// When each message of a run was due, in nanoseconds.
fn due(seed: &str, connections: &str, count: &str) -> Vec<u64> {
    let flags = ["--arrivals", "poisson", "--seed", seed, "-P", connections, "-c", count];
    let command = ["rate", "--local", "--no-plot", "--export-csv", "-", "-R", "2000"];
    let ended = run(&[&command[..], &flags].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("open loop at 2000/s, Poisson arrivals, "), "{ended:?}");
    let row = |row: &str| {
        let number = |n: usize| row.split(',').nth(n).and_then(|cell| cell.parse::<u64>().ok());
        let [ended, late, service] = [0, 3, 5].map(|n| number(n).expect("echoed"));
        ended - service - late
    };
    let mut due: Vec<_> = ended.stdout.lines().skip(1).map(row).collect();
    due.sort_unstable();
    due
}

/// To the nanosecond, however late a busy machine sends them.
#[test]
fn a_seed_repeats_the_schedule_whatever_carries_it() {
    let all = due("7", "1", "240");
    assert_eq!(due("7", "1", "60"), all[..60]);
    // Of several connections one may still wait for its turn when others have sent all: be it alone.
    let several = due("7", "4", "60");
    assert!(several.len() == 60 && several.iter().all(|due| all.contains(due)), "{several:?}");
    assert_ne!(due("8", "1", "60"), all[..60]);
}

#[test]
fn the_report_says_whether_they_were_as_planned() {
    let command = ["rate", "--local", "--no-plot", "-R", "1000", "-P", "4", "-c", "100"];
    let ended = run(&[&command[..], &["--arrivals", "poisson", "--seed", "3"]].concat());
    assert!(ended.stdout.contains("(Poisson, --seed 3): "), "{ended:?}");
    let arrivals =
        |flags: &[&str]| json(&run(&[&command[..], flags, &["-J"]].concat()))["arrivals"].clone();
    let poisson = arrivals(&["--arrivals", "poisson"]);
    assert_eq!((&poisson["kind"], &poisson["planned_per_s"]), (&"poisson".into(), &1_000.0.into()));
    assert!(poisson["seed"].is_u64() && poisson["as_planned"].is_boolean(), "{poisson}");
    assert!(poisson["anderson_darling"].is_f64(), "{poisson}");
    let even = arrivals(&[]);
    assert_eq!((&even["kind"], &even["anderson_darling"]), (&"uniform".into(), &Value::Null));
    let closed = json(&run(&["rate", "--local", "--no-plot", "-c", "5", "-J"]));
    assert_eq!(closed["arrivals"], Value::Null);
}

#[test]
fn what_has_no_planned_rate_or_too_high_a_one_is_refused() {
    let poisson = ["rate", "--local", "--no-plot", "-c", "1", "--arrivals", "poisson"];
    for (flags, said) in [
        (&[][..], "--rate <N>"),
        (&["-i", "1ms"], "cannot be used with"),
        (&["-R", "2M"], "--arrivals poisson goes up to 1 000 000 messages a second: lower --rate"),
    ] {
        let ended = run(&[&poisson[..], flags].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let ended = run(&["rate", "--local", "--no-plot", "-R", "9", "-c", "1", "--seed", "1"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
