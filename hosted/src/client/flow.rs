//! The bytes of one direction, without keeping them.

use std::hash::{DefaultHasher, Hasher};

/// The number of bytes and a hash of them, which show in a few bytes of memory
/// whether a stream of any length came back as it was sent.
#[derive(Debug, Default)]
pub(super) struct Flow {
    bytes: u64,
    hash: DefaultHasher,
}

impl Flow {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.write(bytes);
    }

    /// The number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// One pair of different flows in 2^64 is taken for equal.
impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.hash.finish() == other.hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(pieces: &[&[u8]]) -> Flow {
        let mut flow = Flow::default();
        for piece in pieces {
            flow.add(piece);
        }
        flow
    }

    #[test]
    fn it_differs_by_its_bytes_and_not_by_how_they_were_cut() {
        let text = b"hello, world, this is longer than any word of a hash";
        let whole = flow(&[text]);
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(flow(&[head, b"", tail]), whole, "cut at {cut}");
            let mut other = *text;
            other[cut] ^= 1;
            assert_ne!(flow(&[&other]), whole, "another byte at {cut}");
            assert_ne!(flow(&[head]), whole, "only {cut} bytes");
        }
    }
}
