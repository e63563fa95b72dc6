//! The tree of contexts that can end, and the functions that start when one does.
//!
//! A node has a strong reference to its parent. A parent has only weak references to its children,
//! so a child that is dropped or has been cancelled leaves nothing behind. A node ends when its
//! [`DoneEvent`] happens. The event compares the deadline with the clock whenever it is asked, so a
//! deadline needs no timer. A child's deadline is never later than its parent's, so when the time
//! is up for a node, it is up for all nodes below it.
//!
//! # Locks
//! `links` protects the children and the functions of a node. A thread locks only one node at a
//! time. Under `links` only the node's own event may be locked, and no user code runs. (A look at
//! an event whose time is up locks the event, in order to record that. So `links` is an outer
//! lock.)
//!
//! # Why no descendant is missed
//! *A node that is created during a cancellation.* It links itself under the parent's lock, after
//! checking under that lock that the parent's event has not happened. A canceller makes the event
//! happen first, and takes the lock afterwards. So either the child sees the event, or the
//! canceller sees the child.
//!
//! *A second canceller, which must not return before the first has reached all nodes below.* No
//! canceller takes the list of children away in order to work on it. Each one goes down to a first
//! child, ends it, continues below it, and unlinks a child only when no node is below it any more.
//! So a canceller that finds a node without children knows that all nodes below have ended,
//! whichever canceller did the work. The second helps the first.
//!
//! A canceller needs neither recursion nor a list, however deep the tree is: it goes back up
//! through `parent`.
//!
//! # Functions
//! A function is in the node whose end it waits for, and the canceller starts its goroutine. A node
//! with a deadline may end without a canceller; for that case the function is a timer as well (the
//! runtime's `Timed`). Until it starts there is no goroutine.
//!
//! *Which code runs or drops the closure.* `state` holds the closure. The function's goroutine
//! takes it out and runs it; `stop` takes it out and drops it. A canceller leaves the closure there
//! and sets `started`: from then on the function cannot be stopped, even if its goroutine has to
//! wait for a stack. The timer and a canceller may each start a goroutine for the function. The
//! second of them finds no closure.
//!
//! *Nothing is left behind.* Starting or stopping the function cancels the timer, which is armed
//! before any other thread knows the function. Taking the closure removes the function from the
//! node's list. If the closure is taken before `move_to` has put the function there, `move_to`
//! finds that the closure is gone, and removes the function.

use crate::channel::{DoneEvent, How, Receiver};
use gort_runtime::{Home, Lock, Nanos, Timed, TimedCall, WaitsOutside, nanos_of};
use std::collections::BTreeMap;
use std::error::Error;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

pub(super) type Cause = Arc<dyn Error + Send + Sync>;

/// A context that can end.
pub(super) struct Node {
    event: Arc<DoneEvent>,
    /// The event's channel.
    done: Receiver<()>,
    /// Written by the thread that ends the node, before the event.
    cause: OnceLock<Cause>,
    deadline: Option<Instant>,
    /// `None` for a root, and once the node has retired.
    parent: Option<Arc<Node>>,
    /// The node's key in the parent's `links`.
    id: u64,
    links: Lock<Links>,
    /// The next key. Relaxed: keys only have to be unique.
    next_id: AtomicU64,
    /// Set while a signal may end the node: goroutines that wait for it are not in a deadlock then.
    waits_for_signal: Lock<Option<WaitsOutside>>,
}

/// The children and the functions of a node that has not ended.
#[derive(Default)]
struct Links {
    children: BTreeMap<u64, Weak<Node>>,
    funcs: BTreeMap<u64, Arc<Timed<Func>>>,
}

