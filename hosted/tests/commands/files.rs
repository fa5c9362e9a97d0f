//! Files that cannot be written, or not to their end, and what was in them before.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::support::{Ended, PATIENCE, Program, hosted};

/// Runs `hosted rate` under a limit of the shell, in a folder.
fn limited(limit: &str, args: &[&str], folder: &Path) -> Ended {
    Program::start(&mut under(limit, args, folder)).wait()
}

fn under(limit: &str, args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    command.args([env!("CARGO_BIN_EXE_hosted"), "rate", "--local"]).args(args);
    command.stdin(Stdio::null()).current_dir(folder);
    command
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        names.map(|name| name.expect("a name").file_name().display().to_string()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_cannot_be_written_whole_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["old.csv", "old.json", "old.svg"];
    for name in files {
        fs::write(folder.path().join(name), "old").expect("written");
    }
    for old in [true, false] {
        let args = ["-c", "2000", "--export-csv", files[0], "--export-json", files[1]];
        let ended = limited("-f 1", &[&args[..], &["-o", files[2]]].concat(), folder.path());
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains("cannot write old.csv: file too large"), "{ended:?}");
        assert!(ended.stdout.contains("2000 sent"), "the report is there: {ended:?}");
        if old {
            assert_eq!(names(folder.path()), files);
            for name in files {
                assert_eq!(fs::read(folder.path().join(name)).expect("there"), b"old", "{name}");
                fs::remove_file(folder.path().join(name)).expect("removed");
            }
        }
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[test]
fn the_rows_that_a_full_disk_took_are_whole_and_beside_the_older_table() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("run.csv"), "old").expect("written");
    // More than the first 64 KiB that are written at once, less than the second.
    let args = ["-c", "9000", "--no-plot", "--export-csv", "run.csv"];
    let ended = limited("-f 200", &args, folder.path());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(fs::read(folder.path().join("run.csv")).expect("there"), b"old");
    let [_, part] = &names(folder.path())[..] else { panic!("{:?}", names(folder.path())) };
    assert!(
        ended.stderr.contains(&format!("the part that was written is in {}", shown(&folder, part)))
    );
    let rows = fs::read_to_string(folder.path().join(part)).expect("there");
    assert!(rows.lines().count() > 500 && rows.ends_with(",echoed\n"), "{}", rows.len());
}

fn shown(folder: &tempfile::TempDir, name: &str) -> String {
    fs::canonicalize(folder.path()).expect("a folder").join(name).display().to_string()
}

#[test]
fn a_run_that_is_killed_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["old.csv", "old.json"] {
        fs::write(folder.path().join(name), "old").expect("written");
    }
    let mut command = hosted();
    command.args(["rate", "--local", "--export-csv", "old.csv", "--export-json", "old.json"]);
    command.args(["-o", "result/figure.svg"]).current_dir(folder.path());
    let run = Program::start(&mut command);
    let part = |name: &String| name.ends_with(".part");
    let rows = || {
        let part = names(folder.path()).into_iter().find(part)?;
        let rows = fs::read_to_string(folder.path().join(part)).ok()?;
        Some(rows).filter(|rows| !rows.is_empty())
    };
    let began = Instant::now();
    while rows().is_none() {
        assert!(began.elapsed() < PATIENCE, "{:?}", names(folder.path()));
        thread::yield_now();
    }
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
    assert!(rows().is_some(), "they stay beside");
    let left: Vec<_> = names(folder.path()).into_iter().filter(|name| !part(name)).collect();
    assert_eq!(left, ["old.csv", "old.json"]);
    for name in left {
        assert_eq!(fs::read(folder.path().join(&name)).expect("there"), b"old", "{name}");
    }
}

#[test]
fn a_figure_that_nobody_asked_for_is_done_without() {
    // A folder where not even root may make anything.
    let ended = limited("-f unlimited", &["-c", "20"], Path::new("/proc"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let noted = "note: there is no figure: cannot write result/rate.jpg: ";
    assert!(ended.stderr.starts_with(noted) && ended.stdout.contains("20 sent"), "{ended:?}");
    let named = limited("-f unlimited", &["-c", "20", "-o", "rate.jpg"], Path::new("/proc"));
    assert_eq!((named.code, named.stdout.as_str()), (Some(3), ""), "before anything is measured");

    let folder = tempfile::tempdir().expect("a folder");
    let ended = limited("-f 1", &["-c", "20"], folder.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, format!("{noted}file too large\n"));
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn only_the_folder_of_the_figure_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let unlimited = |args: &[&str]| limited("-f unlimited", args, folder.path());
    let refused = unlimited(&["-c", "20", "--export-json", "runs/run.json"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""));
    let said = "error: cannot write runs/run.json: there is no folder runs (choose another file)\n";
    assert_eq!(refused.stderr, said);
    let ended = unlimited(&["-c", "20", "--export-json", "result/run.json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(names(folder.path()), ["result"]);
    assert_eq!(names(&folder.path().join("result")), ["rate.jpg", "run.json"]);
}

#[test]
fn connections_that_the_system_does_not_allow_are_no_failures_of_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = limited("-n 64", &["-P", "100", "-c", "100", "--no-plot"], folder.path());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""));
    let said = "error: cannot open 100 connections: ";
    assert!(refused.stderr.starts_with(said) && refused.stderr.contains("limit is 64 "));
    let ended = limited("-n 264", &["-P", "100", "-c", "100", "--no-plot"], folder.path());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_report_that_does_not_fit_is_an_error_and_no_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = File::create(folder.path().join("log")).expect("made");
    let mut command = under("-f 0", &["-c", "20", "--no-plot"], folder.path());
    let ended = Program::writing(&mut command, log.into(), Stdio::piped()).wait();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.stderr, "error: cannot write to stdout: file too large\n");
}

#[test]
fn no_more_of_a_payload_is_read_than_a_message_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let huge = File::create(folder.path().join("huge")).expect("made");
    huge.set_len(4 << 30).expect("a hole");
    for file in ["file:/dev/zero", "file:huge"] {
        let args = ["-c", "3", "-l", "1000", "--no-plot", "--payload", file];
        let ended = limited("-v 1048576", &args, folder.path());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{file}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_files_may_be_any_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = |name: &[u8]| OsStr::from_bytes(name).to_owned();
    fs::write(folder.path().join(name(b"gr\xfc")), "payload").expect("written");
    let mut command = hosted();
    command.args(["rate", "--local", "-c", "50"]).current_dir(folder.path());
    for (flag, file) in [
        ("--payload", &b"file:gr\xfc"[..]),
        ("--output", b"\xff\x1b.svg"),
        ("--export-json", b"\xff.json"),
        ("--export-csv", b"\xff.csv"),
        ("--export-hdr", b"\xff.hlog"),
    ] {
        command.arg(flag).arg(name(file));
    }
    let ended = Program::start(&mut command).wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.ends_with("figure \\xff\\x1b.svg\n"), "{ended:?}");
    assert_eq!(names(folder.path()).len(), 5);
    for refused in [&["--export-json", "/dev/null/a"][..], &["--payload", "file:none"]] {
        let mut bytes = refused[1].as_bytes().to_vec();
        bytes.push(0xff);
        let mut command = hosted();
        command.args(["rate", "--local", "--no-plot", refused[0]]).arg(name(&bytes));
        let ended = Program::start(&mut command).wait();
        assert!(ended.code == Some(3) && ended.stderr.contains("\\xff: no"), "{ended:?}");
    }
}
