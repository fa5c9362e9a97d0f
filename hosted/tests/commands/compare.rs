//! `hosted compare`: from reports to a verdict.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::run;

#[test]
fn two_reports_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, median: u64| {
        let report = serde_json::json!({
            "schema": "hosted/1",
            "service_ns": { "p50": median, "interval95": { "p50": [median - 9, median + 9] } },
            "response_ns": null,
            "rate_bps": 1e6,
        });
        let path = folder.path().join(name);
        fs::write(&path, report.to_string()).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (fast, slow) = (made("fast.json", 70_000), made("slow.json", 800_000));
    let worse = run(&["compare", &fast, &slow]);
    assert_eq!(worse.code, Some(1), "{worse:?}");
    assert!(worse.stdout.contains("\nworse: p50 +1042.9 %\n"), "{worse:?}");
    let close = made("close.json", 80_000);
    for (args, said) in [
        (
            ["compare", &slow, &fast].as_slice(),
            "nothing is worse by more than 5 %\nbetter: p50 -91.2 %\n",
        ),
        (
            &["compare", &fast, &slow, "--threshold", "2000"],
            "nothing is worse by more than 2000 %\n",
        ),
        (
            &["compare", &fast, &close],
            "; perhaps worse: p50 +14.3 %\n(two runs, not two programs: ",
        ),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(said), "{ended:?}");
    }
    let ended = run(&["compare", &fast]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("cannot tell before from after"), "{ended:?}");
    let few: [_; 2] = ["few.json", "fewer.json"].map(|name| {
        let path = folder.path().join(name).to_str().expect("UTF-8").to_owned();
        run(&["rate", "--local", "--no-plot", "-c", "2", "--export-json", &path]);
        path
    });
    let ended = run(&["compare", &few[0], &few[1]]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stdout
            .ends_with("these runs do not show whether one is worse: let both run for longer\n"),
        "{ended:?}"
    );
    let other = folder.path().join("other.json");
    fs::write(&other, "{}").expect("written");
    for path in [other.as_path(), Path::new("/nowhere.json")] {
        let ended = run(&["compare", &fast, path.to_str().expect("UTF-8")]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.starts_with("error: cannot read "), "{ended:?}");
    }
}

#[test]
fn only_runs_of_one_kind_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, args: &str| {
        let path = folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let args = args.split(' ').chain(["--local", "-c", "400", "--export-json"]);
        assert_eq!(run(&args.chain([&*path]).collect::<Vec<_>>()).code, Some(0));
        path
    };
    let rewritten = |name: &str, change: &dyn Fn(&str) -> String| {
        let path = folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let closed = fs::read_to_string(folder.path().join("closed")).expect("a report");
        fs::write(&path, change(&closed)).expect("written");
        path
    };
    let closed = made("closed", "rate --no-plot");
    let jq = rewritten("jq", &|report| report.replace("\"omit_s\": 0.0", "\"omit_s\": 0"));
    let ended = run(&["compare", &closed, &jq]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.ends_with("nothing is worse by more than 5 %\n"), "{ended:?}");
    // What may be chance is no verdict, but neither is it nothing.
    let slower = rewritten("slower", &|report| {
        let mut report: Value = serde_json::from_str(report).expect("JSON");
        let mean = report["service_ns"]["mean"].as_f64().expect("a number");
        report["service_ns"]["mean"] = (mean * 3.0).into();
        report["service_ns"]["interval95"]["mean"] = Value::Null;
        report.to_string()
    });
    let ended = run(&["compare", &closed, &slower]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let told = "nothing is surely worse by more than 5 %; perhaps worse: mean +200.0 %\n";
    assert!(ended.stdout.contains(told), "{ended:?}");

    let value = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let odd = rewritten("odd", &|report| {
        let mut report = value(report);
        report["service_ns"]["p50"] = json!(1e308);
        report.to_string()
    });
    let bare = rewritten("bare", &|_| json!({ "schema": "hosted/1" }).to_string());
    let [other, open, crr] =
        [("other", "fail-rate"), ("open", "rate --no-plot -R 9k"), ("crr", "rate --no-plot --crr")]
            .map(|(name, args)| made(name, args));
    for (path, code, said) in [
        (&other, 2, "runs of different kinds: command \"rate\" and \"fail-rate\"\n"),
        (&open, 2, "runs of different kinds: pace \"closed\" and \"rate\"\n"),
        (&crr, 2, "runs of different kinds: connection_per_message false and true\n"),
        (&bare, 2, "runs of different kinds: command \"rate\" and null, "),
        (&odd, 3, "no run has a /service_ns/p50 of 1e+308\n"),
    ] {
        let ended = run(&["compare", &closed, path]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{ended:?}");
        assert!(ended.stderr.starts_with("error: cannot compare"), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let ended = run(&["compare", &bare, &bare]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.starts_with("error: cannot compare"), "{ended:?}");
    let random = made("random", "rate --no-plot -R 9k --arrivals poisson");
    let said = run(&["compare", &open, &random]).stderr;
    assert!(
        said.contains("differ in their settings: arrivals \"uniform\" and \"poisson\"\n"),
        "{said}"
    );
}

#[test]
fn several_reports_a_side_and_reports_of_several_runs_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, report: &Value| {
        let path = folder.path().join(name);
        fs::write(&path, report.to_string()).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let run_of = |p50: u64| {
        json!({
            "schema": "hosted/1", "complete": true,
            "service_ns": { "p50": p50 }, "response_ns": null, "rate_bps": 1e12 / p50 as f64,
        })
    };
    let [before, after] = [70_000_u64, 77_000]
        .map(|usual| [0, 900, 300, 600, 1_200].map(|more| run_of(usual + more)));
    // A series, whose last run was cut short, and files with a run each.
    let mut series = run_of(1);
    series["runs"] = before.iter().chain([&json!({ "complete": false })]).cloned().collect();
    let series = write("series.json", &series);
    let files: Vec<_> =
        after.iter().zip(0..).map(|(report, n)| write(&format!("after{n}.json"), report)).collect();
    let compare = |sides: [&[String]; 2]| {
        let [before, after] = sides.map(|side| side.iter().map(String::as_str));
        run(&["compare"]
            .into_iter()
            .chain(before)
            .chain(["--with"])
            .chain(after)
            .collect::<Vec<_>>())
    };
    let ended = compare([std::slice::from_ref(&series), &files]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stdout.starts_with("the middle of 5 runs before and of 5 after:\n"), "{ended:?}");
    assert!(ended.stdout.contains("\nworse: p50 +9.9 %, rate -9.0 %\n"), "{ended:?}");
    let ended = compare([&files, std::slice::from_ref(&series)]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.contains("\nbetter: p50 "), "{ended:?}");
    let ended = compare([&files[..3], &files[2..]]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("3 and 3 runs cannot show"), "{ended:?}");
}
