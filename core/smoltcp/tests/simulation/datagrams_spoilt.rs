//! A server whose datagrams are spoilt on purpose, and who finds out.

use std::time::Duration;

use echo_core::{Defect, Odds, Planted};
use echo_smoltcp::smoltcp::wire::IpEndpoint;

use crate::courier::{Mail, PORT, SOON};
use crate::world::{SERVER, Setup};

/// A client of a server that plants this.
fn mail(odds: Odds) -> Mail {
    let setup = Setup { odds: Some(odds), ..Setup::default() };
    Mail::over(&setup, IpEndpoint::new(SERVER, PORT), 1)
}

/// Each datagram is its own number, ten times.
#[test]
fn what_is_planted_in_datagrams_is_what_comes() {
    use Defect::{Duplicate, Flip, Lose, Reorder, Truncate};
    const ASKED: u8 = 200;
    let odds = [Flip, Lose, Duplicate, Reorder, Truncate];
    let mut mail = mail(odds.iter().fold(Odds::default(), |odds, kind| odds.with(*kind, 0.1)));
    let mut came = Vec::new();
    for number in 0..ASKED {
        mail.send(0, &[number; 10]).expect("room");
        came.extend(mail.hear(SOON));
    }
    // One may be kept still.
    came.extend(mail.hear(Duration::from_secs(1)));
    let came: Vec<_> = came
        .into_iter()
        .map(|(_, taken)| taken.expect("somebody is there"))
        .map(|(bytes, from)| {
            assert_eq!(from, mail.to);
            bytes
        })
        .collect();
    let number = |it: &[u8]| if it[0] == it[1] { it[0] } else { it[2] };
    let numbers: Vec<_> = came.iter().map(|it| number(it)).collect();
    let times = |number: u8| numbers.iter().filter(|it| **it == number).count();
    let planted = mail.server.planted();
    for (kind, found) in [
        (Flip, came.iter().filter(|it| it.iter().any(|byte| *byte != number(it))).count()),
        (Lose, (0..ASKED).filter(|number| times(*number) == 0).count()),
        (Duplicate, (0..ASKED).filter(|number| times(*number) == 2).count()),
        (Reorder, numbers.windows(2).filter(|pair| pair[0] > pair[1]).count()),
        (Truncate, came.iter().filter(|it| it.len() < 10).count()),
    ] {
        assert!(found > 5, "{kind}: {planted}");
        assert_eq!(found as u64, planted.of(kind), "{kind}: {planted}");
    }
    assert_eq!(mail.server.datagrams().echoed, came.len() as u64);
}

/// It is as if nothing had been kept, but later.
#[test]
fn what_nothing_overtakes_comes_all_the_same() {
    for stopped in [false, true] {
        let mut mail = mail(Odds::default().with(Defect::Reorder, 1.0));
        mail.send(0, b"alone").expect("room");
        assert_eq!(mail.hear(Duration::from_millis(99)), []);
        if stopped {
            mail.server.abort(mail.now, &mut mail.plugs[0], &mut |_| {});
        }
        let expected = [(0, Ok((b"alone".to_vec(), mail.to)))];
        assert_eq!(mail.hear(if stopped { SOON / 2 } else { 2 * SOON }), expected);
        assert_eq!(mail.server.planted(), Planted::default());
    }
}
