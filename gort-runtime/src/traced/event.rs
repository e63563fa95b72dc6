//! An event, and the four words in which a log stores it. Only the writer in the same process reads
//! them.

/// What happened. The comments say what [`TraceEvent::id`] and [`TraceEvent::arg`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// `id` occurs for the first time in this window. `arg` is the place where it was started, or
    /// 0. `detail` is a [`Before`]: what the goroutine did before.
    Known,
    /// Follows `Known`. `arg` is the name of `id`, as a leaked `Box<Arc<str>>`.
    Named,
    /// Follows `Known`. `id` waits for the reason in `detail`. `arg` is the place where it waits,
    /// or 0.
    WaitsAt,
    /// `id` has been started by the goroutine `arg`, or by something else if `arg` is 0.
    Starts,
    /// `id` begins to run. `arg` is the time of the wake-up that made it runnable, or 0.
    Runs,
    /// `id` is about to wait for the reason in `detail`. `arg` is the place where it waits, or 0.
    Parks,
    /// `id` was about to wait and keeps running, because what it would have waited for has
    /// happened.
    Stays,
    /// `id` goes to the end of its queue.
    Yields,
    /// `id` has returned from a call or has computed for long, and has no P. It queues for one.
    Requeues,
    /// `id` has returned from a call in which it lost its P, and has acquired an idle or lent P.
    GetsP,
    /// `id` loses its P to sysmon or another M, or hands it on, and keeps running without a P.
    LosesP,
    /// `id` ends.
    Ends,
    /// `id` was woken; the [`Waker`] in `detail` says what `arg` is.
    Wakes,
    /// `id` enters a region; `arg` is a leaked `Box<Box<str>>`, the region's name.
    Enters,
    /// `id` begins an announced blocking call.
    Calls,
    /// `id` leaves the region, or returns from the call, that it entered at the time `arg`.
    Leaves,
}

/// The kinds, in the order of their numbers.
const KINDS: [Kind; 16] = [
    Kind::Known,
    Kind::Named,
    Kind::WaitsAt,
    Kind::Starts,
    Kind::Runs,
    Kind::Parks,
    Kind::Stays,
    Kind::Yields,
    Kind::Requeues,
    Kind::GetsP,
    Kind::LosesP,
    Kind::Ends,
    Kind::Wakes,
    Kind::Enters,
    Kind::Calls,
    Kind::Leaves,
];

/// What a goroutine did before its first event in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Before {
    Nothing = 0,
    Ran = 1,
    Queued = 2,
    Waited = 3,
}

impl Before {
    /// Returns the value that is `number` as a `u8`.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            1 => Self::Ran,
            2 => Self::Queued,
            3 => Self::Waited,
            _ => Self::Nothing,
        }
    }
}

/// What woke a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Waker {
    /// The goroutine whose id is the event's `arg`.
    Goroutine = 0,
    /// The thread whose id is the event's `arg`.
    Thread = 1,
    /// A timer.
    Timer = 2,
    /// A descriptor that has become ready.
    Network = 3,
}

impl Waker {
    /// Returns the value that is `number` as a `u8`.
    pub(crate) fn of(number: u8) -> Self {
        match number {
            0 => Self::Goroutine,
            1 => Self::Thread,
            2 => Self::Timer,
            _ => Self::Network,
        }
    }
}

/// The value of [`TraceEvent::p`] for a goroutine that has no P.
pub(crate) const NO_P: u16 = u16::MAX;

/// One event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceEvent {
    /// The time, in ticks (`clock.rs`).
    pub(crate) time: u64,
    /// The goroutine that the event is about.
    pub(crate) id: u64,
    pub(crate) arg: u64,
    pub(crate) kind: Kind,
    pub(crate) detail: u8,
    /// The window in which it was recorded (`gate.rs`).
    pub(crate) window: u16,
    /// The P that the goroutine has, or [`NO_P`].
    pub(crate) p: u16,
}

impl TraceEvent {
    /// Packs the event into words.
    #[inline(always)]
    pub(crate) fn pack(self) -> Packed {
        let rest = u64::from(self.kind as u8)
            | u64::from(self.detail) << 8
            | u64::from(self.window) << 16
            | u64::from(self.p) << 32;
        Packed([self.time, self.id, self.arg, rest])
    }
}

/// An event as a log stores it.
///
/// These are whole words, so that an event is built in registers and each word is stored once. A
/// struct with smaller fields was first built on the stack, byte by byte, and then copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed([u64; 4]);

impl Packed {
    /// Returns the event.
    #[inline]
    pub(crate) fn unpack(self) -> TraceEvent {
        let [time, id, arg, rest] = self.0;
        TraceEvent {
            time,
            id,
            arg,
            kind: KINDS[rest as usize % KINDS.len()],
            detail: (rest >> 8) as u8,
            window: (rest >> 16) as u16,
            p: (rest >> 32) as u16,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_unpacked_as_it_was_packed() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            let event = TraceEvent {
                time: 1 << 63 | 1,
                id: 1 << 62 | 2,
                arg: 1 << 61 | 3,
                kind,
                detail: 0xa5,
                window: 0xb6c7,
                p: 0xd8e9,
            };
            assert_eq!(format!("{:?}", event.pack().unpack()), format!("{event:?}"));
        }
    }
}
