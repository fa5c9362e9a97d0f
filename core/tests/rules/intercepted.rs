//! Who stands between a driver and an endpoint sees all that is taken, and changes nothing else.

use std::time::Duration;

use echo_core::{
    CloseReason, Difference, Endpoint, Failure, Fault, Instant, Intercepted, Payload, Probe, Rules,
    Session,
};

use crate::pair::{INSTANTLY, Way, Wire};
use crate::peer::{Act, Peer};

/// What a session makes of a conversation: how it ends, what comes back, and when all is over.
fn served(
    rules: Rules,
    acts: &[Act],
    shown: Option<&mut Vec<u8>>,
) -> (CloseReason, Vec<u8>, Instant) {
    let mut now = Instant::START;
    let mut session = Session::<8>::new(now, rules);
    let mut peer = Peer::new(now, None, acts);
    let mut wire = Wire::new(Way { chunk: 5, ..INSTANTLY });
    match shown {
        None => wire.run(&mut now, &mut session, &mut peer),
        Some(shown) => {
            let mut watched = Intercepted::new(&mut session, |session, now, bytes| {
                let taken = session.handle_received(now, bytes);
                shown.extend_from_slice(&bytes[..taken]);
                taken
            });
            wire.run(&mut now, &mut watched, &mut peer);
        }
    }
    (session.end().expect("it is over"), peer.heard, now)
}

#[test]
fn a_session_that_is_watched_is_the_same_session() {
    let limit = Some(Duration::from_secs(9));
    let long = b"more than there is room for".to_vec();
    for (rules, acts) in [
        (Rules::default(), vec![Act::Say(long.clone()), Act::Hear(long.len()), Act::Fin]),
        (Rules::default(), vec![Act::Say(b"e".to_vec()), Act::Hear(1), Act::Fin]),
        (Rules::default(), vec![Act::Say(b"exit".to_vec())]),
        (Rules { one_shot: true, ..Rules::default() }, vec![Act::Say(b"once".to_vec())]),
        (Rules { idle: limit, ..Rules::default() }, vec![Act::Say(b"and then silence".to_vec())]),
    ] {
        let said: Vec<_> = acts
            .iter()
            .flat_map(|act| if let Act::Say(bytes) = act { bytes.clone() } else { Vec::new() })
            .collect();
        let mut shown = Vec::new();
        assert_eq!(served(rules, &acts, Some(&mut shown)), served(rules, &acts, None));
        assert_eq!(shown, said);
    }
}

#[test]
fn what_is_spoilt_on_its_way_comes_back_spoilt() {
    let mut now = Instant::START;
    let mut session = Session::<64>::new(now, Rules::default());
    let mut probe = Probe::new(Payload::Zero, 10, None, [0; 16]);
    probe.begin(now, 0);
    let mut spoilt = Intercepted::new(&mut session, |session, now, bytes| {
        let mut bytes = bytes.to_vec();
        bytes[3] ^= 1;
        session.handle_received(now, &bytes)
    });
    Wire::new(INSTANTLY).run(&mut now, &mut spoilt, &mut probe);
    let difference =
        Difference { message: 0, offset: 3, expected: b'0', received: b'1', fault: Fault::Flipped };
    assert_eq!(probe.end(), Some(Err(Failure::Differs(difference))));
}
