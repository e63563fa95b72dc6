//! Writes protocol buffers: the wire format only. The caller knows the fields of its messages.
//!
//! A message is a sequence of fields, each of which is a key (number and wire type) followed by a
//! value. Integers are written in groups of seven bits, least significant first. The top bit is set
//! in all groups but the last.

/// Wire types of values.
const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// A message under construction.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// Creates a message without fields.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a number. Omits 0, because that is what a missing number means.
    pub(crate) fn number(&mut self, field: u64, value: u64) -> &mut Self {
        if value != 0 {
            self.key(field, VARINT);
            self.varint(value);
        }
        self
    }

    /// Adds text, even if it is empty.
    pub(crate) fn text(&mut self, field: u64, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a nested message.
    pub(crate) fn message(&mut self, field: u64, value: &Message) -> &mut Self {
        self.bytes(field, &value.0)
    }

    /// Adds a packed list of numbers.
    pub(crate) fn numbers(
        &mut self,
        field: u64,
        values: impl IntoIterator<Item = u64>,
    ) -> &mut Self {
        let mut packed = Self::new();
        values.into_iter().for_each(|value| packed.varint(value));
        self.message(field, &packed)
    }

    /// Returns the encoded fields.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.key(field, BYTES);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_as_the_specification_has_them() {
        // The first three are examples from the documentation of protocol buffers.
        let mut message = Message::new();
        assert_eq!(message.number(1, 150).as_bytes(), [0x08, 0x96, 0x01]);
        let mut inner = Message::new();
        inner.number(1, 150);
        let mut message = Message::new();
        message.text(2, "testing").message(3, &inner);
        assert_eq!(message.as_bytes()[..2], [0x12, 0x07]);
        assert_eq!(message.as_bytes()[9..], [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut message = Message::new();
        message.numbers(6, [3, 270, 86942]);
        let packed = [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05];
        assert_eq!(message.as_bytes(), packed);
        let mut message = Message::new();
        message.number(9, 0).text(6, "").number(2, u64::MAX);
        assert_eq!(message.as_bytes()[..4], [0x32, 0x00, 0x10, 0xff]);
        assert_eq!(message.as_bytes().len(), 13);
    }
}
