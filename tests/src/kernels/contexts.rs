//! Cancellation: somebody is told to stop and leaves, and the one that he worked with waits for him.
//! Here a context is the channel that is closed when it is done.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use gort::prelude::*;

pub(super) const CANCELLED: &[Kernel] = &[
    Kernel {
        name: "cockroach#10790 cancelled between two sends, who receives leaves",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (done, results) = (Chan::<()>::new(0), Chan::new(0));
            go!(clone [results]; {
                results.send(1);
                results.send(2);
            });
            results.recv();
            done.close();
            // The sender is late.
            assert_eq!(done.recv(), None);
        },
        mended: || {
            let (done, results) = (Chan::<()>::new(0), Chan::new(0));
            go!(clone [done, results]; {
                for i in 1..=2 {
                    select! {
                        results.tx() <- i => {}
                        _ = <-done.rx() => return,
                    }
                }
            });
            results.recv();
            done.close();
        },
    },
    Kernel {
        name: "cockroach#13197 nobody cancels what a goroutine watches",
        outcome: Leaks(&["chan receive"]),
        broken: || {
            // The transaction ends, but its context does not.
            let done = Chan::<()>::new(0);
            go!(clone [done]; { done.recv(); });
        },
        mended: || {
            let (cancel, done) = bounded::<()>(0);
            go!({ assert!(done.recv().is_err()) });
            drop(cancel);
        },
    },
    Kernel {
        name: "grpc#862 the connection is closed, and its context is another one",
        outcome: Leaks(&["select"]),
        broken: || {
            let (parent, own) = (Chan::<()>::new(0), Chan::<()>::new(0));
            let retry = Chan::<()>::new(0);
            go!(clone [own, retry]; {
                select! {
                    _ = <-own.rx() => {}
                    _ = <-retry.rx() => {}
                }
            });
            parent.close();
        },
        mended: || {
            let (parent, own) = (Chan::<()>::new(0), Chan::<()>::new(0));
            let retry = Chan::<()>::new(0);
            go!(clone [parent, own, retry]; {
                select! {
                    _ = <-parent.rx() => {}
                    _ = <-own.rx() => {}
                    _ = <-retry.rx() => {}
                }
            });
            parent.close();
        },
    },
    Kernel {
        name: "kubernetes#25331 the error of a watch comes when nobody looks any more",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (done, errors, late) = (Chan::<()>::new(0), Chan::new(0), Chan::<()>::new(0));
            go!(clone [done, errors, late]; {
                done.recv();
                late.recv();
                errors.send("cancelled");
            });
            done.close();
            select! {
                _ = <-errors.rx() => {}
                _ = <-done.rx() => late.close(),
            }
        },
        mended: || {
            let (done, errors) = (Chan::<()>::new(0), Chan::new(1));
            go!(clone [done, errors]; {
                done.recv();
                errors.send("cancelled");
            });
            done.close();
            select! {
                _ = <-errors.rx() => {}
                _ = <-done.rx() => {}
            }
        },
    },
    Kernel {
        name: "moby#33781 a probe that has timed out tells its result",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (stop, results, late) = (Chan::<()>::new(0), Chan::new(0), Chan::<()>::new(0));
            go!(clone [results, late]; {
                late.recv();
                results.send(0);
            });
            stop.close();
            select! {
                _ = <-stop.rx() => late.close(),
                _ = <-results.rx() => {}
            }
        },
        mended: || {
            let (stop, results, late) = (Chan::<()>::new(0), Chan::new(0), Chan::<()>::new(0));
            go!(clone [results, late]; {
                late.recv();
                results.send(0);
            });
            stop.close();
            select! {
                _ = <-stop.rx() => {
                    // To stop is to wait for the probe.
                    late.close();
                    assert_eq!(results.recv(), Some(0));
                }
                _ = <-results.rx() => {}
            }
        },
    },
    Kernel {
        name: "the one who cancels waits for the other, who waits for his answer",
        outcome: Stuck(&["chan send", "join"]),
        broken: || {
            let (done, questions) = (Chan::<()>::new(0), Chan::new(0));
            let asks = go!(clone [questions]; { questions.send(1); });
            done.close();
            select! {
                _ = <-done.rx() => {}
            }
            asks.join().unwrap();
        },
        mended: || {
            let (done, questions) = (Chan::<()>::new(0), Chan::new(0));
            let asks = go!(clone [done, questions]; {
                select! {
                    questions.tx() <- 1 => {}
                    _ = <-done.rx() => {}
                }
            });
            done.close();
            asks.join().unwrap();
        },
    },
];
