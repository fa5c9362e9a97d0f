//! What becomes of the answers of a service over datagrams whose faults are planted: as many of each
//! kind as it says, and nothing else.

use echo_core::datagram::{Fate, Spoiler};
use echo_core::{Defect, Instant, Odds, Planted};

const NOW: Instant = Instant::START;
const LENGTH: usize = 40;

/// A service that echoes what it gets, as a driver does it.
struct Service {
    spoiler: Spoiler<u16>,
    kept: Option<(u16, Vec<u8>)>,
    /// What was sent, and to whom.
    sent: Vec<(u16, Vec<u8>)>,
}

impl Service {
    fn new(odds: Odds, seed: u64) -> Self {
        Self { spoiler: Spoiler::new(odds, seed), kept: None, sent: Vec::new() }
    }

    fn ask(&mut self, peer: u16, datagram: &[u8]) {
        let mut answer = datagram.to_vec();
        let (fate, release) = self.spoiler.spoil(NOW, peer, &mut answer);
        match fate {
            Fate::Sent(length) => {
                answer.truncate(length);
                self.sent.push((peer, answer));
            }
            Fate::Twice => self.sent.extend([(peer, answer.clone()), (peer, answer)]),
            Fate::Lost => {}
            Fate::Kept => assert!(self.kept.replace((peer, answer)).is_none(), "one at a time"),
        }
        if release {
            self.sent.extend(self.kept.take());
        }
    }

    /// Time passes until nothing is due.
    fn settle(&mut self) {
        while let Some(deadline) = self.spoiler.deadline() {
            assert!(!self.spoiler.handle_timeout(NOW), "early");
            assert!(self.spoiler.handle_timeout(deadline));
            self.sent.extend(self.kept.take());
        }
        assert_eq!(self.kept, None);
    }
}

/// A datagram by which one can tell its number whatever happens to it.
fn datagram(number: u16) -> Vec<u8> {
    number.to_be_bytes().repeat(LENGTH / 2)
}

/// The number that most of its bytes say.
fn number(answer: &[u8]) -> u16 {
    let of = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    let [one, other, third] = [0, 2, 4].map(|at| of(&answer[at..]));
    if one == other || one == third { one } else { other }
}

/// What a client with several under way sees, by class.
fn found(service: &Service, asked: u16) -> [u64; 5] {
    let [mut flip, mut duplicate, mut reorder, mut truncate] = [0; 4];
    let mut times = vec![0; asked.into()];
    let mut newest = None;
    for (_, answer) in &service.sent {
        let number = number(answer);
        let whole = datagram(number);
        let differing = answer.iter().zip(&whole).map(|(is, was)| (is ^ was).count_ones()).sum();
        match differing {
            0 => {}
            1 => flip += 1,
            bits => panic!("{bits} bits are wrong"),
        }
        if answer.len() < LENGTH {
            assert!(answer.len() >= LENGTH / 2, "whose is it?");
            truncate += 1;
        }
        times[usize::from(number)] += 1;
        duplicate += u64::from(times[usize::from(number)] == 2);
        reorder += u64::from(newest > Some(number));
        newest = newest.max(Some(number));
    }
    let lost = times.iter().filter(|times| **times == 0).count() as u64;
    [flip, lost, duplicate, reorder, truncate]
}

fn counted(planted: Planted) -> [u64; 5] {
    Defect::OF_DATAGRAMS.map(|defect| planted.of(defect))
}

#[test]
fn as_many_as_it_planted_are_found_of_each_kind() {
    for defect in Defect::OF_DATAGRAMS {
        let mut service = Service::new(Odds::default().with(defect, 0.1), 1);
        (0..200).for_each(|number| service.ask(1, &datagram(number)));
        service.settle();
        let planted = service.spoiler.planted();
        assert!((10..40).contains(&planted.of(defect)), "{planted}");
        assert_eq!(found(&service, 200), counted(planted), "{planted}");
    }
}

#[test]
fn all_kinds_together_are_told_apart() {
    let odds = |share| {
        Defect::ALL.into_iter().fold(Odds::default(), |odds, defect| odds.with(defect, share))
    };
    for seed in 0..20 {
        let mut service = Service::new(odds(1.0 / 12.0), seed);
        (0..500).for_each(|number| service.ask(1, &datagram(number)));
        // The last one may have nothing behind it; another comes for its sake.
        service.settle();
        let planted = service.spoiler.planted();
        assert!(counted(planted).iter().all(|count| *count > 10), "{planted}");
        assert_eq!(found(&service, 500), counted(planted), "seed {seed}: {planted}");
        assert_eq!(planted.to_string().matches(',').count(), 4, "none of streams: {planted}");
    }
}

#[test]
fn the_same_seed_spoils_the_same_answers_and_another_seed_others() {
    let sent = |seed| {
        let odds = Odds::default().with(Defect::Flip, 0.1).with(Defect::Lose, 0.1);
        let mut service = Service::new(odds, seed);
        (0..100).for_each(|number| service.ask(1, &datagram(number)));
        service.sent
    };
    assert_eq!(sent(1), sent(1));
    assert_ne!(sent(1), sent(2));
}

/// Who waits for each answer before it asks again gets them all in order.
#[test]
fn only_an_answer_to_the_same_peer_overtakes() {
    let mut service = Service::new(Odds::default().with(Defect::Reorder, 1.0), 1);
    let asked = [(1, b"kept"), (2, b"them"), (2, b"more"), (1, b"next"), (1, b"last")];
    asked.into_iter().for_each(|(peer, datagram)| service.ask(peer, datagram));
    let due = [(2, b"them"), (2, b"more"), (1, b"next"), (1, b"kept")];
    let due = due.map(|(peer, datagram)| (peer, datagram.to_vec()));
    assert_eq!(service.sent, due);
    assert_eq!(service.spoiler.planted().of(Defect::Reorder), 1);
    service.settle();
    assert_eq!(service.sent.last(), Some(&(1, b"last".to_vec())));
    assert_eq!(service.spoiler.planted().of(Defect::Reorder), 1, "nothing overtook it");
}

#[test]
fn what_is_lost_overtakes_nothing() {
    let mut service =
        Service::new(Odds::default().with(Defect::Reorder, 0.5).with(Defect::Lose, 0.5), 3);
    (0..200).for_each(|number| service.ask(1, &datagram(number)));
    service.settle();
    assert_eq!(found(&service, 200), counted(service.spoiler.planted()));
}

#[test]
fn an_empty_datagram_can_be_neither_cut_nor_changed() {
    for defect in [Defect::Truncate, Defect::Flip] {
        let mut service = Service::new(Odds::default().with(defect, 1.0), 1);
        service.ask(1, b"");
        service.ask(1, b"x");
        assert_eq!(service.sent[0].1, b"");
        assert_ne!(service.sent[1].1, b"x");
        assert_eq!(service.spoiler.planted().of(defect), 1);
    }
}
