//! Kernels with channels and locks: a goroutine that waits for a channel holds the lock that its
//! partner needs first.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use gort::prelude::*;
use std::sync::Arc;

pub(super) const WITH_LOCKS: &[Kernel] = &[
    Kernel {
        name: "grpc#1460 the keeper is woken under the lock that it takes before it receives",
        outcome: Stuck(&["chan send", "sync.Mutex.Lock"]),
        broken: || {
            let (state, awaken) = (Arc::new(Mutex::new(true)), Chan::new(0));
            let dormant = state.lock();
            go!(clone [state, awaken]; {
                let _dormant = state.lock();
                awaken.recv();
            });
            if *dormant {
                awaken.send(());
            }
        },
        fixed: || {
            let (state, awaken) = (Arc::new(Mutex::new(true)), Chan::new(0));
            go!(clone [state, awaken]; {
                let dormant = *state.lock();
                assert!(dormant);
                awaken.recv();
            });
            let dormant = *state.lock();
            if dormant {
                awaken.send(());
            }
        },
    },
    Kernel {
        name: "etcd#7492 the keeper of tokens needs the lock whose holder sends it a token",
        outcome: Stuck(&["chan send", "sync.Mutex.Lock"]),
        broken: || {
            let (tokens, add) = (Arc::new(Mutex::new(Vec::new())), Chan::new(0));
            let locked = Chan::<()>::new(0);
            go!(clone [tokens, add, locked]; {
                // The keeper's timer fires before the keeper receives what it has to add.
                locked.recv();
                tokens.lock().clear();
                add.recv();
            });
            let mut all = tokens.lock();
            all.push(1);
            locked.send(());
            add.send(1);
        },
        fixed: || {
            let (tokens, add) = (Arc::new(Mutex::new(Vec::new())), Chan::new(0));
            go!(clone [tokens, add]; {
                tokens.lock().clear();
                add.recv();
            });
            tokens.lock().push(1);
            add.send(1);
        },
    },
    Kernel {
        name: "istio#16224 a handler needs the lock that its waiter holds",
        outcome: Stuck(&["chan receive", "sync.Mutex.Lock"]),
        broken: || {
            let (events, handled) = (Arc::new(Mutex::new(0)), Chan::new(0));
            let mut count = events.lock();
            go!(clone [events, handled]; {
                *events.lock() += 1;
                handled.send(());
            });
            *count += 1;
            handled.recv();
        },
        fixed: || {
            let (events, handled) = (Arc::new(Mutex::new(0)), Chan::new(0));
            go!(clone [events, handled]; {
                *events.lock() += 1;
                handled.send(());
            });
            *events.lock() += 1;
            handled.recv();
            assert_eq!(*events.lock(), 2);
        },
    },
    Kernel {
        name: "serving#2137 a goroutine waits for requests, and holds the locks that they need",
        outcome: Stuck(&["chan receive", "sync.Mutex.Lock", "sync.Mutex.Lock"]),
        broken: || {
            let breaker = Chan::new(1);
            let (first, second) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
            let (held, also_held) = (first.lock(), second.lock());
            let ended = Chan::new(0);
            for request in [first.clone(), second.clone()] {
                go!(clone [breaker, ended]; {
                    drop(request.lock());
                    breaker.send(());
                    breaker.recv();
                    ended.send(());
                });
            }
            // This waits for the end of a request, and still holds the lock that the request needs.
            ended.recv();
            drop((held, also_held));
        },
        fixed: || {
            let breaker = Chan::new(1);
            let (first, second) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
            let (held, also_held) = (first.lock(), second.lock());
            let ended = Chan::new(0);
            for request in [first.clone(), second.clone()] {
                go!(clone [breaker, ended]; {
                    drop(request.lock());
                    breaker.send(());
                    breaker.recv();
                    ended.send(());
                });
            }
            drop(held);
            ended.recv();
            drop(also_held);
            ended.recv();
        },
    },
    Kernel {
        name: "kubernetes#6632 a frame is written under the lock that the reset needs",
        outcome: Leaks(&["chan send", "sync.Mutex.Lock"]),
        broken: || {
            let (writes, reset) = (Arc::new(Mutex::new(())), Chan::new(0));
            let locked = Chan::<()>::new(0);
            go!(clone [writes, reset, locked]; {
                let _write = writes.lock();
                locked.send(());
                // The write fails, and the writer tells the watcher.
                reset.send(());
            });
            locked.recv();
            go!(clone [writes, reset]; {
                drop(writes.lock());
                reset.recv();
            });
        },
        fixed: || {
            let (writes, reset) = (Arc::new(Mutex::new(())), Chan::new(1));
            let locked = Chan::<()>::new(0);
            go!(clone [writes, reset, locked]; {
                let _write = writes.lock();
                locked.send(());
                reset.send(());
            });
            locked.recv();
            go!(clone [writes, reset]; {
                drop(writes.lock());
                reset.recv();
            });
        },
    },
    Kernel {
        name: "moby#28462 a monitor is stopped under the lock that it waits for",
        outcome: Stuck(&["chan send", "sync.Mutex.Lock"]),
        broken: || {
            let (container, stop) = (Arc::new(Mutex::new(())), Chan::new(0));
            let running = container.lock();
            go!(clone [container, stop]; {
                loop {
                    select! {
                        _ = <-stop.rx() => return,
                        default => drop(container.lock()),
                    }
                }
            });
            // By now the monitor has looked for its stop signal, and waits for the lock.
            crate::settle();
            stop.send(());
            drop(running);
        },
        fixed: || {
            let (container, stop) = (Arc::new(Mutex::new(())), Chan::new(0));
            let running = container.lock();
            go!(clone [container, stop]; {
                loop {
                    select! {
                        _ = <-stop.rx() => return,
                        default => {
                            drop(container.lock());
                            yield_now();
                        }
                    }
                }
            });
            drop(running);
            stop.send(());
        },
    },
];
