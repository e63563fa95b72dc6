//! Protobuf, as far as Perfetto's packets need it.
//!
//! A message that lies in another begins with its length, which is known when it ends. Two bytes are kept free
//! for it, and filled in then: a number may be written with more bytes than it needs. So no message is copied.

/// The longest message inside a packet.
const LONGEST: usize = (1 << 14) - 1;
/// The longest text. Longer ones are cut: several must fit into one message.
const LONGEST_TEXT: usize = 1000;

/// Bytes that grow by fields.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// Returns what has been written, and begins anew with `room`.
    pub(super) fn take(&mut self, room: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.out, room)
    }

    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    #[inline]
    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Writes a number (`uint64`, `uint32`, an enum, a `bool`).
    #[inline]
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    /// Writes a `fixed64`.
    #[inline]
    pub(super) fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, 1);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes a text, of which a very long one is cut.
    #[inline]
    pub(super) fn text(&mut self, field: u32, text: &str) {
        let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        self.key(field, 2);
        self.varint(text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a message that has been encoded.
    pub(super) fn encoded(&mut self, field: u32, message: &mut Vec<u8>) {
        self.key(field, 2);
        self.varint(message.len() as u64);
        self.out.append(message);
    }

    /// Writes a message with the fields that `f` writes.
    #[inline]
    pub(super) fn message(&mut self, field: u32, f: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 2]);
        f(self);
        let len = self.out.len() - at - 2;
        debug_assert!(len <= LONGEST, "a message with many long texts");
        self.out[at] = len as u8 | 0x80;
        self.out[at + 1] = (len >> 7) as u8 & 0x7f;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(f: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut encoder = Encoder::default();
        f(&mut encoder);
        encoder.take(Vec::new())
    }

    // The examples of protobuf's own description of its encoding.
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
        // 3 is 0x83 0x00 with a byte more than it needs.
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
