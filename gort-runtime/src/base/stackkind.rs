//! Which stacks are alike.

/// Any stack of a kind will do for a goroutine that wants this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackKind {
    /// log2 of the stack's size, guard and extra not counted.
    pub(crate) size_log2: u8,
    /// With thread-locals of its own (`stack/identity.rs`).
    pub(crate) own: bool,
}
