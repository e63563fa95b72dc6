//! A fast hash for the tables of a trace, whose keys are ids, addresses, and the program's own
//! texts.
//!
//! std's default hash withstands keys that were chosen to collide, and took half of the writer's
//! time.

use std::hash::{BuildHasher, Hasher};

/// Creates [`QuickHasher`]s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quick;

/// The hash so far. Each word is mixed in by a multiplication with an odd number, which spreads
/// every bit into the upper bits.
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
        // Hash tables use the lower bits for the position and the upper bits to tell entries apart.
        self.0 ^ self.0 >> 32
    }
}
