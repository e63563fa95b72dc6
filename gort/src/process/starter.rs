//! The thread that starts children, and collects those whose handles were dropped.
//!
//! The kernel ties some things of a child to the *thread* that has started it: a parent-death signal
//! (`PR_SET_PDEATHSIG`) comes when that thread ends. The runtime's threads come and go, so a thread that never ends
//! starts them. It begins with the first child. Goroutines that are wired to their thread start children from there: they may have
//! given it a namespace or a priority that the child is to have.
//!
//! It collects as it comes to that: it polls the descriptors of those that nobody waits for, beside its own. No SIGCHLD
//! is needed, so whatever the program does with that signal does not matter.
//!
//! Whoever has a child started parks meanwhile, counted as one that waits for what comes from outside; so the thread is left out when
//! deadlocks are looked for.

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

/// How often, in milliseconds, a child without a descriptor is looked at.
const LOOK_MS: i32 = 50;

/// A child that was started. Dropped, it is collected when it has ended: whoever has asked for it may be gone.
pub(super) struct Started {
    pub(super) child: process::Child,
    orphan: Option<Orphan>,
}

impl Started {
    /// Its handle takes it over.
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

/// A child that nobody waits for.
pub(super) struct Orphan {
    pub(super) pid: u32,
    pub(super) means: Means,
}

impl Orphan {
    /// Whether there is nothing left to collect.
    pub(super) fn is_collected(&self) -> bool {
        let collected = match &self.means {
            Means::Pidfd(fd) => pidfd::collect(fd.as_fd()),
            Means::Number => pidfd::collect_by_number(self.pid),
            Means::Gone => return true,
        };
        // An error: somebody else has.
        !matches!(collected, Ok(None))
    }
}

struct Shared {
    jobs: Mutex<Vec<Job>>,
    /// Readable when there is a job.
    bell: Bell,
}

static STARTER: Mutex<Option<Arc<Shared>>> = Mutex::new(None);

/// The starter, which is started if there is none.
fn starter() -> io::Result<Arc<Shared>> {
    let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = &*starter {
        return Ok(Arc::clone(shared));
    }
    let shared = Arc::new(Shared {
        jobs: Mutex::new(Vec::new()),
        bell: Bell::new()?,
    });
    let its = Arc::clone(&shared);
    // A goroutine's stack may be small, and starting a thread wants room.
    on_system_stack(|| {
        thread::Builder::new()
            .name("gort-children".into())
            .spawn(move || run(&its))
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

/// Starts a child. Gives back what was asked for in any case.
#[track_caller]
pub(super) fn start(mut begin: Begin) -> Reply {
    // Before anything is on its way.
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

/// Has a child collected when it has ended.
pub(super) fn collect(orphan: Orphan) {
    // Without the thread it stays until this process ends, as std's would.
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
        let by_number = orphans.iter().any(|o| matches!(o.means, Means::Number));
        let pidfds = orphans.iter().filter_map(|orphan| match &orphan.means {
            Means::Pidfd(fd) => Some(fd.as_fd()),
            Means::Number | Means::Gone => None,
        });
        let descriptors = iter::once(shared.bell.as_fd()).chain(pidfds);
        pidfd::wait_for_any(descriptors, if by_number { LOOK_MS } else { -1 });
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
