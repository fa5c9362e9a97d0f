//! The figure from outside: any run is drawn, in every format, and a known run looks as it did.

mod climbed;
mod measured;
mod search;
mod xml;

use std::path::Path;
use std::time::Duration;

use echo_core::{Difference, Failure, Fault};
use echo_instruments::figure::Format;
use echo_instruments::measurement::Sample;
use echo_instruments::plan::Pace;
use echo_instruments::stack::Stops;
use tiny_skia::Pixmap;

use self::measured::{Measured, Random, TIMED_OUT};
use self::xml::{malformed, texts};

#[test]
fn the_name_of_the_file_chooses_the_format() {
    let format = |name: &str| Format::from_path(Path::new(name));
    assert_eq!(format("a.png"), Format::Png);
    assert_eq!(format("a.b.SVG"), Format::Svg);
    assert_eq!(format("a.jpg"), Format::Jpeg);
    assert_eq!(format("png"), Format::Jpeg);
    assert_eq!(format(".svg/figure"), Format::Jpeg);
}

#[test]
fn a_known_run_is_drawn_as_before() {
    let svg = svg(&Measured::steady());
    insta::assert_snapshot!(svg.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn images_have_the_asked_size_and_something_in_every_panel() {
    let measured = Measured::steady();
    let jpeg = measured.encode(Format::Jpeg, 0.5).expect("a JPEG");
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.ends_with(&[0xff, 0xd9]));
    let frame = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0]).expect("a frame");
    assert_eq!(jpeg[frame + 5..frame + 9], [405_u16, 720].map(u16::to_be_bytes).concat());

    let image = png(&measured, 1.0);
    assert_eq!((image.width(), image.height()), (1440, 810));
    let panels = [
        ("title", [0x1b, 0x1f, 0x24], [86, 500, 20, 60]),
        ("rate", [0x00, 0x72, 0xb2], [90, 900, 142, 300]),
        ("failures", [0xd5, 0x5e, 0x00], [90, 900, 132, 136]),
        ("summary", [0x1b, 0x1f, 0x24], [956, 1412, 120, 150]),
        ("round-trip times", [0x08, 0x30, 0x6b], [90, 900, 380, 720]),
        ("p99", [0xe6, 0x9f, 0x00], [90, 900, 380, 720]),
        ("percentiles", [0x00, 0x72, 0xb2], [960, 1250, 380, 720]),
    ];
    are_drawn(&image, &panels);
}

#[test]
fn an_image_without_pixels_or_with_too_many_is_an_error() {
    let measured = Measured::steady();
    for scale in [0.0, -1.0, f32::NAN, 50.0, f32::INFINITY] {
        for format in [Format::Jpeg, Format::Png] {
            assert!(measured.encode(format, scale).is_err(), "{scale}");
        }
    }
}

#[test]
fn a_percentile_is_the_same_wherever_it_stands() {
    let svg = svg(&Measured::steady());
    let texts = texts(&svg);
    let after = |name: &str| {
        let at = texts.iter().position(|text| *text == name).expect(name);
        texts[at + 1]
    };
    let before = |name: &str| {
        let at = texts.iter().position(|text| *text == name).expect(name);
        texts[at - 1]
    };
    let shown_in_legend = texts.iter().rposition(|text| *text == "p99").expect("a mark");
    assert_eq!(texts[shown_in_legend + 1], before("p99 per message"));
    let median = texts.iter().rposition(|text| *text == "p50").expect("a mark");
    assert_eq!(texts[median + 1], before("p50 per message"));
    assert_eq!(after("Failed"), "3 (83.3 ppm): 2 timed out, 1 reset");
}

#[test]
fn only_a_closed_loop_is_said_to_have_timed_round_trips() {
    for closed in [true, false] {
        let mut measured = Measured::steady();
        if !closed {
            measured.plan.pace = Pace::Rate(30e6);
            measured.run.response = Some(measured.run.times.clone());
        }
        let svg = svg(&measured);
        let words = texts(&svg).join("\n").to_lowercase();
        assert_eq!(words.contains("round trip") || words.contains("round-trip"), closed, "{words}");
        assert_eq!(words.contains("response"), !closed, "{words}");
        assert_eq!(words.contains("\nservice time, p50 and p99\n"), !closed, "{words}");
        // It sends more messages while they are fast: what it counts is not what is so most of the time.
        assert_eq!(words.contains("p50 per message\n"), closed, "{words}");
        assert_eq!(words.contains("a closed loop sends more"), closed, "{words}");
        for counted in ["echoes", "echoes per second", "few echoes", "1 in n messages was slower"] {
            assert!(words.lines().any(|line| line == counted), "{counted} in {words}");
        }
    }
}

/// Seventy microseconds with a tail, then fifteen, or another way.
fn changing(at: u64, before: u64, after: u64) -> Measured {
    let mut measured = Measured::new(Duration::from_secs(2));
    for i in 0..40_000_u64 {
        let (sent, usual) = (Duration::from_micros(50 * i), if i < at { before } else { after });
        let slow = if i % 150 == 0 { 4 } else { 1 };
        let noise = i * 7_919 % 12_000;
        measured.succeed(sent, Duration::from_nanos(slow * (usual * 1_000 + noise)));
    }
    measured
}

