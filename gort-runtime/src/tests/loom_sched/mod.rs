//! Models of the scheduler: the real files of `sched/`, on top of stand-ins for the machine.
//!
//! An M is the runtime's own, but it has no thread. Each thread of a model takes a few steps of an
//! M's life ([`Model::step`]). A step ends when the M runs a goroutine, which does nothing, or
//! falls asleep. Ms that were woken, and Ms whose threads must be started, continue where a thread
//! of the model has time for them ([`Model::run_woken`]), at the latest at the end.
//!
//! The stand-ins are the files named `loom.rs` and `*_loom.rs`. What they replace is not modelled:
//! the poll and how it is interrupted; threads; stacks; the clock (each reading advances it by 3
//! µs, so that a thief steals a `runnext` at the second reading); deadlocks; time slices that end.
//! Of sysmon, only sleeping and waking are modelled. loom does not check the cells that belong to
//! one M or P at a time, nor the atomics of `prim::hint`.

#![expect(clippy::unwrap_used, reason = "a model that fails panics")]

mod loom_idle;
mod loom_network;
mod loom_newm;
mod loom_stacks;
mod loom_timers;
mod loom_wired;

use super::find::{GaveUp, NEW_IN_A_ROW, give_up_p};
use super::hand::{acquirep, become_spinning, releasep};
use super::inside::Inside;
use super::run::{schedule, yield_to_queue};
use super::state::{Duties, SCHED};
use super::stop::{GotUp, get_up, stopm};
use super::submit::{runq_put, submit_global};
use crate::arch::Gobuf;
use crate::base::config::{CONFIG, Config};
use crate::base::note::{Asleep, next_call};
use crate::base::prim::Ordering::Relaxed;
use crate::base::stackkind::StackKind;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::GStatus;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::proc::tls;
use crate::tests::{explore, explore_further};
use crate::wait::ready::submit_next;
use crossbeam_utils::CachePadded;
use loom::thread;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

/// A scheduler, and what its Ms and goroutines have done.
struct Model {
    /// At first M `i` holds P `i`, and is in user code. One more M has no P.
    ms: Vec<&'static M>,
    /// All goroutines that were ever made runnable.
    gs: Mutex<Vec<NonNull<G>>>,
    /// The goroutines that have run.
    ran: Mutex<Vec<*mut G>>,
    asleep: Mutex<Vec<(&'static M, Asleep)>>,
    /// Whether sysmon sleeps until it is woken.
    sysmon_parked: Mutex<bool>,
}

// SAFETY: only the goroutines keep it from being `Send`. Each is used only by the thread that took
// it out of a queue.
unsafe impl Send for Model {}
// SAFETY: as above. loom checks everything else.
unsafe impl Sync for Model {}

impl Model {
    fn new(procs: u32) -> Self {
        let config = Config {
            stack: StackKind {
                size_log2: 0,
                own: false,
            },
            always_migrates: false,
            abort_on_panic: false,
        };
        CONFIG.set(config).unwrap();
        let mut shared = SCHED.shared.lock();
        shared.set_procs(procs);
        let ms = (0..=procs).map(|_| {
            let m = M::leak();
            shared.threads += 1;
            if let Some(p) = shared.pidle_get() {
                acquirep(m, p);
            }
            m.ownership.leave();
            m
        });
        let ms = ms.collect();
        drop(shared);
        Self {
            ms,
            gs: Mutex::default(),
            ran: Mutex::default(),
            asleep: Mutex::default(),
            sysmon_parked: Mutex::default(),
        }
    }

    /// Creates a goroutine that is runnable or running.
    fn g(&self) -> NonNull<G> {
        let gp = NonNull::from(Box::leak(Box::new(G::new())));
        self.gs.lock().unwrap().push(gp);
        gp
    }

    fn p(&self, i: usize) -> &'static P {
        SCHED.allp()[i]
    }

    // Ms

    /// Makes the thread be `m` until `f` returns or sleeps (`None`).
    fn step<T>(&self, m: &'static M, f: impl FnOnce() -> T) -> Option<T> {
        let before = tls::getm().map_or(ptr::null(), ptr::from_ref);
        tls::set_m(m);
        let did = panic::catch_unwind(AssertUnwindSafe(f));
        tls::set_m(before);
        match did.map_err(|payload| payload.downcast::<Asleep>()) {
            Ok(did) => Some(did),
            Err(Ok(asleep)) => {
                self.asleep.lock().unwrap().push((m, *asleep));
                None
            }
            Err(Err(payload)) => panic::resume_unwind(payload),
        }
    }

    /// M `m` enters the runtime, unless it is inside.
    fn enters(&self, m: &M) {
        if !m.ownership.is_inside() && !m.ownership.enter() {
            m.p.set(ptr::null());
        }
    }

