//! Signals: actions, masks, and `errno` in a handler.

use super::{SignalBits, errno};
use std::mem;
use std::ptr;

/// The action of a signal. In `mask`, signal N is bit N-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalAction {
    /// `SIG_DFL`, `SIG_IGN`, or the address of a handler of the kind that `flags` indicate.
    pub(crate) handler: usize,
    pub(crate) flags: libc::c_int,
    pub(crate) mask: u64,
}

impl SignalAction {
    pub(crate) const DEFAULT: Self = Self {
        handler: libc::SIG_DFL,
        flags: 0,
        mask: 0,
    };

    const IGNORED: Self = Self {
        handler: libc::SIG_IGN,
        ..Self::DEFAULT
    };

    pub(crate) fn is_ignored(&self) -> bool {
        self.handler == libc::SIG_IGN
    }

    /// Returns whether the action calls a function.
    pub(crate) fn is_handler(&self) -> bool {
        self.handler != libc::SIG_DFL && self.handler != libc::SIG_IGN
    }

    /// Calls the handler as the kernel would. Does nothing if there is none.
    ///
    /// # Safety
    /// `self` is the action of a signal, as the kernel reported it. A handler of that signal is
    /// running, and the arguments are those that the kernel passed to it.
    pub(crate) unsafe fn call(
        &self,
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        if !self.is_handler() {
            return;
        }
        // SAFETY: the caller says that the address is that of a handler of the kind that the flags
        // indicate, and that the arguments are for such a handler.
        unsafe {
            if self.flags & libc::SA_SIGINFO != 0 {
                let handler: unsafe extern "C" fn(
                    libc::c_int,
                    *mut libc::siginfo_t,
                    *mut libc::c_void,
                ) = mem::transmute(self.handler);
                handler(signal, info, context);
            } else {
                let handler: unsafe extern "C" fn(libc::c_int) = mem::transmute(self.handler);
                handler(signal);
            }
        }
    }
}

/// Returns the bits of a set of signals.
fn bits_of(set: &libc::sigset_t) -> u64 {
    // SAFETY: libc's sets begin with the kernel's set, which has this many bits. Unused room may
    // follow.
    let bits: SignalBits = unsafe { ptr::from_ref(set).cast::<SignalBits>().read() };
    bits as u64
}

fn set_of(bits: u64) -> libc::sigset_t {
    // SAFETY: zeros are an empty set. For the first word see `bits_of`.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        (&raw mut set)
            .cast::<SignalBits>()
            .write(bits as SignalBits);
        set
    }
}

/// Returns the action of `signal`. A signal handler may call this.
pub(crate) fn signal_action(signal: libc::c_int) -> SignalAction {
    if cfg!(miri) {
        // Miri has no signals.
        return SignalAction::IGNORED;
    }
    // SAFETY: the structure is ours, zeros are a valid value of it, and a null pointer changes
    // nothing.
    let action = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut action);
        action
    };
    SignalAction {
        handler: action.sa_sigaction,
        flags: action.sa_flags,
        mask: bits_of(&action.sa_mask),
    }
}

/// Sets the action of `signal`. A signal handler may call this.
///
/// # Safety
/// A handler is the address of a function of the kind that the flags indicate. The function may be
/// called in a signal handler on any thread.
pub(crate) unsafe fn set_signal_action(signal: libc::c_int, action: SignalAction) {
    if cfg!(miri) {
        return;
    }
    // SAFETY: the structure is ours, and zeros are a valid value of it. The caller guarantees what
    // the kernel requires of the handler.
    unsafe {
        let mut new: libc::sigaction = mem::zeroed();
        new.sa_sigaction = action.handler;
        new.sa_flags = action.flags;
        new.sa_mask = set_of(action.mask);
        libc::sigaction(signal, &raw const new, ptr::null_mut());
    }
}

/// Returns the signals that the calling thread blocks.
pub(crate) fn blocked_signals() -> u64 {
    // SAFETY: the set is ours, and a null pointer changes nothing.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), &raw mut set);
        bits_of(&set)
    }
}

/// Makes the calling thread block exactly these signals.
pub(crate) fn block_signals(bits: u64) {
    if cfg!(miri) {
        return;
    }
    let set = set_of(bits);
    // SAFETY: the set is alive, and the null pointer is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut()) };
}

/// Calls `f` and restores this thread's `errno` afterwards. Signal handlers use this.
pub(crate) fn keep_errno<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the address is that of this thread's `errno`, which lives as long as the thread.
    unsafe {
        let errno = errno();
        let before = *errno;
        let result = f();
        *errno = before;
        result
    }
}
