//! What the instrument says of itself after a real run.

use crate::rate::json;
use crate::support::run;

/// Counts of a machine of any speed, however busy.
#[test]
fn a_run_says_what_it_used_of_the_machine() {
    let of = |flags: &[&str]| {
        let command = ["rate", "--local", "--no-plot", "-t", "0.5", "-J"];
        json(&run(&[&command[..], flags].concat()))["self"].clone()
    };
    let share = |own: &serde_json::Value, key: &str| own["effort"][key].as_f64();
    let number = |own: &serde_json::Value, key: &str| own["effort"][key].as_u64();
    // Five messages, and sleep in between.
    let idle = of(&["-i", "100ms"]);
    assert!(share(&idle, "busy_share") < Some(0.5), "{idle}");
    assert!(number(&idle, "voluntary_switches") >= Some(3), "{idle}");
    let counted = std::path::Path::new("/proc/self/schedstat").exists();
    assert_eq!(number(&idle, "spins"), Some(0));
    assert_eq!(share(&idle, "waiting_share").is_some(), counted, "{idle}");
    let limits = idle["limited_by"].as_array().expect("long enough");
    assert!(!limits.contains(&"busy".into()), "{idle}");
    // The same, but always awake: that is no limit.
    let spinning = of(&["-i", "100ms", "--spin"]);
    assert!(share(&spinning, "busy_share") > share(&idle, "busy_share"), "{spinning}");
    assert!(number(&spinning, "spins") > Some(100), "{spinning}");
    assert!(number(&spinning, "spins") <= number(&spinning, "looks"), "{spinning}");
    assert!(!spinning["limited_by"].as_array().expect("long").contains(&"busy".into()));
}

#[test]
fn a_run_that_is_too_short_to_tell_fails_if_it_must_not_be_limited() {
    let ended = run(&["rate", "--local", "--no-plot", "-c", "1", "--fail-if", "limited"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr, "failed: limited cannot be decided: the run was too short\n");
}
