//! The reasons for which a goroutine waits, in Go's words.

use std::fmt;

/// The reason for which a goroutine is parked. It is displayed in the words of Go's dumps.
///
/// ```
/// use gort::prelude::*;
/// use gort::runtime::{GoroutineState, WaitReason, goroutines};
///
/// let (tx, rx) = bounded::<()>(0);
/// let idler = go!(move || rx.recv());
/// let id = idler.goroutine().id();
/// let info = loop {
///     let info = goroutines().into_iter().find(|info| info.id == id).unwrap();
///     if info.state == GoroutineState::Waiting {
///         break info;
///     }
///     yield_now();
/// };
/// assert_eq!(info.reason, WaitReason::ChanReceive);
/// assert_eq!(info.reason.to_string(), "chan receive");
/// drop(tx);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum WaitReason {
    /// Not waiting.
    None = 0,
    /// Receiving from a channel.
    ChanReceive = 1,
    /// Receiving from a channel that can never be ready.
    ChanReceiveNil = 2,
    /// Sending to a channel.
    ChanSend = 3,
    /// Sending to a channel that can never be ready.
    ChanSendNil = 4,
    /// In a select.
    Select = 5,
    /// In a select without arms.
    SelectNoCases = 6,
    /// Asleep for a time.
    Sleep = 7,
    /// Waiting for a mutex.
    MutexLock = 8,
    /// Waiting for a wait group.
    WaitGroupWait = 9,
    /// Waiting for another goroutine's end.
    Join = 10,
    /// Waiting for a socket.
    IoWait = 11,
    /// Waiting to read under a readers-writer lock.
    RwLockRead = 12,
    /// Waiting to write under a readers-writer lock.
    RwLockWrite = 13,
    /// Waiting for a condition.
    CondWait = 14,
    /// Waiting for another goroutine's initialisation.
    OnceDo = 15,
    /// Waiting for the other goroutines at a barrier.
    BarrierWait = 16,
    /// Waiting for permits of a semaphore.
    Semacquire = 17,
    /// Waiting until all other goroutines of its bubble are blocked (`synctest::wait`).
    SynctestWait = 18,
    /// Waiting for the end of a bubble (`synctest::run`).
    SynctestRun = 19,
    /// Waiting for the next end of a goroutine in a `JoinSet`.
    JoinSetNext = 20,
    /// Waiting for a new value of a `watch`.
    WatchChanged = 21,
    /// Receiving from a `broadcast` channel.
    BroadcastReceive = 22,
    /// Receiving from a `oneshot` channel.
    OneshotReceive = 23,
    /// Waiting for a `Notify`.
    NotifyWait = 24,
    /// In `time::timeout`: waiting for the end of its function, or of the time.
    Timeout = 25,
    /// Waiting for the end of a child process.
    ChildWait = 26,
    /// In `Pollable::readable`.
    Readable = 27,
    /// In `Pollable::writable`.
    Writable = 28,
}

impl WaitReason {
    pub(crate) fn of(word: u32) -> Self {
        match word {
            1 => Self::ChanReceive,
            2 => Self::ChanReceiveNil,
            3 => Self::ChanSend,
            4 => Self::ChanSendNil,
            5 => Self::Select,
            6 => Self::SelectNoCases,
            7 => Self::Sleep,
            8 => Self::MutexLock,
            9 => Self::WaitGroupWait,
            10 => Self::Join,
            11 => Self::IoWait,
            12 => Self::RwLockRead,
            13 => Self::RwLockWrite,
            14 => Self::CondWait,
            15 => Self::OnceDo,
            16 => Self::BarrierWait,
            17 => Self::Semacquire,
            18 => Self::SynctestWait,
            19 => Self::SynctestRun,
            20 => Self::JoinSetNext,
            21 => Self::WatchChanged,
            22 => Self::BroadcastReceive,
            23 => Self::OneshotReceive,
            24 => Self::NotifyWait,
            25 => Self::Timeout,
            26 => Self::ChildWait,
            27 => Self::Readable,
            28 => Self::Writable,
            _ => Self::None,
        }
    }
}

impl WaitReason {
    /// Returns Go's words for the reason, or gort's own if Go has none.
    #[doc(hidden)]
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::ChanReceive => "chan receive",
            Self::ChanReceiveNil => "chan receive (nil chan)",
            Self::ChanSend => "chan send",
            Self::ChanSendNil => "chan send (nil chan)",
            Self::Select => "select",
            Self::SelectNoCases => "select (no cases)",
            Self::Sleep => "sleep",
            Self::MutexLock => "sync.Mutex.Lock",
            Self::WaitGroupWait => "sync.WaitGroup.Wait",
            Self::Join => "join",
            Self::IoWait => "IO wait",
            Self::RwLockRead => "sync.RWMutex.RLock",
            Self::RwLockWrite => "sync.RWMutex.Lock",
            Self::CondWait => "sync.Cond.Wait",
            Self::Semacquire => "semacquire",
            Self::SynctestWait => "synctest.Wait",
            Self::SynctestRun => "synctest.Run",
            // Go's dumps have no words for the following: Go lacks the operation, or shows the lock
            // inside it (its Once contains a mutex).
            Self::OnceDo => "sync.Once.Do",
            Self::BarrierWait => "sync.Barrier.Wait",
            Self::JoinSetNext => "join set",
            Self::WatchChanged => "watch receive",
            Self::BroadcastReceive => "broadcast receive",
            Self::OneshotReceive => "oneshot receive",
            Self::NotifyWait => "notify wait",
            Self::Timeout => "timeout",
            Self::ChildWait => "child wait",
            Self::Readable => "IO wait (readable)",
            Self::Writable => "IO wait (writable)",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
