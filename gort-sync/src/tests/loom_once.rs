//! Models of `word/once.rs` with the queue of `once/gate.rs`.

use super::{Data, Queue, Sleeper, explore};
use crate::word::once::{Begun, Word};
use loom::sync::Mutex as QueueLock;
use loom::thread;
use std::sync::Arc;

struct Gate {
    word: Word,
    queue: QueueLock<Queue>,
    data: Data,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(),
            queue: QueueLock::new(Queue::new()),
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
        let mut queue = self.queue.lock().unwrap();
        if !self.word.announce() {
            return;
        }
        queue.push_back(&sleeper);
        drop(queue);
        sleeper.park(false);
    }

    fn wake_all(&self) {
        let mut queue = self.queue.lock().unwrap();
        let woken = queue.take_all();
        drop(queue);
        woken.iter().for_each(|sleeper| sleeper.wake());
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
        assert!(gate.queue.lock().unwrap().is_empty());
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