#[test]
fn where_a_run_becomes_another_a_line_says_so() {
    for (at, before, after) in [(17_000, 65, 12), (35_000, 12, 65)] {
        let changed = svg(&changing(at, before, after));
        let marks: Vec<_> =
            texts(&changed).into_iter().filter(|text| text.contains(", then ")).collect();
        assert_eq!(marks.len(), 1, "{marks:?}");
        // In the middle of the noise, which is 12 µs wide.
        let [before, after] = [before, after].map(|usual| format!("{}.", usual + 6));
        assert!(marks[0].starts_with(&format!("p50 {before}")), "{marks:?}");
        assert!(marks[0].contains(&format!(" µs, then {after}")), "{marks:?}");
    }
    let one = svg(&changing(0, 65, 65));
    assert!(!one.contains(", then "));
}

#[test]
fn a_curve_that_would_hide_the_cells_is_not_drawn() {
    let mut queue = Measured::new(Duration::from_secs(2));
    for sent in (0..40_000).map(|i| Duration::from_micros(25 * i)) {
        queue.succeed(sent, sent);
    }
    // The name of a mark, and of a curve.
    for (measured, named) in [(Measured::steady(), 2), (queue, 1)] {
        let svg = svg(&measured);
        assert_eq!(texts(&svg).iter().filter(|text| **text == "p50").count(), named);
    }
}

#[test]
fn letters_are_outlines_that_no_viewer_sets_in_another_font() {
    let svg = svg(&Measured::steady());
    assert!(!svg.contains("<text") && !svg.contains("font"));
    let after = |what| svg.split(what).skip(1).filter_map(|rest| rest.split('"').next());
    let defined: Vec<_> = after("id=\"").collect();
    let used: Vec<_> = after("href=\"#").collect();
    assert!(used.len() > 500 && used.iter().all(|letter| defined.contains(letter)));
    assert!(defined.iter().all(|letter| used.contains(letter)), "none is there in vain");
    assert_eq!(texts(&svg)[0], "TCP echo to 192.0.2.7:2333");
}

#[test]
fn a_name_has_its_address_and_port_beside_it() {
    let mut measured = Measured::steady();
    let address = |svg: &str| texts(svg).iter().filter(|text| **text == "192.0.2.7:2333").count();
    assert_eq!(address(&svg(&measured)), 0, "the address is the name");
    for name in ["this process".to_owned(), "board.local:2333".to_owned(), "W".repeat(300)] {
        measured.name = name;
        assert_eq!(address(&svg(&measured)), 1, "{}", measured.name);
    }
}

#[test]
fn the_foot_names_the_program_that_measured() {
    let mut measured = Measured::steady();
    for program in ["hosted", "tap-demo"] {
        measured.program = program;
        let begin = format!("{program} {}  ·  ", env!("CARGO_PKG_VERSION"));
        assert!(texts(&svg(&measured)).last().is_some_and(|foot| foot.starts_with(&begin)));
    }
}

#[test]
fn a_warm_up_is_said() {
    let mut measured = Measured::steady();
    measured.plan.omit = Duration::from_secs(5);
    assert!(svg(&measured).contains("  ·  1.27 ms after a warm-up of 5.00 s  ·  "));
    let mut unfinished = Measured::new(Duration::ZERO);
    unfinished.plan.omit = Duration::from_secs(5);
    assert!(svg(&unfinished).contains("  ·  ended in its warm-up of 5.00 s  ·  "));
}

#[test]
fn every_reason_of_failures_is_told_in_full() {
    let mut measured = Measured::steady();
    let fault = Fault::Flipped;
    let difference = Difference { message: 1, offset: 2, expected: 3, received: 4, fault };
    let reasons = [
        TIMED_OUT,
        Failure::Refused,
        Failure::Reset,
        Failure::ClosedEarly { received: 1, length: 2 },
        Failure::Differs(difference),
        Failure::Extra { message: 1, bytes: 2 },
        Failure::Unreachable,
        Failure::Local,
    ];
    for (reason, n) in reasons.into_iter().zip(1..) {
        (0..1_000 * n).for_each(|_| measured.fail(Duration::from_micros(900), reason));
    }
    let svg = svg(&measured);
    let texts = texts(&svg);
    let row = texts.iter().position(|text| *text == "Failed").expect("a row");
    assert_eq!(texts[row + 1], "36\u{2009}003 (50.0 %)");
    let told = "Failed: 8000 without a local socket, 7000 unreachable, \
                6000 with extra bytes, 5000 differed, 4000 closed early, \
                3001 reset, 2000 refused, 1002 timed out";
    assert!(texts.contains(&told), "{texts:?}");
}