impl Node {
    /// Creates a node below `parent`. It ends at `deadline` at the latest.
    pub(super) fn new(parent: Option<&Arc<Self>>, deadline: Option<Instant>) -> Arc<Self> {
        let inherited = parent.and_then(|parent| parent.deadline);
        let due = parent.and_then(|parent| parent.event.due());
        let (deadline, due) = match (deadline, inherited) {
            (Some(own), Some(inherited)) if inherited <= own => (Some(inherited), due),
            (Some(own), _) => {
                let own_due = nanos_of(own);
                (Some(own), Some(due.map_or(own_due, |due| due.min(own_due))))
            }
            (None, inherited) => (inherited, due),
        };
        let event = Arc::new(DoneEvent::new(due));
        let node = Arc::new(Self {
            done: Receiver::done(Arc::clone(&event)),
            event,
            cause: OnceLock::new(),
            deadline,
            parent: parent.map(Arc::clone),
            id: parent.map_or(0, |parent| parent.new_id()),
            links: Lock::outer(Links::default()),
            next_id: AtomicU64::new(0),
            waits_for_signal: Lock::new(None),
        });
        if let Some(parent) = parent {
            let mut links = parent.links.lock();
            match parent.event.how() {
                None => {
                    links.children.insert(node.id, Arc::downgrade(&node));
                }
                Some(how) => {
                    drop(links);
                    node.end(how, &mut parent.cause.get().cloned());
                }
            }
        }
        node
    }

    /// Returns the home in which the node was made. Its deadline is a time on that home's clock.
    pub(super) fn home(&self) -> Home {
        self.event.home()
    }

    pub(super) fn done(&self) -> &Receiver<()> {
        &self.done
    }

    pub(super) fn how(&self) -> Option<How> {
        self.event.how()
    }

    /// Returns the cause that was given when the node was ended. Also returns `None` if the node
    /// has not ended.
    pub(super) fn given_cause(&self) -> Option<Cause> {
        // The cause is read only after the event, because a cause that is still being written does
        // not count yet.
        self.how().and_then(|_| self.cause.get().cloned())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the deadline as a time on the scheduler's clock.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.event.due()
    }

    /// Records that a signal may end the node.
    pub(super) fn waits_for_signal(&self) {
        *self.waits_for_signal.lock() = Some(WaitsOutside::new());
        if self.event.how().is_some() {
            self.waits_no_more();
        }
    }

