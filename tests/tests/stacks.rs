//! ST: what goroutines' stacks hold and cost.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{max_procs, metrics};
use gort::time::sleep;
use gort::{Builder, current, recover};
use gort_tests::{claims, resident_bytes, settle};
use std::backtrace::Backtrace;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

const MIB: usize = 1024 * 1024;

/// Commits some 160 KiB of the stack.
#[inline(never)]
fn go_deep() -> usize {
    let mut frame = [0_u8; 160 * 1024];
    for at in (0..frame.len()).step_by(512) {
        frame[at] = 1;
    }
    black_box(&frame)
        .iter()
        .step_by(512)
        .map(|&byte| usize::from(byte))
        .sum()
}

/// Runs `n` goroutines that are all deep at the same time. Returns the bytes that were resident
/// then.
fn go_deep_together(n: usize) -> usize {
    let (release, rx) = bounded::<()>(0);
    let (here, count) = unbounded();
    let all: Vec<_> = (0..n)
        .map(|_| {
            let (rx, here) = (rx.clone(), here.clone());
            spawn(move || {
                here.send(go_deep()).unwrap();
                rx.recv().unwrap_err();
            })
        })
        .collect();
    assert_eq!(count.iter().take(n).sum::<usize>(), n * 320);
    let resident = resident_bytes();
    drop(release);
    all.into_iter().for_each(|one| one.join().unwrap());
    resident
}

/// Commits `kib` KiB of the stack in as many frames. Returns 16 for each KiB, counted in the
/// frames.
#[inline(never)]
fn descend(kib: usize) -> usize {
    let frame = black_box([1_u8; 1024]);
    let below = if kib <= 1 { 0 } else { descend(kib - 1) };
    below + frame.iter().step_by(64).filter(|&&byte| byte == 1).count()
}

/// How many times larger than its array a frame of [`descend`] is: debug builds copy the array.
const COPIES: usize = if cfg!(debug_assertions) { 2 } else { 1 };

/// A number in unary notation: a chain with as many links as the number's value.
#[derive(Clone)]
struct Peano(Option<Box<Peano>>);

impl Peano {
    fn of(n: usize) -> Self {
        (0..n).fold(Self(None), |number, _| Self(Some(Box::new(number))))
    }

    fn add(self, other: Self) -> Self {
        match other.0 {
            None => self,
            Some(less) => Self(Some(Box::new(self.add(*less)))),
        }
    }

    fn mul(self, other: Self) -> Self {
        match other.0 {
            None => Self(None),
            Some(less) => self.clone().mul(*less).add(self),
        }
    }

    fn factorial(self) -> Self {
        match self.0.clone() {
            None => Self::of(1),
            Some(less) => self.mul(less.factorial()),
        }
    }

    fn count(&self) -> usize {
        match &self.0 {
            None => 0,
            Some(less) => black_box(less.count() + 1),
        }
    }
}

