//! Models of `word/once.rs` with the queue of `once/gate.rs`.

use super::{Data, Queue, Sleeper, explore};
use crate::word::once::{Begun, Word};
use gort_runtime::RawLock;
use loom::thread;
use std::sync::Arc;

struct Gate {
    word: Word,
    queue_lock: RawLock,
    queue: Queue,
    data: Data,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            queue_lock: RawLock::new(),
            queue: Queue::new(),
            data: Data::new(),
        })
    }

    /// `OnceLock::get_or_init` with a function that unwinds if `fails`; or what is there.
    fn get_or_init(&self, fails: bool) -> Option<u32> {
        if self.word.is_done() {
            return Some(self.data.get());
        }
        loop {
            match self.word.begin() {
                Begun::Ours => {
                    if !fails {
                        self.data.add_one();
                    }
                    if self.word.end(!fails) {
                        self.wake_all();
                    }
                    return (!fails).then(|| self.data.get());
                }
                Begun::Done => return Some(self.data.get()),
                Begun::Theirs => self.wait(),
            }
        }
    }

    fn wait(&self) {
        let sleeper = Sleeper::new(false);
        self.queue_lock.lock();
        if !self.word.announce() {
            return self.unlock_queue();
        }
        self.queue.push_back(&sleeper);
        self.unlock_queue();
        sleeper.park(false);
    }

    fn wake_all(&self) {
        self.queue_lock.lock();
        let woken = self.queue.take_all();
        self.unlock_queue();
        woken.iter().for_each(|sleeper| sleeper.wake());
    }

    fn unlock_queue(&self) {
        // SAFETY: the caller holds it.
        unsafe { self.queue_lock.unlock() };
    }
}

/// Three ask at once, of whom the first `failures` fail if it is their turn.
fn all_ask(failures: usize) {
    explore(move || {
        let gate = Gate::new();
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let gate = Arc::clone(&gate);
                thread::spawn(move || gate.get_or_init(i < failures))
            })
            .collect();
        assert_eq!(gate.get_or_init(false), Some(1));
        for thread in threads {
            assert!(matches!(thread.join().unwrap(), None | Some(1)));
        }
        assert!(gate.queue.is_empty());
    });
}

#[test]
fn it_is_done_twice_or_a_waiter_is_forgotten() {
    all_ask(0);
}

#[test]
fn a_failure_forgets_a_waiter() {
    all_ask(1);
}

#[test]
fn two_failures_forget_a_waiter() {
    all_ask(2);
}
