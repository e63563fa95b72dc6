//! Models of `idle.rs` and of the protocol around it (`sched/README.md`).
//!
//! Modelled: `Idle` and `Runq` as they are, and a copy, call for call, of what `find.rs`,
//! `steal.rs`, `wake.rs`, `run.rs` and `sched/state.rs` do with them. Change both. Ms are loom's
//! threads, each for one or two steps of its life. At the end the Ms that were woken look
//! for work; then no goroutine may wait in a queue while a P is idle, and if one waits
//! because every P is busy, the next M to idle must be told to look. For timers: some M
//! wakes in time, or every P is busy. For the network: some M sleeps in the poll, or every P
//! is busy.
//!
//! Not modelled: the poll itself and how it is interrupted; notes and threads (a wake is an entry in a list); heaps of timers (one
//! word); sysmon, wired goroutines; the random order and the rounds of stealing, and the
//! 3 µs before a `runnext` is stolen. The scheduler's lock is loom's mutex, not
//! `crate::lock`: that one spins under loom, and two waiters would yield to each other for
//! ever.
//!
//! # What fails without which barrier
//! Tried by hand, one at a time, with two preemptions.
//!
//! | removed | models that fail |
//! |---|---|
//! | `fence_after_rmw` in `put_next` | both `submitter_relies_on_..`, `found_work_..`, `count_of_a_waker_..`, `displaced_goroutine_..` |
//! | `fence` in `submit_global` | `outside_submitter_..`, both `goroutines_between_..` |
//! | `fence` and `wakep` in `behind_everybody` | `goroutine_between_runnext_and_global_queue_..` |
//! | `fence` after `displaced` in `ready` | `displaced_goroutine_..` |
//! | `fence` in `must_wake` | `submitter_sees_no_idle_p_..`, `second_submitter_relies_on_needspinning`, `found_work_..` |
//! | `fence` in `p_idled` | the same, `count_of_a_waker_..`, five of the timers, and `thread_waits_while_an_m_..`, `thread_waits_while_the_poller_..`, `poller_relies_on_an_m_that_has_looked` |
//! | `fence_after_rmw` in `stop_spinning` | eleven, among them all where a spinner has looked |
//! | `fence` in `wake_for_timer` | `first_timer_added_while_a_spinner_..`, `timer_added_..`, both `timekeeper_relies_on_..` |
//! | `fence` in `wake_for_poll` | `thread_waits_while_a_spinner_..`, `thread_waits_while_the_poller_..`, `poller_relies_on_an_m_that_has_looked` |
//! | `fence` in `start_spinning`, in `nobody_to_look`, in `stopm` (with its second look) | none: see the README |

use super::explore;
use crate::base::prim::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use crate::proc::runq::Runq;
use crate::sched::idle::Idle;
use loom::sync::{Mutex, MutexGuard};
use loom::thread;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::{self, Arc};

/// A goroutine: a number, as a pointer that nobody follows.
type G = NonNull<()>;

fn g(id: usize) -> G {
    NonNull::without_provenance(NonZeroUsize::new(id).unwrap())
}

/// An M: which P it holds, and whether it is counted as spinning.
struct M {
    p: Option<usize>,
    spinning: bool,
}

/// What an M does after it has looked for work.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Run,
    Sleep,
}

struct Shared {
    runq: VecDeque<G>,
    pidle: Vec<usize>,
    /// An M is the poller.
    poller: bool,
}

/// How an M sleeps.
#[derive(Clone, Copy, Debug)]
struct Sleep {
    until: u64,
    polls: bool,
}

/// `LAST` of `netpoll/poll.rs` while somebody sleeps in the poll.
const BLOCKED: u64 = u64::MAX;

/// `sched/state.rs` with `PS` Ps, and the functions of `find.rs`, `steal.rs`, `wake.rs`.
struct Sched<const PS: usize> {
    shared: Mutex<Shared>,
    runqsize: AtomicU32,
    idle: Idle,
    runqs: [Runq<()>; PS],
    poll_until: AtomicU64,
    /// The earliest timer, which belongs to P 0; 0: none.
    timer: AtomicU64,
    /// Ps handed to Ms that were woken. Not part of the model: no ordering comes from it.
    woken: sync::Mutex<Vec<usize>>,
    ran: sync::Mutex<Vec<G>>,
    /// `WAITERS` and `LAST` of `netpoll/poll.rs`.
    waiters: AtomicU32,
    last: AtomicU64,
    /// Ms that sleep.
    asleep: sync::Mutex<Vec<Sleep>>,
}

