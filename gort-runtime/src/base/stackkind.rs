//! The kind of a stack. Stacks of the same kind are interchangeable.

/// The kind of a stack. A goroutine that asks for a kind can run on any stack of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackKind {
    /// log2 of the number of bytes that the goroutine can use. The slot is larger
    /// (`stack/layout.rs`).
    pub(crate) size_log2: u8,
    /// Whether the stack has thread-locals of its own (`stack/identity.rs`).
    pub(crate) own: bool,
}
