//! Kernels with channels alone: no goroutine receives, or sends, or closes.

use super::Outcome::{Leaks, Stuck};
use super::{Chan, Kernel};
use crate::settle;
use gort::prelude::*;
use gort::time::{Ticker, after};

pub(super) const ALONE: &[Kernel] = &[
    Kernel {
        name: "cockroach#24808 a second send into a full buffer by the only goroutine",
        outcome: Stuck(&["chan send"]),
        broken: || {
            let wake = Chan::new(1);
            wake.send(());
            // In the original this is in `start`, which starts the receiver only afterwards.
            wake.send(());
            go!(clone [wake]; { wake.recv(); });
        },
        fixed: || {
            let wake = Chan::new(1);
            for _ in 0..2 {
                select! {
                    wake.tx() <- () => {}
                    default => {}
                }
            }
            let worker = go!(clone [wake]; { wake.recv() });
            assert_eq!(worker.join().unwrap(), Some(()));
        },
    },
    Kernel {
        name: "grpc#660 the stopped worker sends a result that is not received",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (stop, done) = (Chan::<()>::new(0), Chan::new(0));
            go!(clone [stop, done]; {
                stop.recv();
                done.send(true);
            });
            stop.close();
        },
        fixed: || {
            let (stop, done) = (Chan::<()>::new(0), Chan::new(0));
            go!(clone [stop, done]; {
                stop.recv();
                done.send(true);
            });
            stop.close();
            assert_eq!(done.recv(), Some(true));
        },
    },
    Kernel {
        name: "etcd#6857 a status is asked for after the loop that answers has ended",
        outcome: Stuck(&["chan send"]),
        broken: || {
            let (status, stop) = (Chan::<()>::new(0), Chan::<()>::new(0));
            let node = go!(clone [status, stop]; {
                loop {
                    select! {
                        _ = <-status.rx() => {}
                        _ = <-stop.rx() => return,
                    }
                }
            });
            stop.close();
            node.join().unwrap();
            status.send(());
        },
        fixed: || {
            let (status, stop) = (Chan::<()>::new(0), Chan::<()>::new(0));
            let node = go!(clone [status, stop]; {
                loop {
                    select! {
                        _ = <-status.rx() => {}
                        _ = <-stop.rx() => return,
                    }
                }
            });
            stop.close();
            select! {
                status.tx() <- () => {}
                _ = <-stop.rx() => {}
            }
            node.join().unwrap();
        },
    },
    Kernel {
        name: "moby#21233 the watcher of the progress leaves before its end",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let progress = Chan::new(0);
            go!(clone [progress]; { (0..10).for_each(|percent| progress.send(percent)); });
            for percent in progress.rx() {
                if percent == 5 {
                    break;
                }
            }
        },
        fixed: || {
            let (progress, watched) = bounded(0);
            go!(move || {
                // This also ends when no watcher is left.
                (0..10).all(|percent| progress.send(percent).is_ok())
            });
            for percent in &watched {
                if percent == 5 {
                    break;
                }
            }
        },
    },
    Kernel {
        name: "kubernetes#5316 the result comes after the request has timed out",
        outcome: Leaks(&["chan send"]),
        broken: || {
            let (result, late) = (Chan::new(0), Chan::<()>::new(0));
            go!(clone [result, late]; {
                late.recv();
                result.send(1);
            });
            select! {
                _ = <-result.rx() => {}
                _ = <-after(Duration::from_micros(10)) => {}
            }
            late.close();
        },
        fixed: || {
            let (result, late) = (Chan::new(1), Chan::<()>::new(0));
            go!(clone [result, late]; {
                late.recv();
                result.send(1);
            });
            select! {
                _ = <-result.rx() => {}
                _ = <-after(Duration::from_micros(10)) => {}
            }
            late.close();
        },
    },
    Kernel {
        name: "kubernetes#38669 the only reader of a full result channel sends more input",
        outcome: Stuck(&["chan send", "chan send"]),
        broken: || {
            let (input, result) = (Chan::new(0), Chan::new(1));
            go!(clone [input, result]; {
                for event in input.rx() {
                    result.send(event);
                }
            });
            // The goroutine that would receive the results sends all of the input first.
            (0..10).for_each(|event| input.send(event));
            assert!(result.rx().iter().eq(0..10));
        },
        fixed: || {
            let (input, result) = (Chan::new(0), Chan::new(1));
            go!(clone [input, result]; {
                for event in input.rx() {
                    result.send(event);
                }
                result.close();
            });
            go!(clone [input]; {
                (0..10).for_each(|event| input.send(event));
                input.close();
            });
            assert!(result.rx().iter().eq(0..10));
        },
    },
    Kernel {
        name: "a range over a channel that its senders forget to close",
        outcome: Stuck(&["chan receive"]),
        broken: || {
            let results = Chan::new(0);
            for i in 0..3 {
                go!(clone [results]; { results.send(i); });
            }
            let _sum: i32 = results.rx().iter().sum();
        },
        fixed: || {
            let (tx, rx) = bounded(0);
            for i in 0..3 {
                go!(clone [tx]; { tx.send(i).unwrap(); });
            }
            drop(tx);
            assert_eq!(rx.iter().sum::<i32>(), 3);
        },
    },
    Kernel {
        name: "the second stop waits for a worker that has already stopped",
        outcome: Stuck(&["chan send"]),
        broken: || {
            let stop = Chan::new(0);
            go!(clone [stop]; { stop.recv(); });
            stop.send(());
            stop.send(());
        },
        fixed: || {
            let (stop, stopped) = bounded::<()>(0);
            let worker = go!(stopped.recv());
            assert!(stop.close());
            assert!(!stop.close());
            assert!(worker.join().unwrap().is_err());
        },
    },
    Kernel {
        name: "two goroutines send to each other before they receive",
        outcome: Stuck(&["chan send", "chan send"]),
        broken: || {
            let (ping, pong) = (Chan::new(0), Chan::new(0));
            go!(clone [ping, pong]; {
                ping.send(1);
                pong.recv();
            });
            pong.send(2);
            ping.recv();
        },
        fixed: || {
            let (ping, pong) = (Chan::new(0), Chan::new(0));
            go!(clone [ping, pong]; {
                ping.send(1);
                assert_eq!(pong.recv(), Some(2));
            });
            assert_eq!(ping.recv(), Some(1));
            pong.send(2);
        },
    },
    Kernel {
        name: "a loop over the ticks of a ticker that has been stopped",
        outcome: Leaks(&["select"]),
        broken: || {
            let ticker = Ticker::new(Duration::from_millis(1));
            let stop = Chan::<()>::new(0);
            let (started, start) = bounded(0);
            let ticks = ticker.receiver().clone();
            go!(clone [stop]; {
                started.send(()).unwrap();
                loop {
                    select! {
                        _ = <-ticks => {}
                        _ = <-stop.rx() => return,
                    }
                }
            });
            start.recv().unwrap();
            ticker.stop();
            settle();
        },
        fixed: || {
            let ticker = Ticker::new(Duration::from_millis(1));
            let stop = Chan::<()>::new(0);
            let ticks = ticker.receiver().clone();
            let looped = go!(clone [stop]; {
                loop {
                    select! {
                        _ = <-ticks => {}
                        _ = <-stop.rx() => return,
                    }
                }
            });
            ticker.stop();
            stop.close();
            looped.join().unwrap();
        },
    },
];
