//! Measures contention, one cell of the grid at a time: goroutines take turns at one lock,
//! semaphore or channel.
//!
//! A cell is written `KIND,SECTION,OUTSIDE,GOROUTINES`: what they share, the steps of work inside
//! and between critical sections (`bench_common::steps`), and how many goroutines there are.

use super::join_all;
use bench_common::{Figures, Task, check, steps};
use gort::prelude::*;
use gort::runtime::Builder;
use gort::sync::{RwLock, Semaphore};
use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

/// Every tenth access to the readers-writer lock writes.
const WRITES: u64 = 10;
/// Permits of the semaphore.
const PERMITS: usize = 4;
/// Capacity of the channel.
const CAPACITY: usize = 16;

#[derive(Clone, Copy)]
struct Cell {
    section: u64,
    outside: u64,
    goroutines: u64,
}

/// Runs the cell that the task's variant names, and prints its figures.
pub(super) fn run(task: Task) {
    let Some((measure, cell)) = parse(&task.variant) else {
        task.unknown();
    };
    Builder::new().max_procs(task.workers).run(move || {
        measure(cell, task.warm_up());
        task.report(measure(cell, task.n));
    });
}

type Measure = fn(Cell, u64) -> Figures;

fn parse(variant: &str) -> Option<(Measure, Cell)> {
    let mut parts = variant.split(',');
    let measure: Measure = match parts.next()? {
        "mutex" => mutex,
        "rwlock" => rwlock,
        "semaphore" => semaphore,
        "channel" => channel,
        _ => return None,
    };
    let mut number = || u64::from_str(parts.next()?).ok();
    let cell = Cell {
        section: number()?,
        outside: number()?,
        goroutines: number()?,
    };
    (cell.goroutines >= 2 && cell.goroutines.is_multiple_of(2)).then_some((measure, cell))
}

/// Starts the cell's goroutines. Each calls `access` for its share of `n`, with work in between.
fn take_turns(cell: Cell, n: u64, access: impl Fn(u64) + Clone + Send + 'static) -> Figures {
    let each = n / cell.goroutines;
    let start = Instant::now();
    join_all((0..cell.goroutines).map(|k| {
        go!(clone [access]; move || {
            let mut own = k;
            for i in 0..each {
                access(i);
                own = steps(own, cell.outside);
            }
            black_box(own);
        })
    }));
    Figures::per_op(each * cell.goroutines, start.elapsed())
}

fn mutex(cell: Cell, n: u64) -> Figures {
    let shared = Arc::new(Mutex::new((0_u64, 0_u64)));
    let figures = take_turns(cell, n, {
        let shared = Arc::clone(&shared);
        move |_| {
            let mut shared = shared.lock();
            shared.0 += 1;
            shared.1 = steps(shared.1, cell.section);
        }
    });
    let all = n / cell.goroutines * cell.goroutines;
    let found = *shared.lock();
    check(found == (all, steps(0, all * cell.section)), found);
    figures
}

fn rwlock(cell: Cell, n: u64) -> Figures {
    let shared = Arc::new(RwLock::new(0_u64));
    let figures = take_turns(cell, n, {
        let shared = Arc::clone(&shared);
        move |i| {
            if i % WRITES == 0 {
                let mut writes = shared.write();
                *writes += 1;
                black_box(steps(*writes, cell.section));
            } else {
                let writes = shared.read();
                black_box(steps(*writes, cell.section));
            }
        }
    });
    let writes = (n / cell.goroutines).div_ceil(WRITES) * cell.goroutines;
    check(*shared.read() == writes, &shared);
    figures
}

fn semaphore(cell: Cell, n: u64) -> Figures {
    let permits = Semaphore::new(PERMITS);
    let figures = take_turns(cell, n, {
        let permits = permits.clone();
        move |i| {
            let _permit = permits.acquire(1);
            black_box(steps(i, cell.section));
        }
    });
    check(permits.available_permits() == PERMITS, &permits);
    figures
}

/// Has half of the goroutines send, with work between sends, and the other half receive and work
/// on each value.
fn channel(cell: Cell, n: u64) -> Figures {
    let pairs = cell.goroutines / 2;
    let each = n / pairs;
    let (tx, rx) = bounded::<u64>(CAPACITY);
    let start = Instant::now();
    let senders: Vec<_> = (0..pairs)
        .map(|k| {
            go!(clone [tx]; move || {
                let mut own = k;
                for i in 0..each {
                    assert!(tx.send(i).is_ok());
                    own = steps(own, cell.outside);
                }
                black_box(own);
            })
        })
        .collect();
    let receivers: Vec<_> = (0..pairs)
        .map(|_| {
            go!(clone [rx]; move || rx.iter().fold((0, 0), |(count, sum), i| {
                black_box(steps(i, cell.section));
                (count + 1, sum + i)
            }))
        })
        .collect();
    drop(tx);
    join_all(senders);
    let (count, sum) = receivers
        .into_iter()
        .map(|one| one.join().unwrap_or((0, 0)))
        .fold((0_u64, 0_u64), |all, one| (all.0 + one.0, all.1 + one.1));
    let elapsed = start.elapsed();
    let right = (each * pairs, pairs * (each * each.saturating_sub(1) / 2));
    check((count, sum) == right, (count, sum));
    Figures::per_op(each * pairs, elapsed)
}
