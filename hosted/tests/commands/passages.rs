//! `--where` over real sockets.

use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::rate::{LENGTH, json};
use crate::support::{message, peer, run};

/// The peer's 5 ms are found where they were, however busy the machine is.
#[test]
fn what_the_peer_holds_is_told_as_time_between_the_kernels() {
    let hold = Duration::from_millis(5);
    let target = peer(move |_, mut stream| {
        while let Some(message) = message(&stream, LENGTH) {
            thread::sleep(hold);
            let _ = stream.write_all(&message);
        }
    })
    .to_string();
    for flags in [&["-P", "1"][..], &["-P", "3"], &["--spin"], &["-R", "50"]] {
        // The kernel begins to note arrivals a moment after it is asked to: most messages come later.
        let command = ["rate", &target, "--no-plot", "-c", "90", "--where", "-J"];
        let report = json(&run(&[&command[..], flags].concat()));
        let found = &report["where"];
        assert_eq!(found["reason"], Value::Null, "{report}");
        assert!(found["messages"].as_u64() >= Some(1), "{found}");
        let mean = |part: &str| found[part]["mean"].as_u64().expect("a mean");
        let away = mean("kernel_to_kernel_ns");
        assert!(away >= hold.as_nanos() as u64, "{found}");
        let sum = mean("sending_ns") + away + mean("waking_ns");
        // Each mean is rounded down.
        assert!(mean("round_trip_ns").abs_diff(sum) <= 3, "{found}");
    }
}

#[test]
fn the_report_tells_it_in_a_line() {
    // Half a second, of which the kernel needs a moment to begin to note arrivals.
    let command = ["rate", "--local", "--no-plot", "-c", "100", "--where"];
    let told = run(&[&command[..], &["-i", "5ms"]].concat()).stdout;
    assert!(told.contains("\nwhere the time goes (mean of "), "{told}");
    assert!(told.contains(" to wake up and read\n"), "{told}");
    let silent = json(&run(&["rate", "--local", "--no-plot", "-c", "9", "-J"]));
    assert_eq!(silent["where"], Value::Null);
}
