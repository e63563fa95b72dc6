//! Kernels with locks alone: a lock that its holder takes again, and two locks in opposite orders.

use super::Kernel;
use super::Outcome::{Leaks, Stuck};
use crate::settle;
use gort::prelude::*;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

/// Data behind a lock, as in most of these programs.
#[derive(Debug, Default)]
struct Guarded(Mutex<BTreeMap<u32, u32>>);

impl Guarded {
    fn get(&self, key: u32) -> u32 {
        self.0.lock().get(&key).copied().unwrap_or_default()
    }

    /// Locks the map, and then calls `get`, which locks it again.
    fn add_twice_locking(&self, key: u32) {
        let mut map = self.0.lock();
        let before = self.get(key);
        map.insert(key, before + 1);
    }

    fn add(&self, key: u32) {
        *self.0.lock().entry(key).or_default() += 1;
    }

    /// Adds one, but leaves the map locked if it returns early.
    fn add_unless_forgetting(&self, key: u32) -> Result<(), ()> {
        let mut map = self.0.lock();
        if map.contains_key(&key) {
            mem::forget(map);
            return Err(());
        }
        map.insert(key, 1);
        Ok(())
    }

    fn add_unless(&self, key: u32) -> Result<(), ()> {
        let mut map = self.0.lock();
        if map.contains_key(&key) {
            return Err(());
        }
        map.insert(key, 1);
        Ok(())
    }
}

pub(super) const TWICE: &[Kernel] = &[
    Kernel {
        name: "etcd#6708 a method that locks is called under the lock",
        outcome: Stuck(&["sync.Mutex.Lock"]),
        broken: || Guarded::default().add_twice_locking(1),
        fixed: || {
            let guarded = Guarded::default();
            guarded.add(1);
            assert_eq!(guarded.get(1), 1);
        },
    },
    Kernel {
        name: "grpc#3017 a return without unlocking",
        outcome: Stuck(&["sync.Mutex.Lock"]),
        broken: || {
            let guarded = Guarded::default();
            guarded.add_unless_forgetting(1).unwrap();
            guarded.add_unless_forgetting(1).unwrap_err();
            guarded.add(2);
        },
        fixed: || {
            let guarded = Guarded::default();
            guarded.add_unless(1).unwrap();
            guarded.add_unless(1).unwrap_err();
            guarded.add(2);
        },
    },
    Kernel {
        name: "cockroach#584 a break out of a loop with the lock held",
        outcome: Leaks(&["sync.Mutex.Lock"]),
        broken: || {
            let bootstrap = Arc::new(Mutex::new(0));
            let gossip = go!(clone [bootstrap]; {
                loop {
                    let mut rounds = bootstrap.lock();
                    *rounds += 1;
                    if *rounds == 3 {
                        mem::forget(rounds);
                        break;
                    }
                }
            });
            gossip.join().unwrap();
            go!(move || drop(bootstrap.lock()));
        },
        fixed: || {
            let bootstrap = Arc::new(Mutex::new(0));
            let gossip = go!(clone [bootstrap]; {
                loop {
                    let mut rounds = bootstrap.lock();
                    *rounds += 1;
                    if *rounds == 3 {
                        break;
                    }
                }
            });
            gossip.join().unwrap();
            go!(move || drop(bootstrap.lock()));
        },
    },
    Kernel {
        name: "moby#7559 a continue with the lock held",
        outcome: Stuck(&["sync.Mutex.Lock"]),
        broken: || {
            let proxy = Mutex::new(0);
            for failed in [true, false] {
                let mut connections = proxy.lock();
                *connections += 1;
                if failed {
                    mem::forget(connections);
                    continue;
                }
            }
        },
        fixed: || {
            let proxy = Mutex::new(0);
            for failed in [true, false] {
                let mut connections = proxy.lock();
                if failed {
                    continue;
                }
                *connections += 1;
            }
            assert_eq!(*proxy.lock(), 1);
        },
    },
    Kernel {
        name: "hugo#5379 a callback locks what its caller has locked",
        outcome: Stuck(&["join", "sync.Mutex.Lock"]),
        broken: || {
            let page = Arc::new(Guarded::default());
            let render = go!(clone [page]; {
                let shortcodes = page.0.lock();
                let content = |key| page.get(key);
                content(shortcodes.len() as u32)
            });
            drop(render.join());
        },
        fixed: || {
            let page = Arc::new(Guarded::default());
            let render = go!(clone [page]; {
                let shortcodes = page.0.lock().len();
                let content = |key| page.get(key);
                content(shortcodes as u32)
            });
            assert_eq!(render.join().unwrap(), 0);
        },
    },
];

