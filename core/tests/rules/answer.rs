//! Whom an echo service over datagrams answers, and whom not.

use std::net::{IpAddr, SocketAddr};

use echo_core::datagram::{HOPS, Question, Unanswered};

const OWN: u16 = 2333;

/// What an ordinary client sends, from this address.
fn from(address: &str) -> Question {
    let from: SocketAddr = address.parse().expect("an address and a port");
    let to: IpAddr =
        if from.is_ipv4() { [10, 0, 0, 7].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, 7].into() };
    Question { from, to: Some(to), hops: Some(64) }
}

fn judged(address: &str) -> Option<Unanswered> {
    from(address).unanswered(Some(OWN))
}

#[test]
fn any_host_is_answered_on_any_other_port() {
    for host in ["10.0.0.1", "127.0.0.1", "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]"] {
        for port in [1, 6, 8, 53, 1024, OWN - 1, OWN + 1, 40_000, u16::MAX] {
            assert_eq!(judged(&format!("{host}:{port}")), None, "{host}:{port}");
        }
    }
}

#[test]
fn services_that_answer_are_not_answered_nor_is_the_own_port() {
    for host in ["10.0.0.1", "[::1]", "[::ffff:10.0.0.1]"] {
        for port in [0, 7, 9, 13, 17, 19, 37] {
            let address = format!("{host}:{port}");
            assert_eq!(judged(&address), Some(Unanswered::Service), "{address}");
            assert_eq!(from(&address).unanswered(None), Some(Unanswered::Service), "{address}");
        }
        let address = format!("{host}:{OWN}");
        assert_eq!(judged(&address), Some(Unanswered::Own), "{address}");
        assert_eq!(from(&address).unanswered(None), None, "told otherwise");
    }
}

#[test]
fn what_is_not_one_host_is_not_answered() {
    for host in [
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
        "0.0.0.0",
        "[::]",
        "[ff02::1]",
        "[ff0e::1]",
        "[::ffff:255.255.255.255]",
        "[::ffff:224.0.0.251]",
        "[::ffff:0.0.0.0]",
    ] {
        assert_eq!(judged(&format!("{host}:40000")), Some(Unanswered::Source), "{host}");
    }
}

/// One datagram to all hosts of a network, in the name of a victim, would bring it all their answers.
#[test]
fn what_was_sent_to_many_is_not_answered() {
    for to in ["255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:255.255.255.255"] {
        let to = Some(to.parse().expect("an address"));
        let question = Question { to, ..from("10.0.0.1:40000") };
        assert_eq!(question.unanswered(Some(OWN)), Some(Unanswered::Group), "{to:?}");
    }
}

#[test]
fn an_answer_is_not_answered_and_a_question_from_far_away_is() {
    for (hops, judged) in [
        (None, None),
        (Some(255), None),
        (Some(64), None),
        (Some(64 - 31), None),
        (Some(HOPS), Some(Unanswered::Answer)),
        (Some(1), Some(Unanswered::Answer)),
        (Some(0), Some(Unanswered::Answer)),
    ] {
        let question = Question { hops, ..from("10.0.0.1:40000") };
        assert_eq!(question.unanswered(Some(OWN)), judged, "{hops:?}");
    }
}

/// Two services, and a datagram to the one that seems to come from the other.
#[test]
fn no_two_services_keep_each_other_busy() {
    let addresses = ["10.0.0.1:2333", "10.0.0.2:2333", "10.0.0.1:4444", "[fd00::1]:2333"];
    let addresses = addresses.map(|address| address.parse::<SocketAddr>().expect("an address"));
    for one in addresses {
        for other in addresses {
            let mut way = (one, other);
            let mut hops = 255;
            let mut answers = 0;
            while (Question { from: way.0, to: Some(way.1.ip()), hops: Some(hops) })
                .unanswered(Some(way.1.port()))
                .is_none()
            {
                answers += 1;
                assert!(answers < 2, "{one} and {other}");
                (way, hops) = ((way.1, way.0), HOPS);
            }
        }
    }
}

#[test]
fn every_reason_has_its_own_index_and_words() {
    for (index, reason) in Unanswered::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
        let alike = Unanswered::ALL.into_iter().filter(|it| it.as_str() == reason.as_str());
        assert_eq!((alike.count(), reason.to_string().as_str()), (1, reason.as_str()));
    }
}