claims! {
    // ST01
    fn a_default_stack_carries_ordinary_library_code() {
        let said = spawn(|| {
            let float = format!("{:.17} {:e}", black_box(0.1_f64), black_box(1e300_f64));
            let backtrace = Backtrace::force_capture().to_string();
            let caught = recover(|| -> () { panic!("in {:?}", thread::current().id()) });
            let words = caught.unwrap_err().downcast::<String>().unwrap();
            (float, backtrace, *words)
        });
        let (float, backtrace, words) = said.join().unwrap();
        assert_eq!(float, "0.10000000000000001 1e300");
        assert!(backtrace.contains("stacks::"), "{backtrace}");
        assert!(words.starts_with("in ThreadId("), "{words}");
    }

    // ST02
    fn recursion_is_as_deep_as_the_stack_that_was_asked_for() {
        let deep = Builder::new().stack_size(2 * MIB * COPIES).spawn(|| descend(1_000));
        assert_eq!(deep.unwrap().join().unwrap(), 1_000 * 16);
        // A default stack is enough for less.
        assert_eq!(spawn(|| descend(160 / COPIES)).join().unwrap(), 160 / COPIES * 16);
    }

    // ST03
    fn nine_factorial_by_unary_numbers_on_a_large_stack() {
        let factorials = Builder::new().stack_size(1024 * MIB).spawn(|| {
            (0..=9).map(|n| Peano::of(n).factorial().count()).collect::<Vec<_>>()
        });
        let factorials = factorials.unwrap().join().unwrap();
        assert_eq!(factorials, [1, 1, 2, 6, 24, 120, 720, 5_040, 40_320, 362_880]);
    }

    // ST07
    fn peers_write_to_the_stack_of_a_parked_goroutine() {
        let rounds = if cfg!(debug_assertions) { 3_000 } else { 50_000 };
        let (tx, rx) = bounded::<[usize; 32]>(0);
        let (_other, others) = bounded::<[usize; 32]>(0);
        let sender = spawn(move || {
            for i in 0..rounds {
                tx.send([i; 32]).unwrap();
                if i % 100 == 0 {
                    yield_now();
                }
            }
        });
        for i in 0..rounds {
            // Values around the slot, which must stay as they are.
            let (before, after) = (black_box([i; 8]), black_box([!i; 8]));
            let value = if i % 2 == 0 {
                rx.recv()
            } else {
                select! {
                    v = <-rx => v,
                    v = <-others => v,
                }
            };
            assert_eq!(value, Ok([i; 32]));
            assert_eq!((before, after), ([i; 8], [!i; 8]));
            assert_eq!(descend(1 + i % 40), (1 + i % 40) * 16);
        }
        sender.join().unwrap();
    }

    // ST08
    fn stacks_of_varied_depths_are_used_again_without_growth() {
        let round = || {
            let gate = bounded::<()>(0);
            let all: Vec<_> = (0..200)
                .map(|_| {
                    let gate = gate.1.clone();
                    spawn(move || {
                        for depth in [8, 16, 32, 64, 128] {
                            assert_eq!(descend(depth / COPIES), depth / COPIES * 16);
                            yield_now();
                        }
                        gate.recv().unwrap_err();
                    })
                })
                .collect();
            settle();
            drop(gate.0);
            all.into_iter().for_each(|one| one.join().unwrap());
        };
        let empty = resident_bytes();
        round();
        let first = resident_bytes() - empty;
        assert!(first > 200 * 100 * 1024, "{first} bytes for 200 stacks");
        (0..3).for_each(|_| round());
        let grown = (resident_bytes() - empty).saturating_sub(first);
        // Each further P may keep 64 free stacks.
        let most = first / 4 + (max_procs() - 1) * 64 * 160 * 1024;
        assert!(grown <= most, "{first} bytes after the first round, then {grown} more");
    }

    // ST09: nothing of the stack's former goroutine can be seen.
    fn a_used_stack_gives_nothing_of_its_former_goroutine_away() {
        for way in 0..4 {
            for _ in 0..20 {
                let former = Builder::new().name("former").spawn(move || {
                    defer! {
                        match way {
                            1 => panic!("second"),
                            2 => goexit(),
                            _ => {}
                        }
                    }
                    descend(64 / COPIES);
                    match way {
                        0 => {}
                        3 => goexit(),
                        _ => panic!("first"),
                    }
                });
                assert_eq!(former.unwrap().join().is_ok(), way == 0);
                let next = spawn(|| {
                    assert_eq!(current().name(), None);
                    assert!(!thread::panicking());
                    // The goroutine has no panic that could be replaced, and does not exit when it
                    // waits.
                    assert!(recover(|| ()).is_ok());
                    let caught = recover(|| -> () { panic!("its own") });
                    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "its own");
                    yield_now();
                });
                next.join().unwrap();
            }
        }
    }

    // ST10
    fn a_backtrace_names_the_functions_of_a_goroutine_and_ends() {
        #[inline(never)]
        fn numbered(left: usize) -> String {
            let text = if left == 0 {
                Backtrace::force_capture().to_string()
            } else {
                numbered(left - 1)
            };
            black_box(text)
        }
        for parks in [false, true] {
            let text = spawn(move || {
                if parks {
                    sleep(Duration::from_micros(10));
                }
                numbered(10)
            });
            let text = text.join().unwrap();
            assert!(text.matches("numbered").count() >= 11, "{text}");
            // One or two lines for each frame: the backtrace does not go round in circles.
            assert!(text.lines().count() < 200, "{text}");
        }
    }

    // GO14
    fn memory_of_deep_stacks_is_given_back() {
        go_deep_together(64);
        let before = resident_bytes();
        let peak = go_deep_together(3_000);
        assert!(peak - before > 300 * MIB, "{} MiB more", (peak - before) / MIB);
        // Each P keeps up to 64 slots.
        while resident_bytes() - before.min(resident_bytes()) > 120 * MIB {
            sleep(Duration::from_millis(10));
        }
        // Trimmed slots are used again, and no new ones are made.
        let reserved = metrics().stack_bytes;
        go_deep_together(3_000);
        assert!(metrics().stack_bytes < reserved + reserved / 2);
    }

    // GO14: a goroutine that has not run is a record without a stack, and so is one that has ended
    // and was not joined.
    fn goroutines_cost_a_stack_only_while_they_run() {
        const N: usize = 100_000;
        let stacks = metrics().stack_bytes;
        let before = resident_bytes();
        let all: Vec<_> = (0..N).map(|i| spawn(move || i)).collect();
        let sum: usize = all.into_iter().map(|one| one.join().unwrap()).sum();
        assert_eq!(sum, N * (N - 1) / 2);
        let more = resident_bytes().saturating_sub(before);
        assert!(more < N * 1024, "{} bytes each", more / N);
        // Each P keeps up to 64 free stacks, and up to 64 unused reservations of stacks. The factor
        // 256 leaves room for twice as many.
        let most = stacks + 256 * max_procs() * 512 * 1024;
        assert!(metrics().stack_bytes < most, "{} stacks", metrics().stack_bytes >> 18);
    }

    // GO14: nothing is left of goroutines that have been joined.
    fn ended_goroutines_leave_no_memory_behind() {
        const N: usize = 200_000;
        let go = || {
            let all: Vec<_> = (0..N).map(|_| spawn(|| ())).collect();
            all.into_iter().for_each(|one| one.join().unwrap());
        };
        let before = resident_bytes();
        go();
        // 20 MiB leave room for the vector, which `malloc` may keep, and for what Ps keep.
        let until = Instant::now() + Duration::from_secs(20);
        let kept = || resident_bytes().saturating_sub(before);
        while kept() > 20 * MIB && Instant::now() < until {
            sleep(Duration::from_millis(50));
        }
        assert!(kept() <= 20 * MIB, "{} bytes each", kept() / N);
        // Records that were given back are used again.
        go();
    }

    // GO14: the monitor gives the memory back, even when it has nothing else to do.
    fn memory_of_deep_stacks_is_given_back_while_all_goroutines_sleep() {
        go_deep_together(64);
        let before = resident_bytes();
        go_deep_together(3_000);
        // While a timer is pending, no thread looks for a deadlock at intervals.
        spawn(|| sleep(Duration::from_secs(3_600)));
        let (tx, rx) = bounded(0);
        thread::spawn(move || {
            let until = Instant::now() + Duration::from_secs(20);
            while resident_bytes().saturating_sub(before) > 120 * MIB && Instant::now() < until {
                thread::sleep(Duration::from_millis(50));
            }
            tx.send(resident_bytes().saturating_sub(before) / MIB).unwrap();
        });
        let kept = rx.recv().unwrap();
        assert!(kept <= 120, "{kept} MiB are kept");
    }
}