// SAFETY: what makes it neither are goroutines' numbers, which are not followed as pointers.
unsafe impl<const PS: usize> Send for Sched<PS> {}
// SAFETY: as above; loom checks the rest.
unsafe impl<const PS: usize> Sync for Sched<PS> {}

impl<const PS: usize> Sched<PS> {
    fn new() -> Self {
        Self {
            shared: Mutex::new(Shared {
                runq: VecDeque::new(),
                pidle: Vec::new(),
                poller: false,
            }),
            runqsize: AtomicU32::new(0),
            idle: Idle::new(),
            runqs: std::array::from_fn(|_| Runq::new()),
            woken: sync::Mutex::new(Vec::new()),
            ran: sync::Mutex::new(Vec::new()),
            asleep: sync::Mutex::new(Vec::new()),
            poll_until: AtomicU64::new(0),
            waiters: AtomicU32::new(0),
            last: AtomicU64::new(0),
            timer: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    // sched.rs

    fn put_global(&self, list: &[G]) {
        let mut shared = self.lock();
        shared.runq.extend(list);
        self.publish_runqsize(&shared);
    }

    fn get_global(&self, shared: &mut Shared) -> Option<G> {
        let gp = shared.runq.pop_front()?;
        self.publish_runqsize(shared);
        Some(gp)
    }

    fn publish_runqsize(&self, shared: &Shared) {
        self.runqsize.store(shared.runq.len() as u32, Release);
    }

    fn global_has_work(&self) -> bool {
        self.runqsize.load(Acquire) != 0
    }

    fn pidle_put(&self, shared: &mut Shared, p: usize) -> bool {
        shared.pidle.push(p);
        self.idle.p_idled(shared.pidle.len() as u32)
    }

    fn pidle_get(&self, shared: &mut Shared) -> Option<usize> {
        let p = shared.pidle.pop()?;
        self.idle.p_taken(shared.pidle.len() as u32);
        Some(p)
    }

    // wake.rs

    fn runq_put(&self, p: usize, gp: G) {
        self.runqs[p].put(gp, |batch| {
            let list: Vec<G> = batch.iter().filter_map(|&gp| NonNull::new(gp)).collect();
            self.submit_global(&list);
        });
    }

    /// `goready` on the M that holds `p`.
    fn ready(&self, p: usize, gp: G) {
        if let Some(displaced) = self.runqs[p].put_next(gp) {
            self.runq_put(p, displaced);
            fence(SeqCst);
        }
        self.wakep();
    }

    fn submit_global(&self, list: &[G]) {
        self.put_global(list);
        fence(SeqCst);
        self.wakep();
    }

    fn wakep(&self) {
        if self.idle.must_wake() {
            self.wakep_slow();
        }
    }

    /// Without work in the global queue.
    fn yield_to_queue(&self, p: usize, gp: G) {
        let next = self.runqs[p].get_next();
        if let Some(next) = next {
            self.runq_put(p, next);
        }
        self.runq_put(p, gp);
        if next.is_some() {
            fence(SeqCst);
            self.wakep();
        }
    }

    fn wakep_slow(&self) {
        let mut shared = self.lock();
        let Some(p) = self.pidle_get(&mut shared) else {
            self.idle.nobody_to_wake();
            return;
        };
        drop(shared);
        self.woken.lock().unwrap().push(p);
    }

    fn become_spinning(&self, m: &mut M) {
        m.spinning = true;
        self.idle.start_spinning();
    }

    // find.rs, steal.rs, run.rs

    /// `find_runnable`, and the end of spinning in `schedule`.
    fn find(&self, mut m: M) -> Then {
        let m = &mut m;
        loop {
            let p = m.p.unwrap();
            let found = self
                .local(p)
                .or_else(|| self.global_share(p))
                .or_else(|| self.spin(m));
            if let Some(gp) = found {
                return self.run(m, gp);
            }
            if let Some(then) = self.give_up_p(m) {
                return then;
            }
        }
    }

    fn run(&self, m: &mut M, gp: G) -> Then {
        if m.spinning {
            m.spinning = false;
            self.idle.stop_spinning();
            self.wakep();
        }
        self.ran.lock().unwrap().push(gp);
        Then::Run
    }

    fn local(&self, p: usize) -> Option<G> {
        self.runqs[p].get_next().or_else(|| self.runqs[p].get())
    }

    /// `local` when enough new goroutines have run from `runnext` (`behind_queue`).
    fn local_enough_new(&self, p: usize) -> Option<G> {
        let gp = self.runqs[p].get_next()?;
        self.runq_put(p, gp);
        self.runqs[p].get()
    }

    /// `local` when the pair in `runnext` has used up its time slice (`behind_everybody`).
    fn local_slice_used_up(&self, p: usize) -> Option<G> {
        let gp = self.runqs[p].get_next()?;
        if self.runqs[p].is_empty() && !self.global_has_work() {
            return Some(gp);
        }
        let other = {
            let mut shared = self.lock();
            let other = shared.runq.pop_front();
            shared.runq.push_back(gp);
            self.publish_runqsize(&shared);
            other
        };
        fence(SeqCst);
        self.wakep();
        other.or_else(|| self.runqs[p].get())
    }

    fn global_share(&self, p: usize) -> Option<G> {
        if !self.global_has_work() {
            return None;
        }
        let mut shared = self.lock();
        let n = shared.runq.len() / PS + 1;
        let first = shared.runq.pop_front()?;
        for _ in 1..n {
            let Some(gp) = shared.runq.pop_front() else {
                break;
            };
            self.runqs[p].put(gp, |_| panic!("the ring was empty"));
        }
        self.publish_runqsize(&shared);
        Some(first)
    }

    fn spin(&self, m: &mut M) -> Option<G> {
        let busy = PS as u32 - self.idle.npidle();
        if !m.spinning && 2 * self.idle.nmspinning() >= busy {
            return None;
        }
        if !m.spinning {
            self.become_spinning(m);
        }
        self.steal_work(m.p.unwrap())
    }

    /// One round, in order; a `runnext` is always stolen.
    fn steal_work(&self, p: usize) -> Option<G> {
        let others = || (0..PS).filter(|&other| other != p).map(|i| &self.runqs[i]);
        others()
            .find_map(|victim| victim.steal_into(&self.runqs[p]))
            .or_else(|| {
                others().find_map(|victim| {
                    let seen = NonNull::new(victim.peek_next())?;
                    victim.steal_next(seen.as_ptr())
                })
            })
    }

    /// `None`: look again.
    fn give_up_p(&self, m: &mut M) -> Option<Then> {
        let was_spinning = m.spinning;
        {
            let mut shared = self.lock();
            if let Some(gp) = self.get_global(&mut shared) {
                drop(shared);
                return Some(self.run(m, gp));
            }
            let must_spin = self.pidle_put(&mut shared, m.p.take().unwrap());
            if must_spin && !was_spinning {
                m.p = self.pidle_get(&mut shared);
                self.become_spinning(m);
                return None;
            }
        }
        if was_spinning {
            m.spinning = false;
            self.idle.stop_spinning();
            if self.global_has_work() || self.runqs.iter().any(|runq| !runq.is_empty()) {
                let mut shared = self.lock();
                if let Some(p) = self.pidle_get(&mut shared) {
                    drop(shared);
                    m.p = Some(p);
                    self.become_spinning(m);
                    return None;
                }
                self.idle.nobody_to_look();
            }
        }
        Some(Then::Sleep)
    }

    // Timers: time/heap.rs, sched.rs, wake.rs

    /// A goroutine on P 0 goes to sleep until `when`, which is its P's earliest timer.
    fn add_timer(&self, when: u64) {
        self.timer.store(when, Release);
        self.wake_for_timer(when);
    }

    fn wake_for_timer(&self, when: u64) {
        fence(SeqCst);
        let until = self.poll_until.load(Relaxed);
        if until == 0 || until > when {
            self.wakep();
        }
    }

    fn earliest_timer(&self) -> u64 {
        self.timer.load(Acquire)
    }

    /// `stopm`, as far as the sleep.
    fn stopm(&self, watch: bool) {
        let mut until = if watch { self.earliest_timer() } else { 0 };
        let (keep_time, polls) = {
            let mut shared = self.lock();
            let present = self.poll_until.load(Relaxed);
            let keeps_time = until != 0 && (present == 0 || until < present);
            if keeps_time {
                self.poll_until.store(until, Relaxed);
            }
            let polls = watch && !shared.poller && self.waiters.load(Relaxed) != 0;
            if polls {
                shared.poller = true;
                self.last.store(BLOCKED, Relaxed);
            }
            (keeps_time, polls)
        };
        if keep_time {
            fence(SeqCst);
            match self.earliest_timer() {
                0 => {}
                earliest => until = until.min(earliest),
            }
        } else {
            until = u64::MAX;
        }
        self.asleep.lock().unwrap().push(Sleep { until, polls });
    }

    /// `stopm`, when the timekeeper's time has come: it takes a P and looks, or sleeps.
    fn timekeeper_wakes(&self) {
        let mut shared = self.lock();
        self.poll_until.store(0, Relaxed);
        let p = self.pidle_get(&mut shared);
        drop(shared);
        match p {
            Some(p) => self.idles(running(p)),
            None => self.stopm(false),
        }
    }

    // The network: netpoll/poll.rs, iowait.rs, wake.rs

    /// A plain thread, or a goroutine on an M without a P, waits for a descriptor.
    fn wait_for_network(&self) {
        self.waiters.fetch_add(1, Relaxed);
        self.wake_for_poll();
    }

    fn wake_for_poll(&self) {
        fence(SeqCst);
        if self.last.load(Relaxed) != BLOCKED {
            self.wakep();
        }
    }

    /// `stopm`, when the poller comes back, for another reason than that it was woken: with
    /// nobody in its hands it takes a P and looks, or sleeps.
    fn poller_wakes(&self) {
        let mut shared = self.lock();
        shared.poller = false;
        self.last.store(0, Relaxed);
        let p = self.pidle_get(&mut shared);
        drop(shared);
        match p {
            Some(p) => self.idles(running(p)),
            None => self.stopm(false),
        }
    }

    /// An M finds no work and does not spin, as others do; then sleeps.
    fn idles(&self, mut m: M) {
        let then = self.give_up_p(&mut m).unwrap_or_else(|| self.find(m));
        if then == Then::Sleep {
            self.stopm(true);
        }
    }

    // The model.

    /// At the start: `p` is idle.
    fn idle_p(&self, p: usize) {
        self.pidle_put(&mut self.lock(), p);
    }

    /// An M looks for work; then runs it, or sleeps.
    fn look(&self, m: M) {
        self.find(m);
    }

    /// An M that has decided not to spin, as others did, idles.
    fn idle_without_spinning(&self, p: usize) {
        let mut m = running(p);
        if self.give_up_p(&mut m).is_none() {
            self.find(m);
        }
    }

    /// Runs the Ms that were woken until they sleep or keep their P busy.
    fn run_woken(&self) {
        while let Some(p) = { self.woken.lock().unwrap().pop() } {
            self.find(spinning(p));
        }
    }

    /// At the end: if a goroutine waits, then no P is idle, and the next M to idle will look.
    fn check(&self, submitted: usize) {
        self.run_woken();
        let ran = self.ran.lock().unwrap();
        let idle = self.lock().pidle.len();
        assert!(
            ran.len() == submitted || (idle == 0 && self.idle.p_idled(1)),
            "lost wake-up: ran {ran:?} of {submitted}, {idle} idle Ps"
        );
        assert_eq!(self.idle.nmspinning(), 0, "spinning Ms are miscounted");
    }

    /// The Ms that were woken find nothing, and fall asleep.
    fn idle_woken(&self) {
        while let Some(p) = { self.woken.lock().unwrap().pop() } {
            self.idles(spinning(p));
        }
    }

    /// At the end: if a P is idle, somebody sleeps in the poll.
    fn check_network(&self) {
        self.idle_woken();
        let asleep = self.asleep.lock().unwrap();
        assert!(
            self.lock().pidle.is_empty() || asleep.iter().any(|sleep| sleep.polls),
            "the network is forgotten: {asleep:?}"
        );
        let pollers = asleep.iter().filter(|sleep| sleep.polls).count();
        assert!(pollers <= 1, "two Ms in the poll");
    }

    /// At the end: if a P is idle, somebody wakes in time for the timer.
    fn check_timer(&self, when: u64) {
        self.idle_woken();
        let asleep = self.asleep.lock().unwrap();
        assert!(
            self.lock().pidle.is_empty() || asleep.iter().any(|sleep| sleep.until <= when),
            "timer {when} forgotten: Ms sleep until {asleep:?}"
        );
    }
}

/// Explores `threads` over a scheduler that `init` has set up; then checks that
/// `submitted` goroutines ran or all Ps are busy.
fn explore_ms<const PS: usize>(
    submitted: usize,
    init: fn(&Sched<PS>),
    threads: &'static [fn(&Sched<PS>)],
) {
    explore_threads(init, threads, move |sched| sched.check(submitted));
}

/// Explores `threads` and asks at the end whether somebody wakes for the timer of `when`.
fn explore_timer<const PS: usize>(
    when: u64,
    init: fn(&Sched<PS>),
    threads: &'static [fn(&Sched<PS>)],
) {
    explore_threads(init, threads, move |sched| sched.check_timer(when));
}

/// Explores `threads`, one of which waits for the network, and asks at the end whether
/// somebody polls.
fn explore_network<const PS: usize>(init: fn(&Sched<PS>), threads: &'static [fn(&Sched<PS>)]) {
    explore_threads(init, threads, Sched::check_network);
}

fn explore_threads<const PS: usize>(
    init: fn(&Sched<PS>),
    threads: &'static [fn(&Sched<PS>)],
    check: impl Fn(&Sched<PS>) + Send + Sync + 'static,
) {
    explore(move || {
        let sched = Arc::new(Sched::<PS>::new());
        init(&sched);
        let (first, others) = threads.split_first().unwrap();
        let others: Vec<_> = others
            .iter()
            .map(|f| {
                let sched = Arc::clone(&sched);
                thread::spawn(move || f(&sched))
            })
            .collect();
        first(&sched);
        for other in others {
            other.join().unwrap();
        }
        check(&sched);
    });
}

/// An M whose goroutine has just parked.
fn running(p: usize) -> M {
    M {
        p: Some(p),
        spinning: false,
    }
}

/// An M that spins, and has been counted.
fn spinning(p: usize) -> M {
    M {
        p: Some(p),
        spinning: true,
    }
}

#[test]
fn submitter_relies_on_a_spinner_that_has_looked() {
    explore_ms::<2>(
        1,
        |s| s.idle.start_spinning(),
        &[|s| s.ready(0, g(1)), |s| s.look(spinning(1))],
    );
}

#[test]
fn outside_submitter_relies_on_a_spinner_that_has_looked() {
    explore_ms::<1>(
        1,
        |s| s.idle.start_spinning(),
        &[|s| s.submit_global(&[g(1)]), |s| s.look(spinning(0))],
    );
}

#[test]
fn submitter_relies_on_the_last_but_one_spinner() {
    explore_ms::<3>(
        1,
        |s| {
            s.idle.start_spinning();
            s.idle.start_spinning();
        },
        &[
            |s| s.ready(0, g(1)),
            |s| s.look(spinning(1)),
            |s| s.look(spinning(2)),
        ],
    );
}

/// No P is idle and nobody spins; an M that has decided not to spin idles.
#[test]
fn submitter_sees_no_idle_p_while_one_idles() {
    explore_ms::<2>(
        1,
        |_| {},
        &[|s| s.ready(0, g(1)), |s| s.idle_without_spinning(1)],
    );
}

/// Two submitters, of which the second skips the lock because the first has set
/// `needspinning`.
#[test]
fn second_submitter_relies_on_needspinning() {
    explore_ms::<3>(
        2,
        |_| {},
        &[
            |s| s.ready(0, g(1)),
            |s| s.ready(1, g(2)),
            |s| s.idle_without_spinning(2),
        ],
    );
}

/// Both submitters see an idle P and nobody who spins; one wakes an M.
#[test]
fn second_submitter_relies_on_the_first() {
    explore_ms::<3>(
        2,
        |s| s.idle_p(2),
        &[
            |s| {
                s.ready(0, g(1));
                s.run_woken();
            },
            |s| s.ready(1, g(2)),
        ],
    );
}

/// A submitter relies on a `needspinning` that a spinning M clears.
#[test]
fn needspinning_cleared_without_looking() {
    explore_ms::<3>(
        2,
        |s| {
            s.ready(0, g(1));
        },
        &[|s| s.ready(1, g(2)), |s| s.look(running(2))],
    );
}

/// A spinning M finds work and stops, while more comes.
#[test]
fn spinner_that_found_work_wakes_nobody() {
    explore_ms::<3>(
        2,
        |s| {
            s.idle_p(2);
            s.idle.start_spinning();
            s.ready(0, g(1));
        },
        &[|s| s.ready(0, g(2)), |s| s.look(spinning(1))],
    );
}

/// A thief has taken entries out of the victim's ring and not yet published them.
#[test]
fn goroutines_in_a_thiefs_hands_are_overlooked() {
    explore_ms::<3>(
        3,
        |s| {
            s.idle.start_spinning();
            s.idle.start_spinning();
            for id in 1..=3 {
                s.runq_put(0, g(id));
            }
        },
        &[|s| s.look(spinning(1)), |s| s.look(spinning(2))],
    );
}

/// A spinning M finds work that it cannot take, as the timekeeper has just taken
/// the only idle P; and the timekeeper idles without having spun.
#[test]
fn found_work_without_a_p_is_forgotten() {
    explore_ms::<2>(
        1,
        |s| s.idle.start_spinning(),
        &[
            |s| s.ready(0, g(1)),
            |s| s.look(spinning(1)),
            |s| {
                let p = s.pidle_get(&mut s.lock());
                if let Some(p) = p {
                    s.look(running(p));
                }
            },
        ],
    );
}

/// A submitter that must wake an M finds no P, as the timekeeper has taken it: it has
/// counted itself as spinning for a moment, and others relied on it.
#[test]
fn count_of_a_waker_without_a_p_is_relied_on() {
    explore_ms::<3>(
        2,
        |s| {
            s.idle_p(2);
            assert!(s.idle.must_wake());
            let p = s.pidle_get(&mut s.lock());
            assert_eq!(p, Some(2));
            s.ready(0, g(1));
        },
        &[
            Sched::wakep_slow,
            |s| {
                s.look(running(1));
                s.ready(1, g(2));
            },
            |s| s.idle_without_spinning(2),
        ],
    );
}

/// An M that does not spin moves goroutines from the global queue to its own, while
/// the last spinning M looks at both.
#[test]
fn goroutines_between_global_and_local_queue_are_overlooked() {
    explore_ms::<2>(
        2,
        |s| s.idle.start_spinning(),
        &[
            |s| s.submit_global(&[g(1), g(2)]),
            |s| {
                if let Some(gp) = s.global_share(0) {
                    s.run(&mut running(0), gp);
                }
            },
            |s| s.look(spinning(1)),
        ],
    );
}

/// Enough new goroutines have run from `runnext`: the next goes to the ring, while the last
/// spinning M looks at both.
#[test]
fn goroutine_between_runnext_and_ring_is_overlooked() {
    explore_ms::<2>(
        2,
        |s| {
            s.idle.start_spinning();
            s.ready(0, g(2));
            s.ready(0, g(1));
        },
        &[
            |s| {
                if let Some(gp) = s.local_enough_new(0) {
                    s.run(&mut running(0), gp);
                }
            },
            |s| s.look(spinning(1)),
        ],
    );
}

/// `runnext` has used up its time slice and goes to the global queue, while the last spinning M
/// looks at both.
#[test]
fn goroutine_between_runnext_and_global_queue_is_overlooked() {
    explore_ms::<2>(
        2,
        |s| s.idle.start_spinning(),
        &[
            |s| {
                s.ready(0, g(2));
                s.ready(0, g(1));
                if let Some(gp) = s.local_slice_used_up(0) {
                    s.run(&mut running(0), gp);
                }
            },
            |s| s.look(spinning(1)),
        ],
    );
}

/// `runnext` is displaced into the ring: whoever takes the one that displaced it, and
/// whom he wakes, look there.
#[test]
fn displaced_goroutine_is_overlooked() {
    explore_ms::<3>(
        2,
        |s| {
            s.idle_p(2);
            s.idle.start_spinning();
            s.ready(0, g(1));
        },
        &[
            |s| s.ready(0, g(2)),
            |s| {
                s.look(spinning(1));
                s.run_woken();
            },
        ],
    );
}

/// A goroutine yields; `runnext` goes to the ring, in front of it.
#[test]
fn goroutine_that_a_yield_moves_is_overlooked() {
    explore_ms::<2>(
        2,
        |s| {
            s.idle.start_spinning();
            s.ready(0, g(1));
        },
        &[
            |s| {
                s.yield_to_queue(0, g(2));
                s.look(running(0));
            },
            |s| s.look(spinning(1)),
        ],
    );
}

/// A goroutine yields with the ring full: half of it is in nobody's queue for a
/// moment, in which others run out of work.
#[test]
fn goroutines_between_ring_and_global_queue_are_overlooked() {
    explore_ms::<4>(
        5,
        |s| {
            s.idle_p(2);
            s.idle_p(3);
            s.idle.start_spinning();
            for id in 1..=4 {
                s.runq_put(0, g(id));
            }
        },
        &[
            |s| {
                s.yield_to_queue(0, g(5));
                s.look(running(0));
            },
            |s| {
                s.look(spinning(1));
                s.run_woken();
            },
        ],
    );
}

/// The first timer is added while the only other M falls asleep.
#[test]
fn first_timer_added_while_nobody_keeps_time() {
    explore_timer::<2>(50, |_| {}, &[|s| s.add_timer(50), |s| s.idles(running(1))]);
}

#[test]
fn first_timer_added_while_a_spinner_falls_asleep() {
    explore_timer::<2>(
        50,
        |s| s.idle.start_spinning(),
        &[|s| s.add_timer(50), |s| s.idles(spinning(1))],
    );
}

/// An M becomes timekeeper for a later timer.
#[test]
fn earlier_timer_added_while_an_m_becomes_timekeeper() {
    explore_timer::<2>(
        50,
        |s| s.timer.store(100, Relaxed),
        &[|s| s.add_timer(50), |s| s.idles(running(1))],
    );
}

/// There is a timekeeper, which sleeps too long.
#[test]
fn earlier_timer_added_while_the_timekeeper_sleeps() {
    explore_timer::<2>(
        50,
        |s| {
            s.timer.store(100, Relaxed);
            s.poll_until.store(100, Relaxed);
        },
        &[|s| s.add_timer(50), |s| s.idles(running(1))],
    );
}

/// Who adds a timer relies on a timekeeper that is up already.
#[test]
fn timer_added_while_the_timekeeper_looks() {
    explore_timer::<2>(
        150,
        |s| {
            s.idle_p(1);
            s.poll_until.store(100, Relaxed);
        },
        &[|s| s.add_timer(150), Sched::timekeeper_wakes],
    );
}

/// The timekeeper finds no P to look with and relies on who has it.
#[test]
fn timekeeper_relies_on_an_m_that_has_looked() {
    explore_timer::<2>(
        150,
        |s| s.poll_until.store(100, Relaxed),
        &[
            |s| s.add_timer(150),
            Sched::timekeeper_wakes,
            |s| s.idles(running(1)),
        ],
    );
}

/// The timekeeper is up, and an M that has lost its P falls asleep.
#[test]
fn timekeeper_relies_on_an_m_without_a_p() {
    explore_timer::<2>(
        150,
        |s| {
            s.idle_p(1);
            s.poll_until.store(100, Relaxed);
        },
        &[
            |s| s.add_timer(150),
            Sched::timekeeper_wakes,
            |s| s.stopm(true),
        ],
    );
}

/// A thread begins to wait while the only M falls asleep.
#[test]
fn thread_waits_while_an_m_falls_asleep() {
    explore_network::<1>(|_| {}, &[Sched::wait_for_network, |s| s.idles(running(0))]);
}

#[test]
fn thread_waits_while_a_spinner_falls_asleep() {
    explore_network::<2>(
        |s| s.idle.start_spinning(),
        &[Sched::wait_for_network, |s| s.idles(spinning(1))],
    );
}

/// A thread relies on a poller that is up already.
#[test]
fn thread_waits_while_the_poller_looks() {
    explore_network::<2>(
        |s| {
            s.idle_p(1);
            s.lock().poller = true;
            s.last.store(BLOCKED, Relaxed);
        },
        &[Sched::wait_for_network, Sched::poller_wakes],
    );
}

/// The poller finds no P to look with and relies on who has it.
#[test]
fn poller_relies_on_an_m_that_has_looked() {
    explore_network::<2>(
        |s| {
            s.lock().poller = true;
            s.last.store(BLOCKED, Relaxed);
        },
        &[Sched::wait_for_network, Sched::poller_wakes, |s| {
            s.idles(running(1))
        }],
    );
}

/// The poller is up, and an M that has lost its P, with the goroutine that waits, falls
/// asleep.
#[test]
fn poller_relies_on_an_m_without_a_p() {
    explore_network::<2>(
        |s| {
            s.idle_p(1);
            s.lock().poller = true;
            s.last.store(BLOCKED, Relaxed);
        },
        &[Sched::poller_wakes, |s| {
            s.wait_for_network();
            s.stopm(true);
        }],
    );
}