    fn waits_no_more(&self) {
        let waits = self.waits_for_signal.lock().take();
        drop(waits);
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    /// Cancels the node and all nodes below it, as far as they have not ended, and starts the
    /// functions that wait for that.
    pub(super) fn cancel(self: &Arc<Self>, mut cause: Option<Cause>) {
        let mut funcs = Vec::new();
        self.end(How::Canceled, &mut cause);
        self.take_funcs(&mut funcs);
        let mut node = Arc::clone(self);
        loop {
            if let Some(child) = node.first_child() {
                if let Some(how) = node.how() {
                    child.end(how, &mut node.cause.get().cloned());
                }
                child.take_funcs(&mut funcs);
                node = child;
            } else {
                node.unlink();
                if Arc::ptr_eq(&node, self) {
                    break;
                }
                match &node.parent {
                    Some(parent) => node = Arc::clone(parent),
                    None => unreachable!("a node below another has a parent"),
                }
            }
        }
        funcs.iter().for_each(Func::start);
        // If the cause came too late it is dropped here: its destructor is user code, and may
        // panic.
        drop(cause);
    }

    /// Ends this node and takes the cause, unless the node has ended before.
    fn end(&self, how: How, cause: &mut Option<Cause>) {
        self.event.finish(how, || {
            if let Some(cause) = cause.take() {
                // There is no other cause, since `finish` calls this closure once.
                drop(self.cause.set(cause));
            }
        });
        self.waits_no_more();
    }

    /// Returns a child that has not been unlinked.
    fn first_child(&self) -> Option<Arc<Self>> {
        let mut links = self.links.lock();
        while let Some((&id, child)) = links.children.first_key_value() {
            if let Some(child) = child.upgrade() {
                return Some(child);
            }
            // The child is being dropped.
            links.children.remove(&id);
        }
        None
    }

    fn unlink(&self) {
        if let Some(parent) = &self.parent {
            parent.links.lock().children.remove(&self.id);
        }
    }

    /// Registers `func` to start when the node ends. Returns false if the node has ended.
    fn add_func(&self, id: u64, func: &Arc<Timed<Func>>) -> bool {
        let mut links = self.links.lock();
        if self.event.how().is_some() {
            return false;
        }
        links.funcs.insert(id, Arc::clone(func));
        true
    }

    fn remove_func(&self, id: u64) {
        let func = self.links.lock().funcs.remove(&id);
        // What the function captured is dropped without the lock.
        drop(func);
    }

    fn take_funcs(&self, to: &mut Vec<Arc<Timed<Func>>>) {
        let funcs = mem::take(&mut self.links.lock().funcs);
        to.extend(funcs.into_values());
    }

    /// Called when the last handle is gone: leaves the parent, and passes the functions to it.
    /// Without a handle only the parent's end could still have ended this node. Returns the parent.
    fn retire(&mut self) -> Option<Arc<Self>> {
        self.unlink();
        let parent = self.parent.take()?;
        let funcs = mem::take(&mut self.links.lock().funcs);
        for func in funcs.into_values() {
            Func::move_to(&func, &parent);
        }
        Some(parent)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // This is a loop and not a recursion, because a chain of contexts may be long.
        let mut parent = self.retire();
        while let Some(last) = parent.and_then(Arc::into_inner) {
            let mut last = last;
            parent = last.retire();
        }
    }
}

pub(super) type Closure = Box<dyn FnOnce() + Send>;

/// A function that starts when a node has ended.
pub(super) struct Func {
    state: Lock<FuncState>,
}

struct FuncState {
    f: Option<Closure>,
    /// A canceller has started the function.
    started: bool,
    /// The node whose list contains the function, and the function's key there.
    listed_in: Option<(Weak<Node>, u64)>,
}

impl TimedCall for Func {
    fn call(this: &Arc<Timed<Self>>) {
        if let Some(f) = this.take(true) {
            f();
        }
    }
}

impl Func {
    pub(super) fn new(home: Home, f: Closure) -> Arc<Timed<Self>> {
        Timed::at_home(
            home,
            Self {
                state: Lock::new(FuncState {
                    f: Some(f),
                    started: false,
                    listed_in: None,
                }),
            },
        )
    }

    /// Takes the closure, if it is still there, and removes the function from its node's list.
    /// `to_run` says that the caller will run the closure. If it is false, this returns `None` once
    /// a canceller has started the function.
    pub(super) fn take(&self, to_run: bool) -> Option<Closure> {
        let (f, listed_in) = {
            let mut state = self.state.lock();
            if state.started && !to_run {
                return None;
            }
            (state.f.take()?, state.listed_in.take())
        };
        if let Some((node, id)) = listed_in
            && let Some(node) = node.upgrade()
        {
            node.remove_func(id);
        }
        Some(f)
    }

    pub(super) fn is_settled(&self) -> bool {
        let state = self.state.lock();
        state.started || state.f.is_none()
    }

    /// Starts the function's goroutine. Called when the node has ended.
    #[track_caller]
    fn start(this: &Arc<Timed<Self>>) {
        {
            let mut state = this.state.lock();
            if state.f.is_none() || state.started {
                return;
            }
            state.started = true;
        }
        this.start();
    }

    /// Makes the function wait for the end of `node` from now on.
    #[track_caller]
    pub(super) fn move_to(this: &Arc<Timed<Self>>, node: &Arc<Node>) {
        let id = node.new_id();
        {
            let mut state = this.state.lock();
            if state.f.is_none() || state.started {
                return;
            }
            state.listed_in = Some((Arc::downgrade(node), id));
        }
        if !node.add_func(id, this) {
            Self::start(this);
        } else if this.is_settled() {
            // `take` may have come before the function was in the list. Then it could not remove
            // the function.
            node.remove_func(id);
        }
    }
}
