//! `newproc`: starts a goroutine.
//!
//! It reserves a stack, takes a free record, moves the closure into it, and makes the G `runnext`.
//! Nothing is allocated unless the closure or its result is very large. The goroutine gets its
//! stack when it first runs (`proc/bind.rs`).

use crate::arch::EntryFn;
use crate::base::config;
use crate::base::stackkind::StackKind;
use crate::bubble::pool::PooledBubble;
use crate::bubble::turn::goroutine_to_queue;
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

/// Closures and results with a larger alignment are boxed.
const MAX_ALIGN: usize = 64;

/// What a goroutine may be given in addition to its closure.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Arc<str>>,
    /// log2 of the stack's size. `None` means the default.
    pub(crate) stack_log2: Option<u8>,
    /// Whether it has thread-locals of its own. `None` means the default.
    pub(crate) own: Option<bool>,
    /// The goroutine-locals with which it begins.
    pub(crate) inherited: Inherited,
    /// Its bubble. `None` means its spawner's bubble, if there is one.
    pub(crate) bubble: Option<&'static Bubble>,
}

/// The root and the bubble of a goroutine, which it passes on to those that it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lineage {
    /// The id of its first ancestor, which was not started by a goroutine. `None` means that it has
    /// no ancestor.
    pub(crate) root: Option<u64>,
    /// Its bubble.
    pub(crate) bubble: Option<&'static Bubble>,
}

impl Lineage {
    /// Returns what the running goroutine passes on.
    pub(crate) fn current() -> Self {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only atomics of it are
        // read.
        let parent = tls::goroutine().map(|parent| unsafe { parent.as_ref() });
        Self {
            root: parent.map(G::root),
            bubble: parent.and_then(G::bubble),
        }
    }
}

/// The memory after the `G`: first the closure, later the outcome.
union Packet<F, T> {
    _closure: ManuallyDrop<F>,
    _outcome: ManuallyDrop<Outcome<T>>,
}

/// Returns whether values of type `V` are boxed instead of stored in the record.
pub(crate) const fn is_large<V>() -> bool {
    size_of::<V>() > MAX_INLINE || align_of::<V>() > MAX_ALIGN
}

/// Starts a goroutine that runs `f`. Its join word says that a handle exists.
///
/// The outcome is stored as `Outcome<T>`, or as `Outcome<Box<T>>` if [`is_large`]`::<T>()`.
///
/// # Safety
/// What `F` and `T` borrow must live until the goroutine has ended and its outcome is gone. The
/// types do not ensure that.
pub(crate) unsafe fn newproc<F, T>(
    f: F,
    options: Options,
    at: &'static Location<'static>,
) -> io::Result<NonNull<G>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    // Each `if` is a separate `const` block, so that only one variant is compiled for each closure.
    // SAFETY: the caller says that what `f` and its value borrow lives long enough. Boxing them
    // does not change that.
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

/// Does the part of starting a goroutine that depends on the type of the closure. Everything else
/// is in [`Newborn`], so that it is compiled once.
///
/// # Safety
/// The contract is that of [`newproc`]: what `F` and `T` borrow must live until the goroutine has
/// ended and its outcome is gone.
unsafe fn start<F, T>(
    f: F,
    options: Options,
    at: &'static Location<'static>,
) -> io::Result<NonNull<G>>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    debug_assert!(
        !is_large::<F>() && !is_large::<T>(),
        "must fit into the record"
    );
    let newborn = Newborn::new(class_for(size_of::<Packet<F, T>>()), options, at)?;
    // SAFETY: the packet has room for an `F`, and is empty. After the write it holds what
    // `entry::<F, T>` takes out of it, as `run` demands. The caller says that `f` may run at any
    // time until the goroutine's end.
    unsafe {
        newborn.packet.cast::<F>().write(f);
        Ok(newborn.run(goexit::entry::<F, T>))
    }
}

/// Makes a goroutine that runs `f` and has no handle, in `record`. `id` is from `count_start`. The
/// goroutine is runnable, and the caller must queue it. Does not run any part of `f`.
///
/// # Safety
/// The record is Idle, belongs to the caller, and is of the class
/// [`DETACHED`](crate::proc::bind::DETACHED).
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
            "must fit into the record"
        );
    }
    // SAFETY: the caller says that the record is Idle and ours. It has room for the packet, as
    // asserted. The packet has room for an `F`, which is `'static`, and after the write it holds
    // what `entry::<F, ()>` takes out of it.
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
        // SAFETY: `take_record` returns an Idle record that is ours.
        let packet = unsafe {
            let id = SCHED.count_start(p);
            born(gp, id, lineage, options.name, options.inherited, at)
        };
        Ok(Newborn { gp, packet, inside })
    }

    /// Makes the goroutine runnable and queues it.
    ///
    /// # Safety
    /// The packet holds what `entry` takes out of it.
    unsafe fn run(self, entry: EntryFn) -> NonNull<G> {
        let Newborn { gp, inside, .. } = self;
        // SAFETY: `new` has taken the record, which is Idle and ours. The caller says that the
        // packet holds what `entry` takes out of it.
        unsafe { make_runnable(gp, entry) };
        drop(inside);
        if let Some(next) = goroutine_to_queue(gp) {
            submit_next(next);
        }
        gp
    }
}

/// Initialises a record that was taken, for a goroutine with a handle. Returns its packet.
///
/// # Safety
/// The record is Idle and belongs to the caller.
#[inline]
unsafe fn born(
    gp: NonNull<G>,
    id: u64,
    lineage: Lineage,
    name: Option<Arc<str>>,
    inherited: Inherited,
    at: &'static Location<'static>,
) -> *mut u8 {
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). The caller says that the record
    // is its own, so the cells are ours to write. The packet follows directly after the G, in the
    // record.
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

/// Adds a goroutine that is being started to `bubble`.
#[cold]
fn enter(bubble: &'static Bubble, gp: NonNull<G>, at: &'static Location<'static>) {
    bubble.enter();
    if bubble.explores() {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only data behind a lock
        // is read.
        let name = unsafe { gp.as_ref() }.name();
        PooledBubble::of(bubble).explorer.born(gp, name, at);
    }
}

/// Makes the goroutine runnable. The caller must queue it.
///
/// # Safety
/// The record is Idle and belongs to the caller. The packet holds what `entry` takes out of it.
unsafe fn make_runnable(gp: NonNull<G>, entry: EntryFn) {
    // SAFETY: a G stays a G for ever. The caller says that the record is its own, so the cells are
    // ours until the goroutine is queued.
    let g = unsafe { gp.as_ref() };
    g.first.set(Some(FirstFrame {
        entry,
        exit: goexit::goexit1,
    }));
    record::starts(g);
    casgstatus(&g.status, GStatus::Idle, GStatus::Runnable);
}
