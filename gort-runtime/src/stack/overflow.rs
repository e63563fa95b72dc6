//! Detection and reporting of stack overflows.
//!
//! A handler for SIGSEGV and SIGBUS runs on an alternate stack that each M has. It recognises an
//! overflow by the faulting address, which may be anywhere in the guard. Then it reports which
//! goroutine overflowed, where it was spawned, how large its stack is and what to do, and aborts.
//! Any other fault goes to the handler that was installed before: std's message for plain threads,
//! a crash reporter, or the default. The same happens if the signal is not a fault but was sent by
//! a process.
//!
//! The handler allocates nothing and waits for no lock. It uses only `write(2)` and its stack.

use super::layout::Layout;
use super::map;
use crate::os;
use crate::proc::g::G;
use crate::proc::m::M;
use crate::proc::tls;
use std::io::{self, Write};
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes in an M's alternate stack. The kernel's minimum would be enough for our handler, but we
/// chain to handlers of which we know nothing.
const ALT_STACK: usize = 64 * 1024;

const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// The actions that ours have replaced, in the order of `SIGNALS`.
static PREVIOUS: OnceLock<[libc::sigaction; 2]> = OnceLock::new();

/// Installs the handler. Called at start-up, and has an effect only once.
pub(crate) fn install() {
    PREVIOUS.get_or_init(|| {
        SIGNALS.map(|signal| {
            // SAFETY: both structures are ours, and zeros are valid values of them. The handler is
            // one for `SA_SIGINFO`, and does only what a signal handler may do.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = on_fault as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut action.sa_mask);
                let mut previous = mem::zeroed();
                libc::sigaction(signal, &raw const action, &raw mut previous);
                previous
            }
        })
    });
}

/// An M's alternate stack, in use until it is dropped. It is created and dropped on the M's thread.
pub(crate) struct AltStack {
    /// The guard, followed by the stack.
    region: NonNull<u8>,
    len: usize,
    previous: libc::stack_t,
}

impl AltStack {
    /// Creates an alternate stack and puts it into use. Returns `None` if there is no memory for
    /// it; then the thread keeps the one that it has from std.
    pub(crate) fn new() -> Option<Self> {
        let guard = Layout::here().guard();
        let size = ALT_STACK.next_multiple_of(os::page_size());
        let len = guard + size;
        let region = map::map_region(len).ok()?;
        // SAFETY: the region is ours. It is used until `drop`, which first restores the previous
        // stack. Both structures are ours.
        unsafe {
            if map::install_guard(region, guard).is_err() {
                map::unmap_region(region, len);
                return None;
            }
            let stack = libc::stack_t {
                ss_sp: region.add(guard).as_ptr().cast(),
                ss_flags: 0,
                ss_size: size,
            };
            let mut previous = mem::zeroed();
            libc::sigaltstack(&raw const stack, &raw mut previous);
            Some(Self {
                region,
                len,
                previous,
            })
        }
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        // SAFETY: the previous stack of this thread (an `AltStack` is not `Send`) belongs to std,
        // which keeps it until the thread ends. Once it is in use again, nothing uses the region.
        unsafe {
            libc::sigaltstack(&raw const self.previous, ptr::null_mut());
            map::unmap_region(self.region, self.len);
        }
    }
}

/// Handles the signals of a fault.
///
/// # Safety
/// The kernel calls it as an `SA_SIGINFO` handler of one of [`SIGNALS`], or another handler chains
/// to it with the kernel's arguments.
unsafe extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the caller passes a valid siginfo, as the kernel does. The siginfo of a fault has an
    // address.
    let (sent, addr) = unsafe { ((*info).si_code <= 0, (*info).si_addr().addr()) };
    // While a goroutine calls the allocator under its thread's own thread-locals
    // (`api/on_thread.rs`), `getm` finds no M. Then the thread's id leads to it.
    if !sent && let Some(g) = tls::getm().or_else(m_of_thread).and_then(M::running) {
        // This reads atomics of the G, its name if the name's lock is free, and the slot, which
        // never changes.
        if g.stack.get().guard().contains(&addr) {
            report(g);
        }
    }
    // SAFETY: the arguments are those that the kernel passed to this handler.
    unsafe { chain(signal, info, context) };
    // Handlers that chain to the default action, as std's does, rely on the instruction faulting
    // again. If the signal was sent, no instruction faults, so send it again.
    if sent && os::signal_action(signal).handler == libc::SIG_DFL {
        os::keep_errno(|| os::raise_here(signal));
    }
}

