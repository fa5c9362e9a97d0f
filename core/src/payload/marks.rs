//! Text in which every sixteen bytes are a mark that states its place: `00007:000001024 ` is on
//! connection 7 at offset 1024.

/// The number of bytes in a mark.
const MARK: usize = 16;

/// The numbers of digits of the connection and of the offset.
const CONNECTION: usize = 5;
const OFFSET: usize = 9;

/// Writes the text of a connection from `offset` on into `out`.
pub(super) fn fill(connection: u16, offset: u64, out: &mut [u8]) {
    let skip = (offset % MARK as u64) as usize;
    let mut mark = mark(connection, offset - skip as u64);
    let (head, rest) = out.split_at_mut((MARK - skip).min(out.len()));
    copy(head, mark.get(skip..).unwrap_or_default());
    for part in rest.chunks_mut(MARK) {
        // Counting is cheaper than dividing.
        if let Some(offset) = mark.get_mut(CONNECTION + 1..MARK - 1) {
            add(MARK as u8, offset);
        }
        copy(part, &mark);
    }
}

/// Copies as much as there is room for.
fn copy(to: &mut [u8], from: &[u8]) {
    let length = to.len().min(from.len());
    if let Some((to, from)) = to.get_mut(..length).zip(from.get(..length)) {
        to.copy_from_slice(from);
    }
}

/// Adds to a number in digits; leading digits are lost if it gets too long.
fn add(mut more: u8, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        let sum = *digit - b'0' + more;
        (*digit, more) = (b'0' + sum % 10, sum / 10);
        if more == 0 {
            break;
        }
    }
}

/// The connection and the offset of a text that contains a whole mark.
pub(super) fn origin(text: &[u8]) -> Option<(u16, u64)> {
    text.windows(MARK).take(MARK).enumerate().find_map(|(skipped, window)| {
        let (connection, rest) = window.split_at_checked(CONNECTION)?;
        let (colon, rest) = rest.split_first()?;
        let (offset, blank) = rest.split_at_checked(OFFSET)?;
        let start = number(offset)?.checked_sub(skipped as u64)?;
        let is_mark = *colon == b':' && blank == b" ";
        is_mark.then_some((u16::try_from(number(connection)?).ok()?, start))
    })
}

fn mark(connection: u16, offset: u64) -> [u8; MARK] {
    let mut mark = *b"00000:000000000 ";
    let (left, right) = mark.split_at_mut(CONNECTION);
    digits(connection.into(), left);
    if let Some(right) = right.get_mut(1..=OFFSET) {
        digits(offset, right);
    }
    mark
}

/// The last digits of a number.
fn digits(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_its_place_from_any_byte_on() {
        let mut text = [0; 64];
        fill(7, 1024, &mut text);
        assert_eq!(&text[..32], b"00007:000001024 00007:000001040 ");
        for skipped in 0..=33 {
            assert_eq!(origin(&text[skipped..]), Some((7, 1024 + skipped as u64)), "{skipped}");
        }
        assert_eq!(origin(&text[49..]), None, "no whole mark");
        assert_eq!(origin(b"00007:0000010x4 "), None);
        assert_eq!(origin(b"99999:000001024 "), None, "no connection has that number");
    }
}
