//! What is said of bytes that came back wrong.

use echo_core::{Difference, Endpoint, Failure, Fault, Instant, Origin, Payload, Probe};

const LENGTH: usize = 1000;
const CONNECTION: u16 = 7;
const MESSAGE: u64 = 57;

const fn seq(connection: u16) -> Payload {
    Payload::Seq { run: 3, connection }
}

fn content(payload: Payload<&[u8]>, message: u64) -> Vec<u8> {
    let mut bytes = vec![0; LENGTH];
    payload.fill(message, 0, &mut bytes);
    bytes
}

/// What a probe says of the right echo once `spoil` has spoilt it.
fn difference(payload: Payload<&[u8]>, spoil: impl FnOnce(&mut Vec<u8>)) -> Difference {
    let mut echo = content(payload, MESSAGE);
    spoil(&mut echo);
    let mut probe = Probe::new(payload, LENGTH as u64, None, [0; LENGTH]);
    probe.begin(Instant::START, MESSAGE);
    probe.handle_sent(Instant::START, LENGTH);
    probe.handle_received(Instant::START, &echo);
    match probe.end() {
        Some(Err(Failure::Differs(difference))) => difference,
        end => panic!("{end:?}"),
    }
}

fn of_seq(spoil: impl FnOnce(&mut Vec<u8>)) -> Fault {
    difference(seq(CONNECTION), spoil).fault
}

/// At the edges of words and in the middle; the bytes that the tests put there are wrong ones.
const PLACES: [usize; 6] = [0, 1, 7, 8, 500, 960];

#[test]
fn stale_bytes_are_traced_to_their_message() {
    for at in PLACES {
        let stale = content(seq(CONNECTION), MESSAGE - 1);
        let fault = of_seq(|echo| echo[at..].copy_from_slice(&stale[at..]));
        let origin = Origin { connection: CONNECTION, message: MESSAGE - 1, offset: at as u64 };
        assert_eq!(fault, Fault::Stale(origin));
    }
}

#[test]
fn bytes_of_another_connection_are_traced_to_it() {
    for (at, message) in PLACES.into_iter().zip([57, 57, 58, 56, 1_000, 0]) {
        let other = content(seq(8), message);
        let difference =
            difference(seq(CONNECTION), |echo| echo[at..].copy_from_slice(&other[at..]));
        let origin = Origin { connection: 8, message, offset: at as u64 };
        assert_eq!(difference.fault, Fault::Crossed(origin));
        let text =
            format!(", of another connection: byte {at} of message {message} on connection 8");
        assert!(difference.to_string().ends_with(&text), "{difference}");
    }
}

#[test]
fn missing_bytes_are_counted() {
    for at in PLACES {
        for (n, text) in [(1, "; 1 byte is missing"), (13, "; 13 bytes are missing")] {
            let difference = difference(seq(CONNECTION), |echo| drop(echo.drain(at..at + n)));
            assert_eq!(difference.fault, Fault::Skipped { bytes: n as u64 }, "{at} {n}");
            assert!(difference.to_string().ends_with(text), "{difference}");
        }
    }
}

#[test]
fn repeated_bytes_are_counted() {
    for (at, n, text) in [
        (20, 20, "; the last 20 bytes are repeated"),
        (500, 1, "; the last byte is repeated"),
        (960, 13, "; the last 13 bytes are repeated"),
    ] {
        let difference = difference(seq(CONNECTION), |echo| {
            let again = echo[at - n..at].to_vec();
            drop(echo.splice(at..at, again));
        });
        assert_eq!(difference.fault, Fault::Repeated { bytes: n as u64 }, "{at} {n}");
        assert!(difference.to_string().ends_with(text), "{difference}");
    }
}

#[test]
fn what_is_right_again_was_changed_whatever_the_payload() {
    let payloads = [
        seq(CONNECTION),
        Payload::Zero,
        Payload::Random { seed: 4 },
        Payload::Bytes(b"any words, again and again, "),
    ];
    for payload in payloads {
        for changed in [0..1, 1..4, 7..8, 8..11, 500..503, 960..968, 985..988, 998..999] {
            // In one byte that is no bit's doing; in several each has another value, but for zeros.
            let told = |spoil: fn(&mut u8)| {
                let difference =
                    difference(payload, |echo| echo[changed.clone()].iter_mut().for_each(spoil));
                let text = "; the bytes after it are right";
                assert!(difference.to_string().ends_with(text), "{difference}");
                difference.fault
            };
            let place = format!("{payload:?} {changed:?}");
            assert_eq!(told(|byte| *byte ^= 0x10), Fault::Flipped, "{place}");
            assert_eq!(told(|byte| *byte = 0xc5), Fault::Overwritten { by: 0xc5 }, "{place}");
            let inverted = told(|byte| *byte = !*byte);
            let alike = changed.len() == 1 || matches!(payload, Payload::Zero);
            assert_eq!(matches!(inverted, Fault::Overwritten { .. }), alike, "{place}");
            assert_eq!(inverted == Fault::Changed, !alike, "{place}");
        }
    }
}

#[test]
fn the_last_byte_was_flipped_if_one_bit_is_wrong() {
    for (bits, fault) in [(1, Fault::Flipped), (0x80, Fault::Flipped), (0x81, Fault::Foreign)] {
        assert_eq!(of_seq(|echo| echo[LENGTH - 1] ^= bits), fault);
    }
}

#[test]
fn bytes_of_nobody_are_foreign_even_if_the_first_is_nearly_right() {
    for payload in [seq(CONNECTION), Payload::Zero, Payload::Random { seed: 4 }] {
        for at in PLACES {
            let difference = difference(payload, |echo| {
                echo[at] ^= 1;
                echo[at + 1..].iter_mut().for_each(|byte| *byte = !*byte);
            });
            assert_eq!(difference.fault, Fault::Foreign, "{payload:?} {at}");
        }
    }
}

#[test]
fn offsets_beyond_those_that_a_word_tells_are_known_by_nearness() {
    let payload = seq(CONNECTION);
    for offset in [8 << 20, (8 << 20) + 1, 10 << 20, (16 << 20) - 1, 1000 << 20] {
        for (from, fault) in [
            (offset + 100, Fault::Skipped { bytes: 100 }),
            (offset - 100, Fault::Repeated { bytes: 100 }),
        ] {
            let mut wrong = [0; 64];
            payload.fill(MESSAGE, from, &mut wrong);
            assert_eq!(payload.fault(MESSAGE, offset, &wrong), fault, "{offset}");
        }
        let mut flipped = [0; 64];
        payload.fill(MESSAGE, offset, &mut flipped);
        flipped[0] ^= 0x08;
        assert_eq!(payload.fault(MESSAGE, offset, &flipped), Fault::Flipped, "{offset}");
    }
}
