use super::*;

const START: Instant = Instant::START;
const LIMIT: Duration = Duration::from_secs(10);

/// A machine that has sent all of `message`.
fn asked(message: &[u8]) -> Exchange {
    let mut exchange = Exchange::new(Some(LIMIT));
    exchange.ask(START, message.to_vec());
    exchange.handle_sent(START, message.len());
    exchange
}

#[test]
fn a_reply_in_pieces_is_gathered() {
    let mut exchange = asked(b"hello");
    for piece in [b"h".as_slice(), b"el", b"lo"] {
        assert!(!exchange.answered());
        assert_eq!(exchange.handle_received(START, piece), piece.len());
    }
    assert!(exchange.answered());
    assert_eq!(exchange.take_reply(), b"hello");
    assert_eq!((exchange.take_reply(), exchange.deadline()), (vec![], None));
}

#[test]
fn a_message_is_sent_in_pieces_and_read_meanwhile() {
    let mut exchange = Exchange::new(None);
    exchange.ask(START, b"abcdef".to_vec());
    exchange.handle_sent(START, 4);
    assert_eq!(exchange.to_send(), b"ef");
    exchange.handle_received(START, b"abcd");
    assert_eq!((exchange.missing(), exchange.end()), (2, None));
    exchange.leave(START);
    assert!(!exchange.finished(), "the FIN comes after the last byte");
    exchange.handle_sent(START, 2);
    assert!(exchange.finished() && !exchange.parting());
    exchange.handle_received(START, b"eF");
    assert!(exchange.parting() && exchange.differs());
}

#[test]
fn an_empty_message_is_answered_at_once() {
    let exchange = asked(b"");
    assert!(exchange.answered());
    assert_eq!(exchange.deadline(), None);
}

#[test]
fn bytes_beyond_what_was_sent_are_told_from_the_echo() {
    let mut exchange = asked(b"hi");
    exchange.handle_received(START, b"hi there");
    assert_eq!(exchange.take_reply(), b"hi");
    assert_eq!(exchange.end(), Some(End::Unasked(b" there".to_vec())));

    let mut early = Exchange::new(None);
    early.ask(START, b"hello".to_vec());
    early.handle_received(START, b"h");
    assert_eq!(early.end(), Some(End::Unasked(b"h".to_vec())), "nothing was sent yet");
}

#[test]
fn only_an_idle_exchange_times_out() {
    let mut exchange = asked(b"hello");
    exchange.handle_received(START + LIMIT / 2, b"he");
    exchange.handle_timeout(START + LIMIT);
    assert_eq!(exchange.end(), None, "half of the limit ago something came");
    assert_eq!(exchange.deadline(), Some(START + LIMIT / 2 + LIMIT));
    exchange.handle_timeout(START + LIMIT / 2 + LIMIT);
    assert_eq!((exchange.end(), exchange.missing()), (Some(End::TimedOut), 3));
}

#[test]
fn leaving_sends_a_fin_and_waits_for_the_servers() {
    let mut exchange = asked(b"");
    assert!(!exchange.finished());
    exchange.leave(START);
    assert!(exchange.finished() && !exchange.answered());
    assert_eq!(exchange.end(), None);
    exchange.handle_eof(START);
    assert_eq!(exchange.end(), Some(End::Parted));
}

#[test]
fn the_next_message_may_come_before_the_echo_of_the_last() {
    let mut exchange = asked(b"one");
    assert!(exchange.ready() && !exchange.answered());
    exchange.ask(START, b"two".to_vec());
    assert!(!exchange.ready());
    exchange.handle_received(START, b"on");
    exchange.handle_sent(START, 1);
    exchange.handle_received(START, b"et");
    assert_eq!((exchange.take_reply(), exchange.end()), (b"onet".to_vec(), None));
    exchange.handle_received(START, b"w");
    assert_eq!(exchange.end(), Some(End::Unasked(b"w".to_vec())), "it was not sent yet");
}

#[test]
fn what_is_owed_at_the_fin_has_the_limit_and_the_goodbye_its_own() {
    let mut exchange = asked(b"hello");
    exchange.leave(START);
    assert!(exchange.finished() && !exchange.parting());
    exchange.handle_received(START + LIMIT / 2, b"hell");
    assert_eq!(exchange.deadline(), Some(START + LIMIT / 2 + LIMIT));
    let mut cut = asked(b"hello");
    cut.leave(START);
    cut.handle_eof(START);
    assert_eq!(cut.end(), Some(End::Closed));

    exchange.handle_received(START + LIMIT, b"o");
    assert!(exchange.parting());
    assert_eq!(exchange.deadline(), Some(START + LIMIT + FAREWELL));
    exchange.handle_eof(START + LIMIT);
    assert_eq!(exchange.end(), Some(End::Parted));
}

#[test]
fn a_server_that_does_not_close_is_left_after_a_while() {
    let mut exchange = asked(b"");
    exchange.leave(START);
    exchange.handle_timeout(START + FAREWELL);
    assert_eq!(exchange.end(), Some(End::Parted));
}

#[test]
fn exit_waits_without_a_fin_for_the_servers_or_for_the_word() {
    for echoed in [false, true] {
        let mut exchange = asked(b"");
        exchange.exit(START, b"exit\n".to_vec());
        assert_eq!(exchange.to_send(), b"exit\n");
        exchange.handle_sent(START, 5);
        assert!(!exchange.finished());
        if echoed {
            exchange.handle_received(START, b"ex");
            assert_eq!(exchange.end(), None);
            exchange.handle_received(START, b"it\n");
        } else {
            exchange.handle_eof(START);
        }
        assert_eq!(exchange.end(), Some(End::Parted));
        assert_eq!(exchange.take_reply(), if echoed { &b"exit\n"[..] } else { b"" });
    }
}

#[test]
fn the_word_that_ends_it_need_not_come_back_but_all_before_it() {
    for (echo, differs) in [(b"hello", false), (b"hellO", true)] {
        let mut exchange = asked(b"hello");
        exchange.handle_received(START, echo);
        exchange.exit(START, b"exit".to_vec());
        exchange.handle_eof(START);
        assert_eq!((exchange.differs(), exchange.end()), (differs, Some(End::Parted)));
    }
}

#[test]
fn after_the_end_it_is_inert() {
    let mut exchange = Exchange::new(Some(LIMIT));
    exchange.ask(START, b"hello".to_vec());
    exchange.handle_eof(START);
    exchange.handle_sent(START, 5);
    exchange.handle_timeout(START + LIMIT);
    assert_eq!(exchange.handle_received(START, b"hello"), 0);
    assert_eq!((exchange.to_send(), exchange.room()), (&b""[..], 0));
    assert_eq!((exchange.deadline(), exchange.end()), (None, Some(End::Closed)));
}
