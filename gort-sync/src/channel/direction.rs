//! The direction of an operation: sending or receiving. Most of an operation is the same for both.

use gort_runtime::WaitReason;

/// The direction in which a value moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Send,
    Recv,
}

impl Direction {
    #[inline]
    pub(super) fn reason(self) -> WaitReason {
        match self {
            Self::Send => WaitReason::ChanSend,
            Self::Recv => WaitReason::ChanReceive,
        }
    }
}
