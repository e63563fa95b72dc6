//! `newproc`: start a goroutine.
//!
//! A free record, the closure moved into it, a stack reserved, the G made `runnext`: nothing is
//! allocated unless the closure or its result is very large. It gets the stack when it
//! first runs (`proc/bind.rs`).

use crate::arch::EntryFn;
use crate::base::config;
use crate::base::stackkind::StackKind;
use crate::bubble::pool::Kept;
use crate::bubble::turn::has_turn;
use crate::life::goexit::{self, Outcome};
use crate::proc::bind::{DETACHED_ROOM, take_record};
use crate::proc::bubble::Bubble;
use crate::proc::g::{FirstFrame, G};
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::locals::Inherited;
use crate::proc::tls;
use crate::record::class_for;
use crate::sched::held;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::stack::MAX_INLINE;
use crate::traced::record;
use crate::wait::ready::submit_next;
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
    /// Whether it has thread-locals of its own, if not the default.
    pub(crate) own: Option<bool>,
    /// Its first goroutine-locals.
    pub(crate) inherited: Inherited,
    /// Its bubble, if not its spawner's.
    pub(crate) bubble: Option<&'static Bubble>,
}

/// Where a goroutine belongs, and those that it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lineage {
    /// The goroutine, started from outside, from which it descends; `None`: itself.
    pub(crate) root: Option<u64>,
    /// Its bubble.
    pub(crate) bubble: Option<&'static Bubble>,
}

impl Lineage {
    /// What the running goroutine hands on.
    pub(crate) fn current() -> Self {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only atomics are read.
        let parent = tls::goroutine().map(|parent| unsafe { parent.as_ref() });
        Self {
            root: parent.map(G::root),
            bubble: parent.and_then(G::bubble),
        }
    }
}

/// What lies below the `G`: first the closure, later the outcome.
union Packet<F, T> {
    _closure: ManuallyDrop<F>,
    _outcome: ManuallyDrop<Outcome<T>>,
}

/// Whether values of type `V` go into a box instead of the record.
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
    debug_assert!(!is_large::<F>() && !is_large::<T>(), "lies in the record");
    let newborn = Newborn::new(class_for(size_of::<Packet<F, T>>()), options, at)?;
    // SAFETY: the packet is laid out for an `F`, and empty; clause of `run`: then it holds what `entry::<F, T>`
    // takes out of it. That `f` may run at any time until the goroutine's end is the caller's clause.
    unsafe {
        newborn.packet.cast::<F>().write(f);
        Ok(newborn.run(goexit::entry::<F, T>))
    }
}

/// Makes a goroutine that runs `f` and has no handle, in `record`; `id` is from `count_start`. It is
/// runnable, and the caller's to queue. Nothing of `f` runs here.
///
/// # Safety
/// The record is Idle and the caller's, and of the class [`DETACHED`](crate::proc::bind::DETACHED).
pub(crate) unsafe fn make_detached<F: FnOnce() + Send + 'static>(
    record: NonNull<G>,
    id: u64,
    f: F,
    lineage: Lineage,
    inherited: Inherited,
    at: &'static Location<'static>,
) {
    const {
        assert!(
            size_of::<Packet<F, ()>>() <= DETACHED_ROOM,
            "lies in the record"
        );
    }
    // SAFETY: caller's clause: the record is Idle and ours, and has room for the packet, as asserted. The packet is
    // laid out for an `F`, which is `'static`, and then holds what `entry::<F, ()>` takes out of it.
    unsafe {
        let packet = born(record, id, lineage, None, inherited, at);
        packet.cast::<F>().write(f);
        record.as_ref().join.reset(false);
        record.as_ref().set_by_timer();
        make_runnable(record, goexit::entry::<F, ()>);
    }
}

/// A goroutine whose packet is still empty.
struct Newborn {
    gp: NonNull<G>,
    packet: *mut u8,
    inside: Option<Inside>,
}

impl Newborn {
    fn new(class: u8, options: Options, at: &'static Location<'static>) -> io::Result<Newborn> {
        let default = config::get().stack;
        let kind = StackKind {
            size_log2: options.stack_log2.unwrap_or(default.size_log2),
            own: options.own.unwrap_or(default.own),
        };
        let mut lineage = Lineage::current();
        lineage.bubble = options.bubble.or(lineage.bubble);
        let inside = Inside::enter();
        let p = inside.as_ref().and_then(Inside::p);
        let gp = take_record(p, class, kind)?;
        // SAFETY: `take_record` gives an Idle record that is ours.
        let packet = unsafe {
            let id = SCHED.count_start(p);
            born(gp, id, lineage, options.name, options.inherited, at)
        };
        Ok(Newborn { gp, packet, inside })
    }

    /// Makes it runnable.
    ///
    /// # Safety
    /// The packet holds what `entry` takes out of it.
    unsafe fn run(self, entry: EntryFn) -> NonNull<G> {
        let Newborn { gp, inside, .. } = self;
        // SAFETY: the record is Idle and ours, from `new`; caller's clause: the packet holds what `entry` wants.
        unsafe { make_runnable(gp, entry) };
        drop(inside);
        if let Some(next) = has_turn(gp) {
            submit_next(next);
        }
        gp
    }
}

/// Fills in a record that was taken, for a goroutine with a handle; gives its packet.
///
/// # Safety
/// The record is Idle and the caller's.
#[inline]
unsafe fn born(
    gp: NonNull<G>,
    id: u64,
    lineage: Lineage,
    name: Option<Arc<str>>,
    inherited: Inherited,
    at: &'static Location<'static>,
) -> *mut u8 {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); its cells are ours to fill: caller's clause. The packet lies
    // right behind the G, in the record.
    unsafe {
        let g = gp.as_ref();
        let Lineage { root, bubble } = lineage;
        g.born(id, root.unwrap_or(id), bubble, held::epoch(), at, name);
        if let Some(bubble) = bubble {
            enter(bubble, gp, at);
        }
        g.hooked.set(inherited.has_hooks());
        g.locals.born(inherited);
        g.join.reset(true);
        let packet = gp.add(1).cast::<u8>().as_ptr();
        g.packet.set(packet);
        packet
    }
}

/// A goroutine that is being started belongs to `bubble`.
#[cold]
fn enter(bubble: &'static Bubble, gp: NonNull<G>, at: &'static Location<'static>) {
    bubble.enter();
    if bubble.explores() {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which what is behind a lock is read.
        let name = unsafe { gp.as_ref() }.name();
        Kept::of(bubble).explorer.born(gp, name, at);
    }
}

/// The goroutine is runnable, and the caller's to queue.
///
/// # Safety
/// The record is Idle and the caller's; the packet holds what `entry` takes out of it.
unsafe fn make_runnable(gp: NonNull<G>, entry: EntryFn) {
    // SAFETY: a G for ever; caller's clause: its cells are ours until somebody queues it.
    let g = unsafe { gp.as_ref() };
    g.first.set(Some(FirstFrame {
        entry,
        exit: goexit::goexit1,
    }));
    record::starts(g);
    casgstatus(&g.status, GStatus::Idle, GStatus::Runnable);
}
