//! The figure of a search.

use echo_instruments::figure::Format;
use tiny_skia::Pixmap;

use crate::are_drawn;
use crate::climbed::{FAST, Server, figure};
use crate::xml::{malformed, texts};

fn svg(server: Server, goal: &str) -> String {
    String::from_utf8(figure(server, goal, Format::Svg, 1.0)).expect("text")
}

/// The text that follows another one.
fn after<'t>(svg: &'t str, name: &str) -> &'t str {
    let texts = texts(svg);
    texts[texts.iter().position(|text| *text == name).expect(name) + 1]
}

#[test]
fn the_answer_is_the_same_wherever_it_stands() {
    let svg = svg(FAST, "p99<1ms");
    let texts = texts(&svg);
    let times = texts.iter().filter(|text| text.ends_with("/s")).collect::<Vec<_>>();
    let kept = times[0];
    assert_eq!(times.iter().filter(|text| *text == &kept).count(), 2, "{times:?}");
    assert!(texts.contains(&format!("At {kept}").as_str()), "{texts:?}");
    assert_eq!(after(&svg, kept), "highest rate kept");
    assert!(after(&svg, "Broken at").starts_with("43\u{2009}100/s (p99 "), "{texts:?}");
    for word in ["p50", "p99", "p99&lt;1ms", "kept", "broken", "Never sent"] {
        assert!(texts.contains(&word), "{word} in {texts:?}");
    }
    assert!(!texts.contains(&"failed"), "nothing failed");
}

#[test]
fn what_is_known_of_a_search_is_drawn_whatever_its_end() {
    let slow = Server { capacity: 20.0, ..FAST };
    for (server, goal, said) in [
        // The queue of the lowest rate is far too long, and that of the highest is empty.
        (slow, "p99<1ms", "none"),
        (Server { capacity: 1e9, ..FAST }, "p99<1ms", "no rate that was tried"),
        (Server { capacity: 1e9, ..FAST }, "p99<1ms", "10M/s"),
        (Server { fails: Some(9_000.0), ..FAST }, "p99<1ms", "failed"),
        (Server { stopped: Some(0), ..FAST }, "p99<1ms", "No step came to its end"),
        (Server { stopped: Some(1), ..FAST }, "p99<1ms", "kept so far"),
        (Server { disturbed: Some(4), ..FAST }, "p99<1ms", "highest rate kept"),
        (FAST, "service p99.9<1ms", "service p99.9"),
        (FAST, "p50<1ms", "p99 response"),
    ] {
        let svg = svg(server, goal);
        assert_eq!(malformed(&svg), None, "{server:?}");
        let numbers = svg.replace("infinitely", "");
        assert!(!numbers.contains("NaN") && !numbers.contains("inf"), "{server:?}");
        assert!(texts(&svg).contains(&said), "{said} in {:?}", texts(&svg));
    }
}

#[test]
fn there_is_something_in_every_panel() {
    let png = figure(Server { fails: Some(30_000.0), ..FAST }, "p99<1ms", Format::Png, 1.0);
    let image = Pixmap::decode_png(&png).expect("a well-formed PNG");
    assert_eq!((image.width(), image.height()), (1440, 810));
    let panels = [
        ("title", [0x1b, 0x1f, 0x24], [86, 500, 20, 60]),
        ("never sent", [0x00, 0x72, 0xb2], [90, 900, 142, 310]),
        ("failures", [0xd5, 0x5e, 0x00], [90, 900, 132, 136]),
        ("summary", [0x1b, 0x1f, 0x24], [956, 1412, 120, 150]),
        ("p50 and the bound", [0x1b, 0x1f, 0x24], [90, 900, 380, 720]),
        ("p99", [0xe6, 0x9f, 0x00], [90, 900, 380, 720]),
        ("percentiles", [0x00, 0x72, 0xb2], [960, 1250, 380, 720]),
    ];
    are_drawn(&image, &panels);
}
