//! The least TCP that can answer: what a TAP costs without a stack, when its client speaks TCP.
//!
//! An echo has the numbers of what it answers. So nothing has to be remembered, and nothing is sent again.

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Makes an answer of a segment over IPv4 without options, but for its addresses and ports. The segment size is the first
/// option of its SYN, as it is with Linux.
pub(crate) fn segment(frame: &mut [u8]) -> bool {
    if frame[12..15] != [8, 0, 0x45] || frame[23] != 6 {
        return false;
    }
    let packet = usize::from(word(frame, 16));
    let segment = &mut frame[34..14 + packet];
    let (header, flags) = (usize::from(segment[12] >> 4) * 4, segment[13]);
    let [number, told] =
        [4, 8].map(|at| u32::from(word(segment, at)) << 16 | u32::from(word(segment, at + 2)));
    let taken = segment.len() - header + usize::from(flags & (SYN | FIN) != 0);
    let next = number.wrapping_add(taken as u32);
    let expected = if flags & SYN == 0 { told } else { next };
    // It may send what it has room for, when that comes back.
    let window = word(segment, 14);
    let room = expected.wrapping_add(window.into()).wrapping_sub(next).cast_signed().max(0) as u16;
    // An ACK is answered only if it brings much room: its sender may wait for that.
    if flags & RST != 0 || taken == 0 && room <= window / 2 {
        return false;
    }
    if flags & SYN != 0 {
        put(segment, 12, word(segment, 12) | u16::from(ACK));
        // Of the options only the first stays, the segment size: no scaling, no time stamps.
        (24..header).step_by(2).for_each(|at| put(segment, at, 0x0101));
    }
    put(segment, 14, room);
    put(segment, 8, (next >> 16) as u16);
    put(segment, 10, next as u16);
    true
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Writes a word into a segment, and what it changes into the checksum (RFC 1624).
fn put(segment: &mut [u8], at: usize, new: u16) {
    let sum = [!word(segment, 16), !word(segment, at), new].map(u32::from).iter().sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    segment[at..at + 2].copy_from_slice(&new.to_be_bytes());
    segment[16..18].copy_from_slice(&(!(sum + (sum >> 16)) as u16).to_be_bytes());
}
