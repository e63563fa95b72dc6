//! Encodes the part of protobuf that Perfetto's packets need.
//!
//! A nested message begins with its length, which is not known before the message ends. Two bytes
//! are reserved for the length and filled in at the end. This is valid because protobuf allows a
//! number to be written with more bytes than it needs. So no message is copied.

use std::fmt;

/// Maximum length of a text, in bytes. Longer ones are cut, so that a whole packet fits into
/// [`ROOM`].
const MAX_TEXT: usize = 1000;
/// Size of an encoder's buffer in bytes: more than a packet with a dozen texts of maximum length.
const ROOM: usize = 1 << 14;

/// The bytes of one packet, or of a part of it.
///
/// The buffer has a fixed size, because a vector would check its capacity at each byte.
pub(super) struct Encoder {
    bytes: Box<[u8; ROOM]>,
    len: usize,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            bytes: Box::new([0; ROOM]),
            len: 0,
        }
    }

    /// Returns the bytes that have been written since the last [`clear`](Self::clear).
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    #[inline(always)]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    #[inline(always)]
    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Writes a number (`uint64`, `uint32`, an enum, a `bool`).
    #[inline(always)]
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    /// Writes a `fixed64`.
    #[inline(always)]
    pub(super) fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, 1);
        self.append(&value.to_le_bytes());
    }

    /// Writes a text, cut to [`MAX_TEXT`] bytes.
    #[inline]
    pub(super) fn text(&mut self, field: u32, text: &str) {
        self.key(field, 2);
        let text = &text[..text.floor_char_boundary(MAX_TEXT)];
        self.varint(text.len() as u64);
        self.append(text.as_bytes());
    }

    /// Writes a message that is already encoded.
    pub(super) fn encoded(&mut self, field: u32, message: &[u8]) {
        self.key(field, 2);
        self.varint(message.len() as u64);
        self.append(message);
    }

    /// Writes a message with the fields that `f` writes.
    #[inline(always)]
    pub(super) fn message(&mut self, field: u32, f: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let at = self.len;
        self.len += 2;
        f(self);
        // The length fits into 14 bits, because `ROOM` does.
        let len = self.len - at - 2;
        self.bytes[at] = len as u8 | 0x80;
        self.bytes[at + 1] = (len >> 7) as u8 & 0x7f;
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(f: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut encoder = Encoder::new();
        f(&mut encoder);
        encoder.bytes().to_vec()
    }

    // The examples are from protobuf's own description of its encoding.
    #[test]
    fn fields_are_encoded_as_protobuf_says() {
        assert_eq!(bytes(|e| e.number(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(
            bytes(|e| e.text(2, "testing")),
            [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]
        );
        assert_eq!(
            bytes(|e| e.fixed(47, 0x0102)),
            [0xf9, 0x02, 2, 1, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(bytes(|e| e.number(1, u64::MAX)).len(), 11);
    }

    #[test]
    fn a_length_takes_two_bytes() {
        // The length 3 is encoded as 0x83 0x00, with one byte more than it needs.
        assert_eq!(
            bytes(|e| e.message(3, |e| e.number(1, 150))),
            [0x1a, 0x83, 0x00, 0x08, 0x96, 0x01]
        );
        let long = bytes(|e| e.message(3, |e| e.text(1, &"x".repeat(300))));
        assert_eq!(
            long[..3],
            [0x1a, (303 & 0x7f) as u8 | 0x80, (303 >> 7) as u8]
        );
        assert_eq!(long.len(), 3 + 303);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "é".repeat(501);
        assert_eq!(bytes(|e| e.text(1, &text)).len(), 3 + 1000);
        let text = format!("x{}", "é".repeat(501));
        assert_eq!(bytes(|e| e.text(1, &text)).len(), 3 + 999);
    }
}
