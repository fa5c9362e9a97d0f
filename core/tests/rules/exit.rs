//! The word `exit`: when it ends a session, and when it is data like any other.

use core::time::Duration;

use echo_core::{CloseReason, Endpoint, LINGER, Rules, SILENCE};

use crate::line::Line;

const WORDS: [&[u8]; 3] = [b"exit", b"exit\n", b"exit\r\n"];
const MOMENT: Duration = Duration::from_millis(1);

fn line() -> Line<8> {
    Line::new(Rules::default())
}

#[test]
fn the_word_ends_the_session_however_it_is_cut() {
    for word in WORDS {
        for first in 1..=word.len() {
            for second in first..=word.len() {
                let mut line = line();
                for piece in [&word[..first], &word[first..second], &word[second..]] {
                    line.burst(piece, usize::MAX);
                }
                line.quiet().wait(SILENCE).eof();
                assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Exit), &b""[..]));
            }
        }
    }
}

#[test]
fn a_pause_within_the_word_echoes_its_beginning_and_yet_it_counts() {
    for word in WORDS {
        for cut in 1..word.len() {
            let mut line = line();
            line.say(&word[..cut]).wait(MOMENT).say(&word[cut..]).wait(SILENCE).eof();
            assert_eq!(line.end(), Some(CloseReason::Exit), "{word:?} cut at {cut}");
            let echoed_early = if WORDS.contains(&&word[..cut]) { 0 } else { cut };
            assert_eq!(line.echo, word[..echoed_early], "{word:?} cut at {cut}");
        }
    }
}

#[test]
fn the_silence_must_last() {
    let mut line = line();
    line.say(b"exit").wait(SILENCE - Duration::from_nanos(1));
    assert!(!line.session.finished());
    line.wait(Duration::from_nanos(1));
    assert!(line.session.finished());
}

#[test]
fn a_repeated_quiet_does_not_prolong_the_silence() {
    let mut line = line();
    line.say(b"exit").wait(SILENCE / 2).quiet().wait(SILENCE / 2);
    assert!(line.session.finished());
}

#[test]
fn input_within_the_silence_makes_the_word_data() {
    let mut line = line();
    line.say(b"exit").wait(SILENCE / 2).say(b" strategy").wait(SILENCE * 9);
    assert_eq!((line.end(), &line.echo[..]), (None, &b"exit strategy"[..]));
}

#[test]
fn bytes_beat_the_clock() {
    let mut line = line();
    line.say(b"exit");
    line.now = line.now + SILENCE * 2;
    line.say(b"s").wait(SILENCE * 2);
    assert_eq!((line.end(), &line.echo[..]), (None, &b"exits"[..]));
}

#[test]
fn glued_to_other_data_it_is_data_at_any_chunking() {
    for data in [
        &b"exits"[..],
        b" exit",
        b"a\nexit\nb",
        b"exit\nexit\n",
        b"exit\n\n",
        b"exit\rx",
        b"exitexit",
        b"EXIT",
        b"eexit",
        b"exit\0",
    ] {
        for chunk in 1..=data.len() {
            let mut line = line();
            line.burst(data, chunk).quiet().wait(SILENCE * 9);
            assert_eq!((line.end(), &line.echo[..]), (None, data), "pieces of {chunk}");
        }
    }
}

#[test]
fn files_made_of_exit_lines_come_back_whole_at_any_chunking() {
    for newline in ["\n", "\r\n"] {
        let file = format!("exit{newline}").repeat(20).into_bytes();
        for chunk in 1..=file.len() {
            let mut line = line();
            line.burst(&file, chunk).eof();
            assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Disconnected), &file[..]));
        }
        // The same with a pause shorter than the silence after each piece.
        for chunk in 1..file.len() {
            let mut line = line();
            for piece in file.chunks(chunk) {
                line.say(piece).wait(SILENCE - MOMENT);
            }
            line.eof();
            assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Disconnected), &file[..]));
        }
    }
}

#[test]
fn the_tail_of_a_file_is_data_even_after_a_pause() {
    for word in WORDS {
        let mut line = line();
        line.say(b"body\n").wait(MOMENT).say(word).wait(MOMENT).eof();
        assert_eq!(line.end(), Some(CloseReason::Disconnected));
        assert_eq!(line.echo, [b"body\n", word].concat());
    }
}

#[test]
fn alone_before_the_end_of_input_it_is_a_command() {
    for word in WORDS {
        let mut line = line();
        line.burst(word, 1).eof();
        assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Exit), &b""[..]));
    }
}

#[test]
fn after_other_messages_it_still_ends_the_session() {
    let mut line = line();
    line.say(b"hello").wait(SILENCE * 9).say(b"exit\n").wait(SILENCE).wait(LINGER);
    assert_eq!((line.end(), &line.echo[..]), (Some(CloseReason::Exit), &b"hello"[..]));
}

#[test]
fn pure_rfc_862_knows_no_words() {
    for word in WORDS {
        let mut line = Line::<8>::new(Rules { exit: false, ..Rules::default() });
        line.say(word).wait(SILENCE * 9);
        assert_eq!((line.end(), &line.echo[..]), (None, word));
        line.eof();
        assert_eq!(line.end(), Some(CloseReason::Disconnected));
    }
}
