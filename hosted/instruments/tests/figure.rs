//! The figure from outside: any run is drawn, in every format, and a known run looks as it did.

use std::path::Path;
use std::time::{Duration, SystemTime};

use echo_core::Failure;
use echo_instruments::figure::{Format, encode};
use echo_instruments::measurement::times::Times;
use echo_instruments::measurement::{Measurement, Sample};
use echo_instruments::plan::Plan;
use echo_instruments::report::Subject;
use tiny_skia::Pixmap;

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
    for (panel, color, [left, right, top, bottom]) in [
        ("title", [0x1b, 0x1f, 0x24], [86, 500, 20, 60]),
        ("rate", [0x00, 0x72, 0xb2], [90, 900, 142, 300]),
        ("failures", [0xd5, 0x5e, 0x00], [90, 900, 132, 136]),
        ("summary", [0x1b, 0x1f, 0x24], [956, 1412, 120, 150]),
        ("round-trip times", [0x08, 0x30, 0x6b], [90, 900, 380, 720]),
        ("p99", [0xe6, 0x9f, 0x00], [90, 900, 380, 720]),
        ("percentiles", [0x00, 0x72, 0xb2], [960, 1250, 380, 720]),
    ] {
        let is_drawn =
            (left..right).flat_map(|x| (top..bottom).map(move |y| (x, y))).any(|(x, y)| {
                let pixel = image.pixel(x, y).expect("a pixel of the page");
                [pixel.red(), pixel.green(), pixel.blue()] == color
            });
        assert!(is_drawn, "{panel}");
    }
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
    assert_eq!(texts[shown_in_legend + 1], before("p99\u{a0}round\u{a0}trip"));
    let median = texts.iter().rposition(|text| *text == "p50").expect("a mark");
    assert_eq!(texts[median + 1], before("median\u{a0}round\u{a0}trip"));
    assert_eq!(
        after("Failed"),
        "3\u{a0}(83.3\u{a0}ppm):\u{a0}2\u{a0}timed\u{a0}out,\u{a0}1\u{a0}reset"
    );
}