#[test]
fn messages_without_an_end_are_said() {
    let mut measured = Measured::steady();
    let row = |measured: &Measured, name: &str| {
        let svg = svg(measured);
        let texts = texts(&svg);
        let at = texts.iter().position(|text| *text == name);
        at.map(|at| texts[at + 1].to_owned())
    };
    let [in_flight, interrupted] = ["In flight at the end", "Interrupted"];
    // Others took as long.
    measured.run.under_way = vec![Duration::from_micros(300)];
    assert_eq!([in_flight, interrupted].map(|name| row(&measured, name)), [None, None]);
    measured.run.under_way.push(Duration::from_secs(2));
    assert_eq!(row(&measured, in_flight).as_deref(), Some("2 messages, for up to 2.00 s"));
    let sample = Sample::new(Duration::from_micros(500), 0, Err(Failure::Reset));
    measured.run.record(&Sample { interrupted: true, ..sample });
    measured.run.stops = Stops { times: 2, total: Duration::from_secs(12) };
    assert_eq!(row(&measured, interrupted).as_deref(), Some("1 message, 2 stops of 12.0 s"));
    // They are all that is known of a run without another message.
    let mut other = Measured::new(Duration::from_secs(3));
    other.run.under_way = vec![Duration::from_secs(3)];
    assert!(svg(&other).contains("\"In flight at the end: 1 message, for 3.00 s\""));
}

#[test]
fn what_was_due_and_never_sent_is_said() {
    let mut measured = Measured::steady();
    let row = "Due but never sent";
    assert!(svg(&measured).contains(row));
    assert!(svg(&measured).contains("4000 (10.0 %)"));
    measured.run.unsent = 0;
    assert!(!svg(&measured).contains(row));
}

#[test]
fn an_echo_that_proved_wrong_is_none() {
    let mut measured = Measured::steady();
    measured.run.tally.revoke(&Failure::Extra { message: 1, bytes: 1 });
    let svg = svg(&measured);
    let texts = texts(&svg);
    let after = |name: &str| texts[texts.iter().position(|text| *text == name).expect(name) + 1];
    assert_eq!(after("Echoes"), "35\u{2009}999", "its round trip stays among the times");
    assert!(after("Failed").starts_with("4 (0.0111 %)"), "{}", after("Failed"));
}

#[test]
fn nothing_came_back_is_said() {
    let mut measured = Measured::new(Duration::from_secs(3));
    measured.fail(Duration::from_secs(1), TIMED_OUT);
    let svg = svg(&measured);
    assert!(svg.contains("no echo came back") && svg.contains("n/a"));
    assert!(svg.contains("1 (100 %): 1 timed out"));
    // But for the page, nothing is white: what is said covers nothing.
    assert_eq!(svg.matches("fill=\"#FFFFFF\"").count(), 1);
}

#[test]
fn the_legend_of_failures_ends_with_the_panel_where_no_mean_does() {
    let mut failed = Measured::new(Duration::from_secs(3));
    failed.fail(Duration::from_secs(1), TIMED_OUT);
    let image = png(&failed, 1.0);
    let is_dark = |x: u32, y: u32| image.pixel(x, y).expect("a pixel of the page").red() < 0xc0;
    let end = (600..940).rev().find(|x| (108..125).any(|y| is_dark(*x, y))).expect("a legend");
    assert!((905..=909).contains(&end), "{end}");
}

#[test]
fn without_a_message_there_is_nothing_but_a_word() {
    let mut measured = Measured::new(Duration::ZERO);
    let after_lead = |measured: &Measured| {
        let svg = svg(measured);
        let texts = texts(&svg);
        let lead = texts.iter().position(|text| text.contains("1 connection"));
        texts[lead.expect("a lead") + 1..].join("\n")
    };
    assert_eq!(after_lead(&measured), "Nothing was measured");
    // That nothing was sent although it was due is something.
    measured.run.elapsed = Duration::from_secs(3);
    measured.run.unsent = 7;
    let shown = after_lead(&measured);
    assert!(shown.contains("no echo came back"), "{shown}");
    assert!(shown.contains("7 (100 %)"), "{shown}");
}

#[test]
fn any_run_is_drawn() {
    for seed in 1..=200 {
        let measured = Measured::random(&mut Random(seed));
        let image = png(&measured, 0.1);
        assert_eq!((image.width(), image.height()), (144, 81), "seed {seed}");
        let svg = svg(&measured);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "seed {seed}");
        assert_eq!(malformed(&svg), None, "seed {seed}");
    }
}

/// Something of each panel, by its name, color and sides, is on the page.
fn are_drawn(image: &Pixmap, panels: &[(&str, [u8; 3], [u32; 4])]) {
    for (panel, color, [left, right, top, bottom]) in panels {
        let is_drawn =
            (*left..*right).flat_map(|x| (*top..*bottom).map(move |y| (x, y))).any(|(x, y)| {
                let pixel = image.pixel(x, y).expect("a pixel of the page");
                [pixel.red(), pixel.green(), pixel.blue()] == *color
            });
        assert!(is_drawn, "{panel}");
    }
}

fn svg(measured: &Measured) -> String {
    let bytes = measured.encode(Format::Svg, 1.0).expect("an SVG");
    String::from_utf8(bytes).expect("text")
}

fn png(measured: &Measured, scale: f32) -> Pixmap {
    let bytes = measured.encode(Format::Png, scale).expect("a PNG");
    Pixmap::decode_png(&bytes).expect("a well-formed PNG")
}