    /// Runs `f` on g0 of `m`. At the end `m` runs a goroutine, which is user code, or sleeps.
    fn run(&self, m: &'static M, f: impl FnOnce() -> *mut Gobuf) {
        self.enters(m);
        match self.step(m, f) {
            // As at the end of `mstart`.
            Some(next) if next == m.g0() => SCHED.shared.lock().thread_ended(m),
            Some(next) => {
                let mut ran = self.ran.lock().unwrap();
                assert!(!ran.contains(&next.cast()), "a goroutine runs twice");
                ran.push(next.cast());
            }
            None => {}
        }
    }

    /// Parks the goroutine on M `i`, if there is one. The M looks for work.
    fn look(&self, i: usize) {
        self.looks(self.ms[i]);
    }

    fn looks(&self, m: &'static M) {
        m.curg.set(ptr::null_mut());
        self.run(m, || schedule(on_g0(m)));
    }

    /// M `i` has found no work and does not spin, because other Ms do. It gives up its P and
    /// sleeps.
    fn idles(&self, i: usize) {
        let m = self.ms[i];
        self.run(m, || {
            match give_up_p(on_g0(m)) {
                GaveUp::Found(gp) => m.nextg.set(gp.as_ptr()),
                GaveUp::LookAgain => {}
                GaveUp::Exit => return m.g0(),
            }
            schedule(on_g0(m))
        });
    }

    /// M `i`, which has no P, sleeps until it is given one.
    fn stops(&self, i: usize) {
        let m = self.ms[i];
        self.run(m, || {
            if stopm(on_g0(m), true) {
                schedule(on_g0(m))
            } else {
                m.g0()
            }
        });
    }

    /// M `i`, if it still sleeps, wakes on its own: its time has come, or the poll returns.
    fn wakes(&self, i: usize) {
        self.wakes_up(self.ms[i]);
    }

    fn wakes_up(&self, m: &'static M) {
        match self.take_asleep(m) {
            Some(asleep) if asleep.has_duties() => self.gets_up(m, asleep),
            Some(asleep) => self.asleep.lock().unwrap().push((m, asleep)),
            None => {}
        }
    }

    /// Continues an M that was not woken, as in `stopm`.
    fn gets_up(&self, m: &'static M, asleep: Asleep) {
        let duties = Duties {
            time: asleep.until != u64::MAX,
            poll: asleep.polls,
        };
        self.run(m, || match get_up(on_g0(m), duties, &GQueue::new()) {
            GotUp::WithP => schedule(on_g0(m)),
            GotUp::NoIdleP if stopm(on_g0(m), false) => schedule(on_g0(m)),
            _ => m.g0(),
        });
    }

    fn take_asleep(&self, m: &M) -> Option<Asleep> {
        let mut asleep = self.asleep.lock().unwrap();
        let at = asleep.iter().position(|(other, _)| ptr::eq(*other, m))?;
        Some(asleep.swap_remove(at).1)
    }

    /// Runs the Ms that were woken or started, until they sleep or keep their P busy.
    fn run_woken(&self) {
        while let Some(call) = next_call() {
            let Some(m) = M::all().find(|m| call.is_for(&m.note)) else {
                continue;
            };
            let asleep = self.take_asleep(m);
            match asleep {
                // The M is not asleep: it will see its note before it sleeps again.
                None if !call.is_new => {}
                Some(asleep) if asleep.polls => self.gets_up(m, asleep),
                // This call is an earlier one: the M has seen it and fallen asleep again.
                Some(asleep) if !m.note.take() => self.asleep.lock().unwrap().push((m, asleep)),
                _ => self.begins(m, call.is_new),
            }
        }
    }

    /// Continues an M that was woken or started, as at the end of `stopm` or of `stoplockedm`, and
    /// in `mstart`.
    fn begins(&self, m: &'static M, is_new: bool) {
        if is_new {
            m.note.take();
        } else if !m.lockedg.get().is_null() {
            return self.continue_wired(m);
        }
        let p = m.nextp.replace(ptr::null());
        // A spare thread starts without a P.
        if !is_new || !p.is_null() {
            acquirep(m, p);
        }
        self.run(m, || schedule(on_g0(m)));
    }

    // Initial states

    /// M `i` is counted as spinning.
    fn spins(&self, i: usize) {
        self.enters(self.ms[i]);
        become_spinning(self.ms[i]);
    }

    /// M `i` sleeps, and its P is idle.
    fn is_idle(&self, i: usize) {
        let m = self.ms[i];
        self.enters(m);
        SCHED.shared.lock().pidle_put(releasep(m));
        self.step(m, || stopm(on_g0(m), false));
    }

