//! Kernels with wait groups: a member that is counted does not call `done`, or a member is counted
//! too late.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use gort::prelude::*;

pub(super) const WAITING: &[Kernel] = &[
    Kernel {
        name: "cockroach#1055 the stopper waits for tasks that wait for the stop",
        outcome: Stuck(&["chan receive", "chan receive", "sync.WaitGroup.Wait"]),
        broken: || {
            let (tasks, stop) = (WaitGroup::new(), Chan::<()>::new(0));
            for _ in 0..2 {
                tasks.go({
                    let stop = stop.clone();
                    move || stop.recv()
                });
            }
            // Waits for the tasks before it tells them to stop.
            tasks.wait();
            stop.close();
        },
        fixed: || {
            let (tasks, stop) = (WaitGroup::new(), Chan::<()>::new(0));
            for _ in 0..2 {
                tasks.go({
                    let stop = stop.clone();
                    move || stop.recv()
                });
            }
            stop.close();
            tasks.wait();
        },
    },
    Kernel {
        name: "cockroach#1462 the workers send to a goroutine that waits for their end",
        outcome: Stuck(&["chan send", "chan send", "chan send", "sync.WaitGroup.Wait"]),
        broken: || {
            let (workers, results) = (WaitGroup::new(), Chan::new(0));
            for i in 0..3 {
                workers.go({
                    let results = results.clone();
                    move || results.send(i)
                });
            }
            workers.wait();
            results.close();
            for _result in results.rx() {}
        },
        fixed: || {
            let (workers, results) = (WaitGroup::new(), Chan::new(0));
            for i in 0..3 {
                workers.go({
                    let results = results.clone();
                    move || results.send(i)
                });
            }
            go!(clone [results]; {
                workers.wait();
                results.close();
            });
            assert_eq!(results.rx().iter().sum::<i32>(), 3);
        },
    },
    Kernel {
        name: "moby#25384 the wait is inside the loop that starts the members",
        outcome: Stuck(&["sync.WaitGroup.Wait"]),
        broken: || {
            let plugins = WaitGroup::new();
            plugins.add(3);
            for _ in 0..3 {
                go!(clone [plugins]; { plugins.done(); });
                plugins.wait();
            }
        },
        fixed: || {
            let plugins = WaitGroup::new();
            plugins.add(3);
            for _ in 0..3 {
                go!(clone [plugins]; { plugins.done(); });
            }
            plugins.wait();
        },
    },
    Kernel {
        name: "a member returns without calling done",
        outcome: Stuck(&["sync.WaitGroup.Wait"]),
        broken: || {
            let all = WaitGroup::new();
            for i in 0..3 {
                all.add(1);
                go!(clone [all]; {
                    if i == 1 {
                        return;
                    }
                    all.done();
                });
            }
            all.wait();
        },
        fixed: || {
            let all = WaitGroup::new();
            for i in 0..3 {
                all.add(1);
                go!(clone [all]; {
                    defer!(all.done());
                    if i == 1 {
                        return;
                    }
                    yield_now();
                });
            }
            all.wait();
        },
    },
];

pub(super) const ORDER: &[Kernel] = &[
    Kernel {
        name: "kubernetes#13058 a member adds itself after the wait",
        outcome: Leaks(&["chan receive"]),
        broken: || {
            let (all, go_on) = (WaitGroup::new(), Chan::<()>::new(0));
            go!(clone [all, go_on]; {
                go_on.recv();
                all.add(1);
                all.done();
            });
            // The count is still 0, so this does not wait for the goroutine.
            all.wait();
        },
        fixed: || {
            let (all, go_on) = (WaitGroup::new(), Chan::<()>::new(0));
            all.go({
                let go_on = go_on.clone();
                move || go_on.recv()
            });
            go_on.close();
            all.wait();
        },
    },
    Kernel {
        name: "cockroach#4407 a member is added after the wait",
        outcome: Leaks(&["chan receive"]),
        broken: || {
            let (all, go_on) = (WaitGroup::new(), Chan::<()>::new(0));
            all.add(1);
            let drain = go!(clone [all]; { all.wait(); });
            all.done();
            drain.join().unwrap();
            // A task that starts after the drain.
            all.add(1);
            go!(clone [all, go_on]; {
                go_on.recv();
                all.done();
            });
        },
        fixed: || {
            let (all, draining) = (WaitGroup::new(), Mutex::new(false));
            all.add(1);
            let drain = go!(clone [all]; { all.wait(); });
            *draining.lock() = true;
            all.done();
            drain.join().unwrap();
            // No task starts after the drain.
            if !*draining.lock() {
                all.add(1);
            }
            all.wait();
        },
    },
];
