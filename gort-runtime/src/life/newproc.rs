//! `newproc`: start a goroutine.
//!
//! A free slot, the closure moved into it, one frame laid, the G made `runnext`:
//! nothing is allocated unless the closure or its result is very large.

use crate::arch::{self, EntryFn, Gobuf};
use crate::base::config;
use crate::life::goexit::{self, Outcome};
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::slots::take_slot;
use crate::proc::tls;
use crate::sched::held;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::stack::MAX_INLINE;
use crate::wait::ready::submit_next;
use std::alloc::Layout;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

/// Closures and results of a larger alignment lie in a box.
const MAX_ALIGN: usize = 64;

/// What a goroutine may be given beside its closure.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Arc<str>>,
    /// log2 of the stack's size, if not the default.
    pub(crate) stack_log2: Option<u8>,
}

/// What lies below the `G`: first the closure, later the outcome.
union Packet<F, T> {
    _closure: ManuallyDrop<F>,
    _outcome: ManuallyDrop<Outcome<T>>,
}

/// Whether values of type `V` go into a box instead of the stack slot.
pub(crate) const fn is_large<V>() -> bool {
    size_of::<V>() > MAX_INLINE || align_of::<V>() > MAX_ALIGN
}

/// Starts a goroutine that runs `f`; its join word says that a handle exists.
///
/// The outcome is stored as `Outcome<T>`, or as `Outcome<Box<T>>` if [`is_large`]`::<T>()`.
///
/// # Safety
/// What `F` and `T` borrow stays until the goroutine has ended and its outcome is gone: the types do not
/// say so.
pub(crate) unsafe fn newproc<F, T>(
    f: F,
    options: Options,
    at: &'static Location<'static>,
) -> io::Result<NonNull<G>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // Each `if` for itself, so that only the one that is meant is compiled: every closure has its own.
    // SAFETY: caller's clause: what `f` and its value borrow stays. So does what they borrow in a box.
    unsafe {
        if const { is_large::<F>() } {
            let f = Box::new(f);
            if const { is_large::<T>() } {
                start(move || Box::new(f()), options, at)
            } else {
                start(f, options, at)
            }
        } else if const { is_large::<T>() } {
            start(move || Box::new(f()), options, at)
        } else {
            start(f, options, at)
        }
    }
}

/// What of the start depends on the closure: the rest, [`Newborn`], is compiled once.
///
/// # Safety
/// As for [`newproc`]: what `F` and `T` borrow stays until the goroutine has ended and its outcome is gone.
unsafe fn start<F, T>(
    f: F,
    options: Options,
    at: &'static Location<'static>,
) -> io::Result<NonNull<G>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let newborn = Newborn::new(Layout::new::<Packet<F, T>>(), options, at)?;
    // SAFETY: the packet is laid out for an `F`, and empty; clause of `run`: then it holds what `entry::<F, T>`
    // takes out of it. That `f` may run at any time until the goroutine's end is the caller's clause.
    unsafe {
        newborn.packet.cast::<F>().write(f);
        Ok(newborn.run(goexit::entry::<F, T>))
    }
}

/// Makes a goroutine that runs `f` and has no handle, in `slot`; `id` is from `count_start`. It is runnable, and the caller's to queue. Nothing of `f` runs here.
///
/// # Safety
/// The slot is Idle and the caller's.
pub(crate) unsafe fn make_detached<F: FnOnce() + Send + 'static>(
    slot: NonNull<G>,
    id: u64,
    f: F,
    root: Option<u64>,
    at: &'static Location<'static>,
) {
    const {
        assert!(!is_large::<F>(), "lies in the slot");
    }
    // SAFETY: caller's clause: the slot is Idle and ours. The packet is laid out for an `F`, which is `'static`,
    // and then holds what `entry::<F, ()>` takes out of it.
    unsafe {
        let packet = born(slot, id, Layout::new::<Packet<F, ()>>(), root, None, at);
        packet.cast::<F>().write(f);
        slot.as_ref().join.reset(false);
        lay_first_frame(slot, packet, goexit::entry::<F, ()>);
    }
}

/// A goroutine whose packet is still empty.
struct Newborn {
    gp: NonNull<G>,
    packet: *mut u8,
    inside: Option<Inside>,
}

impl Newborn {
    fn new(
        packet: Layout,
        options: Options,
        at: &'static Location<'static>,
    ) -> io::Result<Newborn> {
        let size_log2 = options.stack_log2.unwrap_or(config::get().stack_log2);
        let inside = Inside::enter();
        let p = inside.as_ref().and_then(Inside::p);
        let gp = take_slot(p, size_log2)?;
        // SAFETY: `take_slot` gives an Idle slot that is ours.
        let packet = unsafe {
            born(
                gp,
                SCHED.count_start(p),
                packet,
                current_root(),
                options.name,
                at,
            )
        };
        Ok(Newborn { gp, packet, inside })
    }

    /// Makes it runnable.
    ///
    /// # Safety
    /// The packet holds what `entry` takes out of it.
    unsafe fn run(self, entry: EntryFn) -> NonNull<G> {
        let Newborn { gp, packet, inside } = self;
        // SAFETY: the slot is Idle and ours, from `new`; caller's clause: the packet holds what `entry` wants.
        unsafe { lay_first_frame(gp, packet, entry) };
        drop(inside);
        submit_next(gp);
        gp
    }
}

/// Fills in a slot that was taken, for a goroutine with a handle; gives its packet.
///
/// # Safety
/// The slot is Idle and the caller's.
unsafe fn born(
    gp: NonNull<G>,
    id: u64,
    packet: Layout,
    root: Option<u64>,
    name: Option<Arc<str>>,
    at: &'static Location<'static>,
) -> *mut u8 {
    // SAFETY: a G for ever (`stack/mod.rs`, promise 3); its cells are ours to fill: caller's clause. The packet lies
    // below the G, where every slot has room beside the stack for `MAX_INLINE` bytes, and to spare for a tag and
    // the alignment (`stack/layout.rs`).
    unsafe {
        let g = gp.as_ref();
        g.born(id, root.unwrap_or(id), held::epoch(), at, name);
        g.join.reset(true);
        let below = gp.as_ptr().cast::<u8>().sub(packet.size());
        let packet = align_down(below, packet.align());
        g.packet.set(packet);
        packet
    }
}

/// Lays the first frame: the goroutine is runnable, and the caller's to queue.
///
/// # Safety
/// The slot is Idle and the caller's; the packet holds what `entry` takes out of it.
unsafe fn lay_first_frame(gp: NonNull<G>, packet: *mut u8, entry: EntryFn) {
    // SAFETY: clauses of `init_stack`: the packet's address, rounded down to 16; the stack that was asked for lies
    // below it, and nothing is on it, since the slot was Idle (caller's clause). `entry` gets its G, and finds the
    // packet as it wants it (caller's clause); `goexit1` comes after it. The cells are ours until somebody queues it.
    unsafe {
        let sp = arch::init_stack(
            align_down(packet, 16),
            entry,
            gp.as_ptr().cast(),
            goexit::goexit1,
        );
        gp.as_ref().buf.set(Gobuf { sp });
        casgstatus(&gp.as_ref().status, GStatus::Idle, GStatus::Runnable);
    }
}

/// The root of the running goroutine, which those that it starts inherit.
pub(crate) fn current_root() -> Option<u64> {
    // SAFETY: a G for ever, of which only an atomic is read.
    tls::goroutine().map(|parent| unsafe { parent.as_ref() }.root())
}

fn align_down(p: *mut u8, align: usize) -> *mut u8 {
    p.map_addr(|a| a & !(align - 1))
}
