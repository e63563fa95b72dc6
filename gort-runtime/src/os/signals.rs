//! Signals: actions, masks, and what a handler needs.

use super::{SignalBits, errno};
use std::mem;
use std::ptr;

/// What happens to a signal. Of `mask`, signal N is bit N-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalAction {
    /// `SIG_DFL`, `SIG_IGN`, or the address of a handler of the kind that `flags` say.
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

    /// Whether it calls a function.
    pub(crate) fn is_handler(&self) -> bool {
        self.handler != libc::SIG_DFL && self.handler != libc::SIG_IGN
    }

    /// Calls the handler, as the kernel would; nothing if there is none.
    ///
    /// # Safety
    /// `self` is the action of a signal, as the kernel gave it, and the arguments are what the kernel passed to a handler of
    /// that signal that is running.
    pub(crate) unsafe fn call(
        &self,
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        if !self.is_handler() {
            return;
        }
        // SAFETY: caller's clause: the address of a handler of the kind that the flags say, and arguments for it.
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

/// The bits of a set of signals.
fn bits_of(set: &libc::sigset_t) -> u64 {
    // SAFETY: libc's sets are the kernel's, of so many bits, and maybe room behind them.
    let bits: SignalBits = unsafe { ptr::from_ref(set).cast::<SignalBits>().read() };
    bits as u64
}

fn set_of(bits: u64) -> libc::sigset_t {
    // SAFETY: zeros are an empty set; for the rest see `bits_of`.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        (&raw mut set)
            .cast::<SignalBits>()
            .write(bits as SignalBits);
        set
    }
}

/// What happens to `signal`. May be called in a signal handler.
pub(crate) fn signal_action(signal: libc::c_int) -> SignalAction {
    if cfg!(miri) {
        // It knows no signals.
        return SignalAction::IGNORED;
    }
    // SAFETY: the structure is ours, and zeros are one; null changes nothing.
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

/// Has this happen to `signal` from now on. May be called in a signal handler.
///
/// # Safety
/// A handler is the address of a function of the kind that the flags say, which may be called in a signal handler on any
/// thread.
pub(crate) unsafe fn set_signal_action(signal: libc::c_int, action: SignalAction) {
    if cfg!(miri) {
        return;
    }
    // SAFETY: the structure is ours, and zeros are one; caller's clause for the handler.
    unsafe {
        let mut new: libc::sigaction = mem::zeroed();
        new.sa_sigaction = action.handler;
        new.sa_flags = action.flags;
        new.sa_mask = set_of(action.mask);
        libc::sigaction(signal, &raw const new, ptr::null_mut());
    }
}

/// The signals that the calling thread blocks.
pub(crate) fn blocked_signals() -> u64 {
    // SAFETY: the set is ours; null changes nothing.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), &raw mut set);
        bits_of(&set)
    }
}

/// Has the calling thread block these signals, and no others.
pub(crate) fn block_signals(bits: u64) {
    if cfg!(miri) {
        return;
    }
    let set = set_of(bits);
    // SAFETY: the set is alive; null is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut()) };
}

/// Calls `f` and leaves this thread's `errno` as it was: for signal handlers.
pub(crate) fn keep_errno<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the address is that of this thread's `errno`, which lives as long as it.
    unsafe {
        let errno = errno();
        let before = *errno;
        let result = f();
        *errno = before;
        result
    }
}