    /// M `i` has lost its P, which is idle.
    fn loses_p(&self, i: usize) {
        SCHED.shared.lock().pidle_put(releasep(self.ms[i]));
    }

    /// M `i` has `n` goroutines in its ring.
    fn queues(&self, i: usize, n: u32) {
        for _ in 0..n {
            runq_put(self.p(i), self.g());
        }
    }

    /// All goroutines are new, and M `i` has run enough new ones.
    fn enough_new(&self, i: usize) {
        for gp in &*self.gs.lock().unwrap() {
            // SAFETY: no thread of the model runs yet.
            unsafe { gp.as_ref() }.is_new.set(true);
        }
        self.p(i).new_in_a_row.set(NEW_IN_A_ROW - 1);
    }

    // Actions of goroutines

    /// A goroutine returns from a blocking call to M `i`, which has lost its P. Returns `true` if
    /// the M gets one.
    fn comes_back(&self, i: usize) -> bool {
        let m = self.ms[i];
        self.step(m, || Inside::enter().map(Inside::finish));
        m.held_p().is_some()
    }

    /// M `i` runs a goroutine that makes a blocking call and has lent the P.
    fn lends(&self, i: usize) {
        let m = self.ms[i];
        m.curg.set(Box::leak(Box::new(G::new())));
        m.ownership.lend();
    }

    /// A goroutine on M `i` makes another one ready.
    fn ready(&self, i: usize) {
        let m = self.ms[i];
        if m.held_p().is_some() {
            let gp = self.g();
            self.step(m, || submit_next(gp));
        }
    }

    /// A plain thread makes `n` goroutines ready in one call.
    fn ready_outside(&self, n: u32) {
        let list = GQueue::new();
        for _ in 0..n {
            list.push_back(self.g());
        }
        submit_global(&list);
    }

    /// A goroutine on M `i` yields.
    fn yields(&self, i: usize) {
        let (m, gp) = (self.ms[i], self.g());
        // SAFETY: no other thread knows of it yet.
        unsafe { gp.as_ref() }
            .status
            .store(GStatus::Running as u32, Relaxed);
        m.curg.set(gp.as_ptr());
        self.run(m, || yield_to_queue(on_g0(m), gp));
    }

    // Final checks

    /// Checks that a goroutine waits only if no P is idle and `needspinning` is set, so that the
    /// next M that idles a P looks for work first.
    fn check(&self) {
        self.run_woken();
        let ran = self.ran.lock().unwrap().len();
        let submitted = self.gs.lock().unwrap().len();
        let idle = SCHED.shared.lock().npidle();
        assert!(
            ran == submitted || (idle == 0 && SCHED.idle.needspinning()),
            "lost wake-up: ran {ran} of {submitted}, {idle} idle Ps"
        );
        assert_eq!(SCHED.idle.nmspinning(), 0, "spinning Ms are miscounted");
    }

    /// Frees what the runtime keeps for ever.
    fn free(&self) {
        // SAFETY: the execution is over, and they are no longer in use.
        unsafe {
            for gp in self.gs.lock().unwrap().drain(..) {
                drop(Box::from_raw(gp.as_ptr()));
            }
            for p in SCHED.allp() {
                let p = ptr::from_ref(*p).cast::<CachePadded<P>>();
                drop(Box::from_raw(p.cast_mut()));
            }
            for m in M::all().collect::<Vec<_>>() {
                drop(Box::from_raw(ptr::from_ref(m).cast_mut()));
            }
        }
    }
}

/// Returns the witness for g0: a model's threads have no other stack.
fn on_g0(m: &M) -> &OnG0 {
    // SAFETY: `step` has made `m` the M of this thread, which is on its own stack.
    unsafe { OnG0::of(m) }
}

type Step = fn(&Model);

/// Explores `threads` over a scheduler with `procs` Ps that `init` has set up, and runs `check` at
/// the end. Two threads are explored further than three. The first thread starts; switching away
/// from it costs a preemption.
fn explore_threads(
    procs: u32,
    init: Step,
    threads: &'static [Step],
    check: impl Fn(&Model) + Send + Sync + 'static,
) {
    let model = move || execute(&Arc::new(Model::new(procs)), init, threads, &check);
    if threads.len() > 2 {
        explore(model);
    } else {
        explore_further(model);
    }
}

/// Runs one execution.
fn execute(model: &Arc<Model>, init: Step, threads: &[Step], check: impl Fn(&Model)) {
    init(model);
    let threads = threads.iter().map(|&thread| {
        let model = Arc::clone(model);
        move || thread(&model)
    });
    let mut threads = threads.collect::<Vec<_>>();
    // The first thread is this one.
    let first = threads.remove(0);
    let others: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    first();
    for other in others {
        other.join().unwrap();
    }
    check(model);
    model.free();
}
