//! The operating system as the models see it: a clock that each reading advances, a futex, and
//! ways to end the process.

use crate::base::prim::{AtomicU32, Ordering::Relaxed, global, hint::AtomicU64};
use loom::sync::{Condvar, Mutex};
use std::ptr;
use std::time::Duration;

pub(crate) const NO_CLOCK: i32 = -1;

/// Nanoseconds by which each reading advances the clock. This is the time that a thief lets pass
/// before it steals a `runnext` (`sched/steal.rs`), so it waits for only one further reading.
const STEP_NS: u64 = 3_000;

global! {
    static NOW: AtomicU64 = AtomicU64::new(0);
}

pub(crate) fn now_ns() -> u64 {
    NOW.fetch_add(STEP_NS, Relaxed) + STEP_NS
}

/// The queue of the futex: the sleepers of all words.
#[derive(Default)]
struct Queue {
    /// Number of threads that have fallen asleep so far.
    tickets: u32,
    /// The address of the word, and the thread's ticket, of each thread that sleeps.
    asleep: Vec<(usize, u32)>,
}

global! {
    static QUEUE: Mutex<Queue> = Mutex::new(Queue::default());
}

global! {
    static WOKEN: Condvar = Condvar::new();
}

/// Sleeps until it is woken, if `word` holds `expected`. Unlike the kernel's futex, it never
/// returns early, so that a model notices each wake-up that is missing.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    assert!(timeout.is_none(), "models have no time-outs");
    let mut queue = lock(&QUEUE);
    if word.load(Relaxed) != expected {
        return;
    }
    queue.tickets += 1;
    let mine = (ptr::from_ref(word).addr(), queue.tickets);
    queue.asleep.push(mine);
    while queue.asleep.contains(&mine) {
        queue = match WOKEN.wait(queue) {
            Ok(queue) => queue,
            Err(_) => panic!("a thread has panicked"),
        };
    }
}

/// Wakes the thread that has slept longest on the word at this address.
pub(crate) fn futex_wake_one(word: *const AtomicU32) {
    let mut queue = lock(&QUEUE);
    if let Some(first) = queue
        .asleep
        .iter()
        .position(|&(addr, _)| addr == word.addr())
    {
        queue.asleep.remove(first);
        WOKEN.notify_all();
    }
}

fn lock(queue: &Mutex<Queue>) -> loom::sync::MutexGuard<'_, Queue> {
    match queue.lock() {
        Ok(queue) => queue,
        Err(_) => panic!("a thread has panicked"),
    }
}

pub(crate) fn nap(_time: Duration) {
    loom::thread::yield_now();
}

pub(crate) fn cpu_time_ns(_clock: i32) -> u64 {
    0
}

pub(crate) fn write_stderr(bytes: &[u8]) {
    eprint!("{}", String::from_utf8_lossy(bytes));
}

pub(crate) fn abort() -> ! {
    panic!("the runtime has aborted")
}

pub(crate) fn exit_now(status: i32) -> ! {
    panic!("the runtime has exited with {status}")
}
