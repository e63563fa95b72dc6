//! The thread that starts children, and reaps those whose handles were dropped.
//!
//! The kernel ties some state of a child to the *thread* that started it: a parent-death signal
//! (`PR_SET_PDEATHSIG`) is sent when that thread ends. The runtime's threads come and go, so
//! children are started by one thread that never ends. It is created with the first child. A
//! goroutine that is wired to its thread starts children from that thread instead, because it may
//! have given the thread a namespace or a priority that the child is meant to inherit.
//!
//! The thread also reaps orphans, the children that no handle waits for: it polls their descriptors
//! together with its own. It needs no SIGCHLD, so it does not matter what the program does with
//! that signal.
//!
//! A goroutine that starts a child parks until the thread answers. It counts as one that waits for
//! an outside event, and the deadlock detector ignores this thread.

use super::begin::Begin;
use super::pidfd::{self, Means};
use crate::system::Bell;
use gort_runtime::{
    MayWait, WaitReason, WaitsOutside, blocking, helper_thread_runs, is_wired, on_system_stack,
};
use gort_sync::channel::Sender;
use gort_sync::outside::bounded;
use std::io;
use std::iter;
use std::mem;
use std::os::fd::AsFd;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The interval, in milliseconds, at which children without a descriptor are checked.
const CHECK_MS: i32 = 50;

/// A child that was started. If this is dropped unclaimed, because the goroutine that asked for the
/// child is gone, the child is reaped when it ends.
pub(super) struct Started {
    pub(super) child: process::Child,
    orphan: Option<Orphan>,
}

impl Started {
    /// Hands the duty to reap the child over to the caller. Returns how to wait for the child.
    pub(super) fn claim(&mut self) -> Means {
        self.orphan
            .take()
            .map_or(Means::Gone, |orphan| orphan.means)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(orphan) = self.orphan.take() {
            collect(orphan);
        }
    }
}

type Reply = (Begin, io::Result<Started>);

enum Job {
    Start(Box<Begin>, Sender<Reply>),
    Collect(Orphan),
}

/// A child that no handle waits for.
pub(super) struct Orphan {
    pub(super) pid: u32,
    pub(super) means: Means,
}

impl Orphan {
    /// Reaps the child if it has ended. Returns whether there is nothing left to reap.
    pub(super) fn is_collected(&self) -> bool {
        let collected = match &self.means {
            Means::Pidfd(fd) => pidfd::collect(fd.as_fd()),
            Means::Pid => pidfd::collect_by_pid(self.pid),
            Means::Gone => return true,
        };
        // An error means that other code has reaped the child.
        !matches!(collected, Ok(None))
    }
}

struct Shared {
    jobs: Mutex<Vec<Job>>,
    /// Rung after each job has been added, and cleared before the jobs are taken.
    bell: Bell,
}

static STARTER: Mutex<Option<Arc<Shared>>> = Mutex::new(None);

/// Returns the shared state of the starter thread, and starts the thread if there is none.
fn starter() -> io::Result<Arc<Shared>> {
    let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = &*starter {
        return Ok(Arc::clone(shared));
    }
    let shared = Arc::new(Shared {
        jobs: Mutex::new(Vec::new()),
        bell: Bell::new()?,
    });
    let for_thread = Arc::clone(&shared);
    // This runs on the system stack, because starting a thread needs room, and a goroutine's stack
    // may be small.
    on_system_stack(|| {
        thread::Builder::new()
            .name("gort-children".into())
            .spawn(move || run(&for_thread))
    })?;
    *starter = Some(Arc::clone(&shared));
    Ok(shared)
}

impl Shared {
    fn send(&self, job: Job) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.push(job);
        drop(jobs);
        self.bell.ring();
    }

    fn take(&self) -> Vec<Job> {
        self.bell.clear();
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *jobs)
    }
}

/// Starts a child. Also returns the command, whether the start succeeds or fails.
#[track_caller]
pub(super) fn start(mut begin: Begin) -> Reply {
    // Check before anything has been started.
    let _ = MayWait::check(WaitReason::ChanReceive);
    if is_wired() {
        let started = blocking(|| start_here(&mut begin));
        return (begin, started);
    }
    let shared = match starter() {
        Ok(shared) => shared,
        Err(e) => return (begin, Err(e)),
    };
    let (reply, replies) = bounded(1);
    let _waits = WaitsOutside::new();
    shared.send(Job::Start(Box::new(begin), reply));
    match replies.recv() {
        Ok(reply) => reply,
        Err(_) => unreachable!("the thread that starts children answers"),
    }
}

/// Asks the starter thread to reap a child when it ends.
pub(super) fn collect(orphan: Orphan) {
    // Without the thread the child stays a zombie until this process ends, as with std.
    if let Ok(shared) = starter() {
        shared.send(Job::Collect(orphan));
    }
}

fn start_here(begin: &mut Begin) -> io::Result<Started> {
    let child = begin.spawn()?;
    let pid = child.id();
    let means = pidfd::means_for(pid);
    let orphan = Some(Orphan { pid, means });
    Ok(Started { child, orphan })
}

fn run(shared: &Shared) {
    helper_thread_runs();
    let mut orphans: Vec<Orphan> = Vec::new();
    loop {
        let without_pidfd = orphans.iter().any(|o| matches!(o.means, Means::Pid));
        let pidfds = orphans.iter().filter_map(|orphan| match &orphan.means {
            Means::Pidfd(fd) => Some(fd.as_fd()),
            Means::Pid | Means::Gone => None,
        });
        let descriptors = iter::once(shared.bell.as_fd()).chain(pidfds);
        pidfd::wait_for_any(descriptors, if without_pidfd { CHECK_MS } else { -1 });
        for job in shared.take() {
            match job {
                Job::Start(mut begin, reply) => {
                    let started = start_here(&mut begin);
                    drop(reply.send((*begin, started)));
                }
                Job::Collect(orphan) => orphans.push(orphan),
            }
        }
        orphans.retain(|orphan| !orphan.is_collected());
    }
}
