//! Models of a trace's log (`traced/log.rs`): one thread appends, and another reads and frees
//! segments. A segment has only two events here. The last model is of the store of empty segments
//! (`traced/pool.rs`).

use super::explore;
use crate::traced::event::{Kind, NO_P, TraceEvent};
use crate::traced::log::Log;
use crate::traced::pool::Pool;
use crate::traced::segment::Segment;
use loom::sync::Arc;
use loom::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};
use loom::thread;

fn event(time: u64) -> TraceEvent {
    TraceEvent {
        time,
        id: !time,
        arg: time,
        kind: Kind::Runs,
        detail: 0,
        window: 1,
        p: NO_P,
    }
}

/// Drains the events up to `until`, and checks that each event is whole.
fn drain(log: &Log, until: u64, into: &mut Vec<u64>) {
    // SAFETY: in each model only one thread at a time reads a log.
    unsafe {
        log.drain(
            |event| event.time <= until,
            |event| {
                assert_eq!((event.id, event.arg), (!event.time, event.time));
                into.push(event.time);
            },
        );
    }
}

fn push(log: &Log, events: &[TraceEvent]) {
    // SAFETY: in each model only one thread appends to a log.
    assert!(unsafe { log.push(events, || true) });
}

/// Fails if an event is read before it is written, twice, or never, or if a segment is freed while
/// it is written or read.
#[test]
fn every_event_is_read_once_and_in_order() {
    explore(|| {
        let log = Arc::new(Log::new());
        let owner = {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                push(&log, &[event(1)]);
                // Append to the same segment, then to another one.
                push(&log, &[event(2)]);
                push(&log, &[event(3), event(4)]);
            })
        };
        let mut seen = Vec::new();
        drain(&log, u64::MAX, &mut seen);
        drain(&log, u64::MAX, &mut seen);
        owner.join().unwrap();
        drain(&log, u64::MAX, &mut seen);
        assert_eq!(seen, [1, 2, 3, 4]);
    });
}

/// Reads a clock. A thread that reads a later time sees everything that other threads did before
/// they read an earlier one.
fn tick(clock: &AtomicU64) -> u64 {
    clock.fetch_add(1, AcqRel)
}

/// Fails if an event is seen without the one before it. A goroutine's second event is recorded by
/// another thread, which has received the goroutine from the first thread. The second thread reads
/// the clock after that.
#[test]
fn no_event_is_seen_without_the_one_before() {
    explore(|| {
        let clock = Arc::new(AtomicU64::new(1));
        let handed_on = Arc::new(AtomicU64::new(0));
        let logs = [Arc::new(Log::new()), Arc::new(Log::new())];
        let first = {
            let (log, clock, handed_on) = (
                Arc::clone(&logs[0]),
                Arc::clone(&clock),
                Arc::clone(&handed_on),
            );
            thread::spawn(move || {
                let time = tick(&clock);
                push(&log, &[event(time)]);
                handed_on.store(time, Release);
            })
        };
        let second = {
            let (log, clock, handed_on) = (
                Arc::clone(&logs[1]),
                Arc::clone(&clock),
                Arc::clone(&handed_on),
            );
            thread::spawn(move || {
                let before = handed_on.load(Acquire);
                if before != 0 {
                    push(&log, &[event(tick(&clock).max(before + 1))]);
                }
            })
        };
        // One look of the writer.
        let until = tick(&clock);
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        drain(&logs[0], until, &mut firsts);
        drain(&logs[1], until, &mut seconds);
        assert!(firsts.len() >= seconds.len());
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// Fails if two threads take the same segment, or if one takes it before the thread that gave it
/// back has done with it.
#[test]
fn a_ready_segment_is_taken_once_and_whole() {
    explore(|| {
        let pool = Arc::new(Pool::<2>::new());
        let giver = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                let mut segment = Segment::new();
                segment.touch();
                assert!(pool.put(segment));
            })
        };
        let taker = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || take_one(&pool))
        };
        let taken = usize::from(take_one(&pool)) + usize::from(taker.join().unwrap());
        giver.join().unwrap();
        let left = usize::from(take_one(&pool));
        assert_eq!(taken + left, 1);
    });
}

/// Takes a segment, if one is found, and writes to it.
fn take_one(pool: &Pool<2>) -> bool {
    let Some(mut segment) = pool.take() else {
        return false;
    };
    segment.touch();
    true
}
