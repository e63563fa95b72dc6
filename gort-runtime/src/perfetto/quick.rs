//! A quick hash for the tables of a trace: ids, addresses, and texts of the program's own.
//!
//! std's default withstands keys that were chosen to collide, and was half of what the writer did.

use std::hash::{BuildHasher, Hasher};

/// Makes a [`QuickHasher`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quick;

/// The hash so far: words are multiplied by an odd number, whose upper bits mix them, one into the other.
#[derive(Debug)]
pub(super) struct QuickHasher(u64);

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher(0)
    }
}

impl Hasher for QuickHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            self.write_u64(u64::from_le_bytes(padded));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Tables take the lower bits for the place, the upper ones to tell apart.
        self.0 ^ self.0 >> 32
    }
}