/// Finds this thread's M by the thread's id, without using thread-locals.
fn m_of_thread() -> Option<&'static M> {
    let tid = os::thread_id();
    M::all().find(|m| m.tid.load(Relaxed) == tid)
}

/// Reports the overflow and aborts.
fn report(g: &G) -> ! {
    let mut text = Text {
        bytes: [0; 1024],
        len: 0,
    };
    let kib = g.stack.get().kind().size() / 1024;
    // The text is longer than its buffer only if a path or name is extremely long.
    drop(write_report(&mut text, g, kib));
    os::write_stderr(&text.bytes[..text.len]);
    os::abort();
}

fn write_report(text: &mut Text, g: &G, kib: usize) -> io::Result<()> {
    write!(text, "\nfatal: stack overflow in goroutine {}", g.id())?;
    if let Some(name) = g.name_if_free() {
        write!(text, " {name:?}")?;
    }
    if let Some(at) = g.spawned_at() {
        write!(text, ", spawned at {at}")?;
    }
    writeln!(
        text,
        "\nIts stack of {kib} KiB is used up. If the recursion is intended, reserve more: \
         `go!(stack = {} * 1024; …)`, or `GORT_STACK` for all goroutines.",
        kib * 4
    )
}

/// A buffer to which one can write without allocating.
struct Text {
    bytes: [u8; 1024],
    len: usize,
}

impl Write for Text {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let room = &mut self.bytes[self.len..];
        let n = room.len().min(more.len());
        room[..n].copy_from_slice(&more[..n]);
        self.len += n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does what would have happened without our handler.
///
/// # Safety
/// The arguments are those that the kernel passed to [`on_fault`].
unsafe fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let index = usize::from(signal == SIGNALS[1]);
    let Some(previous) = PREVIOUS.get().map(|all| &all[index]) else {
        os::abort()
    };
    let handler = previous.sa_sigaction;
    // SAFETY: `previous` is the action that was installed before ours: the default, or the address
    // of a handler of the kind that its flags indicate. The caller says that these are the kernel's
    // arguments, with which that handler would have been called.
    unsafe {
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            // The instruction faults again, with the restored action.
            libc::sigaction(signal, previous, ptr::null_mut());
        } else if previous.sa_flags & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                mem::transmute(handler);
            handler(signal, info, context);
        } else {
            let handler: extern "C" fn(libc::c_int) = mem::transmute(handler);
            handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternate_stack_has_a_guard_and_is_taken_out_of_use_again() {
        let in_use = || {
            // SAFETY: the call only reads, into a structure that is ours.
            unsafe {
                let mut stack: libc::stack_t = mem::zeroed();
                assert_eq!(libc::sigaltstack(ptr::null(), &raw mut stack), 0);
                stack
            }
        };
        let before = in_use().ss_sp;
        let alt = AltStack::new().expect("room for it");
        let (bottom, size) = (in_use().ss_sp.cast::<u8>(), in_use().ss_size);
        assert!(size >= ALT_STACK && bottom.cast() != before);
        let reads = |at| map::kernel_reads(at).expect("a pipe");
        assert!(reads(bottom) && reads(bottom.wrapping_add(size - 1)));
        let guard = Layout::here().guard();
        assert!(!reads(bottom.wrapping_sub(1)) && !reads(bottom.wrapping_sub(guard)));
        drop(alt);
        assert_eq!(in_use().ss_sp, before);
    }
}
