//! Where wrong bytes come from: what is told of them can be held against the bytes, and what
//! really happened to them is told.

use arbitrary::{Result, Unstructured};
use echo_core::{Fault, Origin, Payload};

/// Connections are distinguished by 14 bits.
const CONNECTIONS: u16 = 1 << 14;

/// How far back messages are distinguished, and on other connections how far ahead.
const NEAR: u64 = 1023;

/// The number of bytes after which offsets look the same.
const PERIOD: u64 = 8 << 20;

/// A number of a message, or an offset: small ones, those where its bits end, and any that a
/// run of a thousand years could reach.
pub(crate) fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    let border = 1_u64 << *u.choose(&[0, 3, 10, 16, 20, 23, 31, 32, 33, 40, 52, 60])?;
    let distance: u16 = u.arbitrary()?;
    Ok(if u.arbitrary()? { border + u64::from(distance) } else { border.abs_diff(distance.into()) })
}

pub(crate) fn tells_where_bytes_come_from(u: &mut Unstructured<'_>) -> Result<()> {
    let (run, connection) = (u.arbitrary()?, u.arbitrary()?);
    let payload = Payload::Seq { run, connection };
    let (message, offset) = (number(u)?, number(u)?);
    match u.int_in_range(0..=4)? {
        0 => {
            // Of anywhere, and cut in any way.
            let there = Payload::Seq { run: u.arbitrary()?, connection: u.arbitrary()? };
            let length = u.int_in_range(1..=64)?;
            let mut wrong = vec![0; length];
            there.fill(number(u)?, number(u)?, &mut wrong);
            for (byte, change) in wrong.iter_mut().zip(u.bytes(u.len().min(64))?) {
                *byte ^= change;
            }
            is_borne_out(payload, message, offset, &wrong);
        }
        1 => {
            let other = connection ^ u.int_in_range(1..=CONNECTIONS - 1)?;
            let there = u.int_in_range(message.saturating_sub(NEAR)..=message + NEAR)?;
            let from = nearby(u, offset)?;
            let wrong = bytes(u, Payload::Seq { run, connection: other }, there, from)?;
            let origin = Origin { connection: other % CONNECTIONS, message: there, offset: from };
            is_told(payload, message, offset, &wrong, Fault::Crossed(origin));
        }
        2 if message > 0 => {
            let there = u.int_in_range(message.saturating_sub(NEAR)..=message - 1)?;
            let from = nearby(u, offset)?;
            let wrong = bytes(u, payload, there, from)?;
            let connection = connection % CONNECTIONS;
            let origin = Origin { connection, message: there, offset: from };
            is_told(payload, message, offset, &wrong, Fault::Stale(origin));
        }
        3 => {
            // No message was sent before its time.
            let there = message + u.int_in_range(1..=NEAR)?;
            let from = nearby(u, offset)?;
            let wrong = bytes(u, payload, there, from)?;
            is_told(payload, message, offset, &wrong, Fault::Foreign);
        }
        _ => {
            let from = nearby(u, offset)?;
            let wrong = bytes(u, payload, message, from)?;
            let fault = match from.checked_sub(offset) {
                Some(0) => Fault::Flipped,
                Some(bytes) => Fault::Skipped { bytes },
                None => Fault::Repeated { bytes: offset - from },
            };
            is_told(payload, message, offset, &wrong, fault);
        }
    }
    Ok(())
}

/// An offset that no other one can be taken for.
fn nearby(u: &mut Unstructured<'_>, offset: u64) -> Result<u64> {
    let far = PERIOD / 2 - 16;
    u.int_in_range(offset.saturating_sub(far)..=offset + far)
}

/// As many as tell for certain where they come from.
fn bytes(
    u: &mut Unstructured<'_>,
    payload: Payload<&[u8]>,
    message: u64,
    offset: u64,
) -> Result<Vec<u8>> {
    let mut bytes = vec![0; u.int_in_range(15..=64)?];
    payload.fill(message, offset, &mut bytes);
    Ok(bytes)
}

/// What happened is told; but eight bytes across two words tell something by chance, too.
fn is_told(payload: Payload<&[u8]>, message: u64, offset: u64, wrong: &[u8], fault: Fault) {
    let told = payload.fault(message, offset, wrong);
    if told != fault {
        is_borne_out(payload, message, offset, wrong);
        let [told_at, at] = [told, fault].map(|fault| origin(payload, message, offset, fault));
        let by_chance =
            told_at.is_some_and(|told| at.is_none_or(|at| told.offset % 8 != at.offset % 8));
        assert!(by_chance, "{told:?}, not {fault:?}");
    }
}

/// Eight of these bytes are really found where they are said to come from.
fn is_borne_out(payload: Payload<&[u8]>, message: u64, offset: u64, wrong: &[u8]) {
    let (Payload::Seq { run, connection }, fault) =
        (payload, payload.fault(message, offset, wrong))
    else {
        return;
    };
    let Some(origin) = origin(payload, message, offset, fault) else { return };
    match fault {
        Fault::Stale(_) => assert!(origin.message < message && origin.message + NEAR >= message),
        Fault::Crossed(_) => {
            assert!(origin.message.abs_diff(message) <= NEAR);
            assert_ne!(origin.connection, connection % CONNECTIONS);
        }
        // The origin of these cannot be known.
        Fault::Flipped | Fault::Overwritten { .. } | Fault::Changed | Fault::Foreign => return,
        Fault::Skipped { .. } | Fault::Repeated { .. } => {}
    }
    let mut there = vec![0; wrong.len()];
    Payload::<&[u8]>::Seq { run, connection: origin.connection }.fill(
        origin.message,
        origin.offset,
        &mut there,
    );
    let found = wrong.windows(8).zip(there.windows(8)).take(8).any(|(wrong, there)| wrong == there);
    assert!(found, "{origin} has other bytes than {wrong:x?}");
}

/// The origin of the bytes, if it is known.
fn origin(payload: Payload<&[u8]>, message: u64, at: u64, fault: Fault) -> Option<Origin> {
    let Payload::Seq { connection, .. } = payload else { return None };
    let own = |offset| Origin { connection: connection % CONNECTIONS, message, offset };
    match fault {
        Fault::Stale(origin) | Fault::Crossed(origin) => Some(origin),
        Fault::Skipped { bytes } => Some(own(at + bytes)),
        Fault::Repeated { bytes } => Some(own(at - bytes)),
        Fault::Flipped | Fault::Overwritten { .. } | Fault::Changed => Some(own(at)),
        Fault::Foreign => None,
    }
}
