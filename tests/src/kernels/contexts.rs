//! Kernels with cancellation: a goroutine is told to stop and leaves, and its partner waits for it.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use gort::context::Context;
use gort::prelude::*;

pub(super) const CANCELLED: &[Kernel] = &[
    Kernel {
        name: "cockroach#10790 the receiver leaves between two sends",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let results = Chan::new(0);
            go!(clone [results]; {
                results.send(1);
                results.send(2);
            });
            results.recv();
            cancel.cancel();
            // The sender still has a value to send.
            assert!(ctx.err().is_some());
        },
        fixed: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let results = Chan::new(0);
            go!(clone [ctx, results]; {
                for i in 1..=2 {
                    select! {
                        results.tx() <- i => {}
                        _ = <-ctx.done() => return,
                    }
                }
            });
            results.recv();
            cancel.cancel();
        },
    },
    Kernel {
        name: "cockroach#13197 a context that a goroutine watches is never cancelled",
        outcome: Leaks(&["chan receive"]),
        broken: || {
            // The transaction ends, but its context does not.
            let (ctx, _cancel) = Context::background().with_cancel();
            go!(clone [ctx]; { ctx.done().recv() });
        },
        fixed: || {
            let (ctx, cancel) = Context::background().with_cancel();
            defer!(cancel.cancel());
            go!(clone [ctx]; { ctx.done().recv() });
        },
    },
    Kernel {
        name: "grpc#862 closing the connection cancels another context than its loop watches",
        outcome: Leaks(&["select"]),
        broken: || {
            let (_dialed, cancel) = Context::background().with_cancel();
            // The loop watches this context, which is not derived from the other one.
            let (own, _cancel) = Context::background().with_cancel();
            let retry = Chan::<()>::new(0);
            go!(clone [own, retry]; {
                select! {
                    _ = <-own.done() => {}
                    _ = <-retry.rx() => {}
                }
            });
            cancel.cancel();
        },
        fixed: || {
            let (dialed, cancel) = Context::background().with_cancel();
            let (own, _cancel) = dialed.with_cancel();
            let retry = Chan::<()>::new(0);
            go!(clone [own, retry]; {
                select! {
                    _ = <-own.done() => {}
                    _ = <-retry.rx() => {}
                }
            });
            cancel.cancel();
        },
    },
    Kernel {
        name: "kubernetes#25331 the error of a watch comes after its reader has left",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let (errors, late) = (Chan::new(0), Chan::<()>::new(0));
            go!(clone [ctx, errors, late]; {
                let _ = ctx.done().recv();
                late.recv();
                errors.send("cancelled");
            });
            cancel.cancel();
            select! {
                _ = <-errors.rx() => {}
                _ = <-ctx.done() => late.close(),
            }
        },
        fixed: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let errors = Chan::new(1);
            go!(clone [ctx, errors]; {
                let _ = ctx.done().recv();
                errors.send("cancelled");
            });
            cancel.cancel();
            select! {
                _ = <-errors.rx() => {}
                _ = <-ctx.done() => {}
            }
        },
    },
    Kernel {
        name: "moby#33781 a probe that has timed out sends its result",
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
        fixed: || {
            let (stop, results, late) = (Chan::<()>::new(0), Chan::new(0), Chan::<()>::new(0));
            go!(clone [results, late]; {
                late.recv();
                results.send(0);
            });
            stop.close();
            select! {
                _ = <-stop.rx() => {
                    // Stopping means waiting for the probe.
                    late.close();
                    assert_eq!(results.recv(), Some(0));
                }
                _ = <-results.rx() => {}
            }
        },
    },
    Kernel {
        name: "the canceller waits for a goroutine that waits for its answer",
        outcome: Stuck(&["chan send", "join"]),
        broken: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let questions = Chan::new(0);
            let asks = go!(clone [questions]; { questions.send(1); });
            cancel.cancel();
            select! {
                _ = <-ctx.done() => {}
            }
            asks.join().unwrap();
        },
        fixed: || {
            let (ctx, cancel) = Context::background().with_cancel();
            let questions = Chan::new(0);
            let asks = go!(clone [ctx, questions]; {
                select! {
                    questions.tx() <- 1 => {}
                    _ = <-ctx.done() => {}
                }
            });
            cancel.cancel();
            asks.join().unwrap();
        },
    },
];