/// Runs two goroutines that take the same two locks, the second one in the opposite order if
/// `opposite` is set.
fn two_locks(opposite: bool, wait: fn(JoinHandle<()>, JoinHandle<()>)) {
    let (a, b) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let met = WaitGroup::new();
    met.add(2);
    let take = |first: &Arc<Mutex<u32>>, second: &Arc<Mutex<u32>>| {
        let (first, second, met) = (first.clone(), second.clone(), met.clone());
        spawn(move || {
            let first = first.lock();
            if opposite {
                // Both have their first lock now, which forces the deadlock.
                met.done();
                met.wait();
            }
            assert_eq!(*first + *second.lock(), 3);
        })
    };
    let one = take(&a, &b);
    let other = if opposite { take(&b, &a) } else { take(&a, &b) };
    wait(one, other);
}

fn join_both(one: JoinHandle<()>, other: JoinHandle<()>) {
    one.join().unwrap();
    other.join().unwrap();
}

pub(super) const OPPOSITE_ORDER: &[Kernel] = &[
    Kernel {
        name: "cockroach#10214 two locks in opposite orders, and main continues",
        outcome: Leaks(&["sync.Mutex.Lock", "sync.Mutex.Lock"]),
        broken: || two_locks(true, |_, _| settle()),
        fixed: || two_locks(false, join_both),
    },
    Kernel {
        name: "kubernetes#13135 two locks in opposite orders, and main waits for both",
        outcome: Stuck(&["join", "sync.Mutex.Lock", "sync.Mutex.Lock"]),
        broken: || two_locks(true, join_both),
        fixed: || two_locks(false, join_both),
    },
    Kernel {
        name: "hugo#3251 three locks in a ring",
        outcome: Stuck(&[
            "sync.Mutex.Lock",
            "sync.Mutex.Lock",
            "sync.Mutex.Lock",
            "sync.WaitGroup.Wait",
        ]),
        broken: || {
            let locks: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(()))).collect();
            let (met, ended) = (WaitGroup::new(), WaitGroup::new());
            met.add(3);
            for i in 0..3 {
                let (mine, next) = (locks[i].clone(), locks[(i + 1) % 3].clone());
                ended.go(clone_into(&met, move |met: &WaitGroup| {
                    let _mine = mine.lock();
                    met.done();
                    met.wait();
                    drop(next.lock());
                }));
            }
            ended.wait();
        },
        fixed: || {
            let locks: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(()))).collect();
            let ended = WaitGroup::new();
            for i in 0..3 {
                // Takes the lock with the lower number first.
                let (i, j) = (i.min((i + 1) % 3), i.max((i + 1) % 3));
                let (low, high) = (locks[i].clone(), locks[j].clone());
                ended.go(move || {
                    let _low = low.lock();
                    yield_now();
                    drop(high.lock());
                });
            }
            ended.wait();
        },
    },
];

fn clone_into<C: Clone + Send + 'static>(
    what: &C,
    f: impl FnOnce(&C) + Send + 'static,
) -> impl FnOnce() + Send + 'static {
    let what = what.clone();
    move || f(&what)
}
