//! The tree of contexts that can be cancelled, and the functions that start when one is done.
//!
//! A node holds its parent; a parent knows its children only weakly, so that a child that
//! is dropped, or has been cancelled, leaves nothing behind. A node's end is its [`DoneEvent`],
//! which also compares the clock: a deadline needs no timer, and a child's is never later than
//! its parent's, so when the time is up for a node it is for all below it.
//!
//! # Locks
//! `links` protects who hangs below a node. No two nodes are locked at a time; under
//! `links` only the node's own event may be locked, and no user code runs.
//!
//! # Why no descendant is missed
//! *By one that is born meanwhile.* It links itself under the parent's lock, having seen under it
//! that the parent's event has not happened. A canceller lets the event happen first and
//! takes the lock afterwards. So either the child sees the event, or the canceller the child.
//!
//! *By a second canceller, which must not return before the first has reached everybody
//! below.* Nobody takes the children away in order to work on them: each canceller goes
//! down to a first child, ends it, goes on below it, and unlinks a child only when nobody is
//! below it any more. So whoever finds a node without children knows that all
//! below has ended, whoever has done the work; the second helps the first.
//!
//! The way down needs neither recursion nor a list, however deep the tree: the way
//! back up is `parent`.
//!
//! # Functions
//! A function lies in the node whose end it waits for, and the canceller starts its goroutine.
//! A node with a deadline may end without a canceller; for that the function is a timer as well
//! (`Timed` of the runtime). Until it starts it is no goroutine.
//!
//! *Who decides.* `state` has the closure. Whoever takes it out runs it (a goroutine) or drops it
//! (`stop`). A canceller leaves it there and says `started`: from then on it cannot be stopped, also
//! if it may be a while until there is a stack for the goroutine. The timer's goroutine and the
//! canceller's may both come; the second finds nothing.
//!
//! *Nothing is left behind.* Whoever starts or stops the function cancels the timer, which is armed
//! before anybody else knows of the function. Who takes the closure removes the function from the
//! node's list; if it comes before `move_to` has put it there, `move_to` finds the closure gone, and removes it.

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
    /// Written by the one who ends it, before the event.
    cause: OnceLock<Cause>,
    deadline: Option<Instant>,
    /// `None` also once the node has retired.
    parent: Option<Arc<Node>>,
    /// Its name in the parent's `links`.
    id: u64,
    links: Lock<Links>,
    /// The next name. Only uniqueness matters: relaxed.
    next_id: AtomicU64,
    /// A signal may end it, and has not: then nobody who waits for it is in a deadlock.
    waits_for_signal: Lock<Option<WaitsOutside>>,
}

/// What hangs below a node that has not ended.
#[derive(Default)]
struct Links {
    children: BTreeMap<u64, Weak<Node>>,
    funcs: BTreeMap<u64, Arc<Timed<Func>>>,
}

impl Node {
    /// A node below `parent`; it ends at `deadline`, if not before.
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
            links: Lock::new(Links::default()),
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

    /// Where it was made, on whose clock its time is.
    pub(super) fn home(&self) -> Home {
        self.event.home()
    }

    pub(super) fn done(&self) -> &Receiver<()> {
        &self.done
    }

    pub(super) fn how(&self) -> Option<How> {
        self.event.how()
    }

    /// Given by whoever ended it; `None` also if it has not ended.
    pub(super) fn given_cause(&self) -> Option<Cause> {
        // Only after the event: a cause that is being written does not count yet.
        self.how().and_then(|_| self.cause.get().cloned())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same, as the scheduler counts.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.event.due()
    }

    /// A signal may end it.
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

    /// Cancels the node and all below it, as far as they have not ended, and starts the
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
        // A cause that came too late: its destructor is the user's, and may panic.
        drop(cause);
    }

    /// Ends this node, if it has not, and then takes the cause.
    fn end(&self, how: How, cause: &mut Option<Cause>) {
        self.event.finish(how, || {
            if let Some(cause) = cause.take() {
                // Nobody else has written one: `finish` calls this once.
                drop(self.cause.set(cause));
            }
        });
        self.waits_no_more();
    }

    /// A child that has not been unlinked.
    fn first_child(&self) -> Option<Arc<Self>> {
        let mut links = self.links.lock();
        while let Some((&id, child)) = links.children.first_key_value() {
            if let Some(child) = child.upgrade() {
                return Some(child);
            }
            // It is being dropped.
            links.children.remove(&id);
        }
        None
    }

    fn unlink(&self) {
        if let Some(parent) = &self.parent {
            parent.links.lock().children.remove(&self.id);
        }
    }

    /// Has `func` started when the node ends; false if it has ended.
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
        // Its captures go without the lock.
        drop(func);
    }

    fn take_funcs(&self, to: &mut Vec<Arc<Timed<Func>>>) {
        let funcs = mem::take(&mut self.links.lock().funcs);
        to.extend(funcs.into_values());
    }

    /// The last handle has gone: leaves the parent, which inherits the functions, since from
    /// now on only it could have ended this node. Gives the parent.
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
        // Not by recursion: a chain of contexts may be long.
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
    /// A canceller has started it.
    started: bool,
    /// The node in whose list it is, and its name there.
    home: Option<(Weak<Node>, u64)>,
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
                    home: None,
                }),
            },
        )
    }

    /// Takes the closure, if nobody has, and the function out of its node's list. If a canceller
    /// has started it only `to_run` it.
    pub(super) fn take(&self, to_run: bool) -> Option<Closure> {
        let (f, home) = {
            let mut state = self.state.lock();
            if state.started && !to_run {
                return None;
            }
            (state.f.take()?, state.home.take())
        };
        if let Some((node, id)) = home
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

    /// The node has ended: starts the goroutine.
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

    /// From now on waits for the end of `node`.
    #[track_caller]
    pub(super) fn move_to(this: &Arc<Timed<Self>>, node: &Arc<Node>) {
        let id = node.new_id();
        {
            let mut state = this.state.lock();
            if state.f.is_none() || state.started {
                return;
            }
            state.home = Some((Arc::downgrade(node), id));
        }
        if !node.add_func(id, this) {
            Self::start(this);
        } else if this.is_settled() {
            // It was there too late to be removed.
            node.remove_func(id);
        }
    }
}