#[test]
fn only_a_closed_loop_is_said_to_have_timed_round_trips() {
    for named in [true, false] {
        let mut measured = Measured::steady();
        if !named {
            measured.run.response = Some(measured.run.times.clone());
        }
        let svg = svg(&measured);
        let words = texts(&svg).join("\n").replace('\u{a0}', " ").to_lowercase();
        assert_eq!(words.contains("round trip") || words.contains("round-trip"), named, "{words}");
        assert_eq!(words.contains("response"), !named, "{words}");
        for counted in ["echoes", "echoes per second", "few echoes", "1 in n echoes was slower"] {
            assert!(words.lines().any(|line| line == counted), "{counted} in {words}");
        }
    }
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
fn what_was_due_and_never_sent_is_said() {
    let mut measured = Measured::steady();
    let row = "Due\u{a0}and\u{a0}never\u{a0}sent";
    assert!(svg(&measured).contains(row));
    assert!(svg(&measured).contains("4\u{2009}000\u{a0}(10.0\u{a0}%)"));
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
    assert!(after("Failed").starts_with("4\u{a0}(0.0111\u{a0}%)"), "{}", after("Failed"));
}

#[test]
fn nothing_came_back_is_said() {
    let mut measured = Measured::new(Duration::from_secs(3));
    measured.fail(Duration::from_secs(1), TIMED_OUT);
    let svg = svg(&measured);
    assert!(svg.contains("no\u{a0}echo\u{a0}came\u{a0}back") && svg.contains("n/a"));
    assert!(svg.contains("1\u{a0}(100\u{a0}%):\u{a0}1\u{a0}timed\u{a0}out"));
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
        let lead = texts.iter().position(|text| text.contains("1\u{a0}connection"));
        texts[lead.expect("a lead") + 1..].join("\n")
    };
    assert_eq!(after_lead(&measured), "nothing\u{a0}was\u{a0}measured");
    // That nothing was sent although it was due is something.
    measured.run.elapsed = Duration::from_secs(3);
    measured.run.unsent = 7;
    let shown = after_lead(&measured);
    assert!(shown.contains("no\u{a0}echo\u{a0}came\u{a0}back"), "{shown}");
    assert!(shown.contains("7\u{a0}(100\u{a0}%)"), "{shown}");
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

/// A run that was measured, or made up.
struct Measured {
    name: String,
    plan: Plan,
    run: Measurement,
}

const TIMED_OUT: Failure = Failure::TimedOut { received: 0, length: 64, whole: None };

impl Measured {
    fn new(elapsed: Duration) -> Self {
        let run = Measurement { started: SystemTime::UNIX_EPOCH, elapsed, ..Measurement::new() };
        let plan = Plan { length: 64, ..Plan::new() };
        Self { name: "192.0.2.7:2333".to_owned(), plan, run }
    }

    /// 36 000 round trips in 78 columns, enough for both curves, with a slow tail, a pause in which two fail, one that fails later, and
    /// a tenth that was never sent.
    fn steady() -> Self {
        let mut measured = Self::new(Duration::from_micros(1_273));
        for i in (0..40_000_u64).filter(|i| !(16_000..20_000).contains(i)) {
            let sent = Duration::from_nanos(i * 30);
            let slow = if i % 7_000 == 0 && i < 30_000 { 300_000 } else { 0 };
            let rtt = Duration::from_nanos(60_000 + i * 7_919 % 12_000 + slow);
            measured.succeed(sent, rtt);
        }
        for (us, reason) in [(500, TIMED_OUT), (510, Failure::Reset), (900, TIMED_OUT)] {
            measured.fail(Duration::from_micros(us), reason);
        }
        measured.run.unsent = 4_000;
        measured
    }

    fn random(random: &mut Random) -> Self {
        let elapsed = Duration::from_nanos(random.up_to_power_of_ten(17));
        let mut measured = Self::new(elapsed);
        measured.name = (0..random.below(300)).map(|_| random.sign()).collect();
        measured.plan.length = random.up_to_power_of_ten(9);
        measured.run.response = (random.below(2) == 0).then(Times::new);
        let longest = random.below(13) as u32;
        let within = elapsed.as_nanos() as u64 + 1;
        let round_trips = if random.below(5) == 0 { 0 } else { random.up_to_power_of_ten(4) };
        for _ in 0..round_trips {
            let rtt = Duration::from_nanos(random.up_to_power_of_ten(longest));
            let at = Duration::from_nanos(random.below(within));
            let late = Duration::from_nanos(random.below(within));
            measured.run.record(&Sample { late, ..Sample::new(at, 0, Ok(rtt)) });
        }
        for _ in 0..random.up_to_power_of_ten(3) * random.below(2) {
            let reasons = [TIMED_OUT, Failure::Reset, Failure::Refused];
            let reason = reasons[random.below(3) as usize];
            measured.fail(Duration::from_nanos(random.below(within)), reason);
        }
        measured.run.unsent = random.up_to_power_of_ten(19) * random.below(2);
        measured
    }

    fn succeed(&mut self, sent: Duration, took: Duration) {
        self.run.record(&Sample::new(sent + took, 0, Ok(took)));
    }

    fn fail(&mut self, at: Duration, reason: Failure) {
        self.run.record(&Sample::new(at, 0, Err(reason)));
    }

    fn encode(&self, format: Format, scale: f32) -> anyhow::Result<Vec<u8>> {
        let subject = Subject {
            command: "rate",
            name: self.name.clone(),
            address: ([192, 0, 2, 7], 2333).into(),
            sources: Vec::new(),
            payload: "zero".to_owned(),
            plan: &self.plan,
        };
        encode(&subject, &self.run, format, scale)
    }
}

/// Xorshift: the same runs on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        for (left, right, back) in [(13, 7, 17), (13, 7, 17)] {
            self.0 ^= self.0 << left;
            self.0 ^= self.0 >> right;
            self.0 ^= self.0 << back;
        }
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) % limit.max(1)
    }

    /// As likely small as large.
    fn up_to_power_of_ten(&mut self, most: u32) -> u64 {
        let power = self.below(u64::from(most) + 1) as u32;
        self.below(10_u64.pow(power) + 1)
    }

    /// A letter, or something that does not belong in a name.
    fn sign(&mut self) -> char {
        const HOSTILE: &[char] = &[
            '<', '>', '&', '"', '\'', '\0', '\u{1b}', '\n', '\u{fffe}', '\u{ffff}', '\u{202e}',
            '😀',
        ];
        match self.below(4) {
            0 => HOSTILE[self.below(HOSTILE.len() as u64) as usize],
            _ => char::from(b'a' + self.below(26) as u8),
        }
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

/// What stands between tags, without the line breaks around it.
fn texts(svg: &str) -> Vec<&str> {
    let between = svg.split('<').filter_map(|part| part.split_once('>'));
    between.map(|(_, text)| text.trim_matches('\n')).filter(|text| !text.is_empty()).collect()
}

/// The first place that breaks a rule of XML, as far as the figure uses it.
fn malformed(svg: &str) -> Option<String> {
    let allowed = |sign: char| {
        sign == '\n' || !(sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}'))
    };
    if let Some(sign) = svg.chars().find(|sign| !allowed(*sign)) {
        return Some(format!("sign {sign:?}"));
    }
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else {
            return Some(format!("tag without end: {part}"));
        };
        let name = tag.trim_matches('/').split(' ').next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Some(format!("misplaced end of {name}"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        let entities = ["lt;", "gt;", "amp;", "quot;", "apos;"];
        let is_entity = |rest: &str| entities.iter().any(|entity| rest.starts_with(entity));
        if tag.matches('"').count() % 2 == 1
            || text.contains('>')
            || !text.split('&').skip(1).all(is_entity)
        {
            return Some(format!("unescaped: {part}"));
        }
    }
    open.pop().map(|name| format!("{name} is never closed"))
}
