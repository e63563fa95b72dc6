//! Traces: the contents of the file, read back by a decoder that shares no code with the encoder.
//!
//! `trace_files.rs` tests how files end (`GORT_TRACE`, exits, SIGKILL).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::{Builder, WaitReason, trace};
use gort::sync::Mutex;
use gort_tests::trace_file::{Scratch, Slice, Trace};
use gort_tests::{claims, parked, settle};
use std::collections::BTreeMap;
use std::hint;
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs `f` with a trace, and returns the trace after general checks.
fn traced(name: &str, f: impl FnOnce()) -> Trace {
    let file = Scratch::new(name);
    trace::start(file.path()).unwrap();
    f();
    trace::stop().unwrap();
    let trace = Trace::read(file.path());
    assert!(!trace.is_cut);
    check(&trace);
    trace
}

/// Returns the number of the goroutine that has this track.
fn id(trace: &Trace, track: u64) -> u64 {
    trace.tracks[&track]
        .name
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

fn is_state(slice: &Slice) -> bool {
    slice.name == "running" || slice.name == "runnable" || slice.annotations.contains_key("at")
}

/// Checks what holds for every complete trace in which nothing was lost.
fn check(trace: &Trace) {
    for slice in &trace.slices {
        assert!(
            slice.end.is_some(),
            "ends with the trace at the latest: {slice:?}"
        );
    }
    assert!(
        !trace
            .slices
            .iter()
            .any(|slice| slice.name.starts_with("lost")),
        "lost something"
    );
    // A goroutine is in exactly one state at a time, without gaps, from its first slice to its
    // last.
    for (track, _) in trace.below("goroutines") {
        let states: Vec<_> = trace
            .on(track)
            .into_iter()
            .filter(|s| is_state(s))
            .collect();
        for pair in states.windows(2) {
            assert_eq!(pair[0].end, Some(pair[1].begin), "{pair:?}");
        }
    }
    // A P runs one goroutine at a time.
    for (track, _) in trace.below("Ps") {
        for slice in trace.on(track) {
            assert_eq!(slice.depth, 0, "{slice:?}");
        }
    }
    check_wakes(trace);
}

/// Checks that each wake-up names the waker and the woken goroutine, ends a wait, and comes before
/// the one run that it causes.
fn check_wakes(trace: &Trace) {
    let mut runs: BTreeMap<u64, &Slice> = BTreeMap::new();
    for slice in &trace.slices {
        for &arrow in &slice.arrows {
            assert_eq!(slice.name, "running");
            assert!(
                runs.insert(arrow, slice).is_none(),
                "two runs for a wake-up"
            );
        }
    }
    let goroutines = goroutines(trace);
    for wake in trace.wakes() {
        let track = goroutines[&wake.annotations["goroutine"]];
        let says = |key: &str| wake.annotations[key].clone();
        assert!(!says("waker").is_empty());
        assert!(
            trace.tracks[&track].name.starts_with(&says("woken")),
            "{wake:?}"
        );
        let states = trace.on(track);
        let waited = states.iter().find(|slice| slice.end == Some(wake.time));
        assert!(
            waited.is_some_and(|slice| slice.annotations.contains_key("at")),
            "{wake:?} {waited:?}"
        );
        let [arrow] = wake.arrows[..] else {
            panic!("one arrow: {wake:?}")
        };
        // A goroutine that is still queued when the trace ends has no such run.
        if let Some(run) = runs.remove(&arrow) {
            assert_eq!(run.track, track);
            assert!(wake.time < run.begin, "{wake:?} {run:?}");
        }
    }
    assert!(runs.is_empty(), "runs without a wake-up: {runs:?}");
}

/// Returns the tracks of goroutines by the goroutines' numbers.
fn goroutines(trace: &Trace) -> BTreeMap<String, u64> {
    let tracks = trace.below("goroutines").into_iter();
    tracks
        .map(|(track, _)| (id(trace, track).to_string(), track))
        .collect()
}

/// Counts, by the program's own hooks, how often each goroutine parked (to wait or to queue) and
/// resumed.
#[derive(Clone, Default)]
struct Counts(Arc<std::sync::Mutex<BTreeMap<u64, [u64; 2]>>>);

impl Counts {
    fn count(&self, what: usize) -> impl Fn(&gort::Goroutine) + Send + Sync + 'static {
        let counts = self.clone();
        move |goroutine| {
            let id = goroutine.id().to_string().parse().unwrap();
            counts.0.lock().unwrap().entry(id).or_default()[what] += 1;
        }
    }
}

#[track_caller]
fn here() -> String {
    Location::caller().to_string()
}

/// Returns the name and the source line, without the column, of each wait on this track.
fn lines(trace: &Trace, track: u64) -> Vec<(String, String)> {
    let waits = trace
        .on(track)
        .into_iter()
        .filter(|slice| slice.annotations.contains_key("at"));
    waits
        .map(|slice| (slice.name.clone(), line(&slice.annotations["at"])))
        .collect()
}

fn line(place: &str) -> String {
    place.rsplit_once(':').unwrap().0.to_owned()
}

claims! {
    // TR01
    fn a_ring_of_goroutines_is_as_the_program_counts() {
        const GOROUTINES: usize = 100;
        const LAPS: u64 = 20;
        let counts = Counts::default();
        let hooked = Builder::new().on_park(counts.count(0)).on_resume(counts.count(1));
        let trace = traced("ring", || {
            hooked.run(|| {
                let (first, mut rx) = bounded(0);
                let mut ring = Vec::new();
                for i in 0..GOROUTINES {
                    let (tx, next) = bounded(0);
                    ring.push(go!(name = format!("ring{i}"), move || {
                        for _ in 0..LAPS {
                            tx.send(rx.recv().unwrap() + 1_u64).unwrap();
                        }
                    }));
                    rx = next;
                }
                let mut sum = 0;
                for _ in 0..LAPS {
                    first.send(sum).unwrap();
                    sum = rx.recv().unwrap();
                }
                assert_eq!(sum, LAPS * GOROUTINES as u64);
                ring.into_iter().for_each(|handle| handle.join().unwrap());
            });
        });
        let counts = counts.0.lock().unwrap();
        let mut wakes: BTreeMap<String, usize> = BTreeMap::new();
        for wake in trace.wakes() {
            *wakes.entry(wake.annotations["goroutine"].clone()).or_default() += 1;
        }
        let (mut runs_of_all, mut waits_of_all) = (0, 0);
        for i in 0..GOROUTINES {
            let track = trace.goroutine(&format!("ring{i}"));
            let [parks, resumes] = counts[&id(&trace, track)];
            let slices = trace.on(track);
            let waits = slices.iter().filter(|slice| slice.annotations.contains_key("at")).count();
            // The hook also counts yielding and losing the P as parks.
            let queues = |slice: &&&Slice| slice.name == "runnable" && slice.annotations.contains_key("reason");
            let queued = slices.iter().filter(queues).count();
            assert_eq!((waits + queued) as u64, parks, "{i}");
            let runs = slices.iter().filter(|slice| slice.name == "running").count();
            assert_eq!(runs as u64, resumes + 1, "{i}");
            assert_eq!(wakes[&id(&trace, track).to_string()], waits, "{i}");
            runs_of_all += runs;
            waits_of_all += waits;
        }
        assert!(waits_of_all > GOROUTINES, "the goroutines have waited");
        let on_ps: usize = trace.below("Ps").iter().map(|(p, _)| trace.on(*p).len()).sum();
        assert!(on_ps >= runs_of_all, "each run is on a P");
    }

    // TR01
    fn parks_carry_their_reason_and_line() {
        let (tx, rx) = bounded::<u32>(0);
        let mut expected = Vec::new();
        let trace = traced("lines", || {
            let waiter = {
                let rx = rx.clone();
                parked(WaitReason::ChanReceive, move || {
                    let place = (here(), rx.recv().unwrap()).0;
                    (gort::current().id().to_string(), place)
                })
            };
            tx.send(1).unwrap();
            expected.push(waiter.join().unwrap());
            let sleeper = go!(move || {
                let place = (here(), gort::time::sleep(Duration::from_millis(1))).0;
                (gort::current().id().to_string(), place)
            });
            expected.push(sleeper.join().unwrap());
        });
        for ((id, place), reason) in expected.iter().zip(["chan receive", "sleep"]) {
            let tracks = trace.below("goroutines");
            let (track, _) = tracks.iter().find(|(_, track)| track.name.split(' ').next() == Some(id)).unwrap();
            let waits = lines(&trace, *track);
            assert!(waits.contains(&(reason.into(), line(place))), "{waits:?} {place}");
        }
        assert!(trace.wakes().iter().any(|wake| wake.annotations["waker"] == "timer"));
    }

    fn a_goroutine_parked_before_the_trace_is_in_it_even_if_it_never_runs() {
        let (tx, rx) = bounded::<u32>(0);
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock();
        let waiting = [
            go!(name = "receives", clone [rx]; { let _closed = rx.recv(); }),
            go!(name = "locks", clone [lock]; { drop(lock.lock()); }),
            go!(name = "sleeps"; { gort::time::sleep(Duration::from_secs(3600)); }),
        ];
        let first = line!() - 4;
        // TR02: all of them wait before the trace starts.
        settle();
        let trace = traced("before", || {});
        let names = ["receives", "locks", "sleeps"];
        for (i, (name, reason)) in names.into_iter().zip(["chan receive", "mutex lock", "sleep"]).enumerate() {
            let slices = trace.on(trace.goroutine(name));
            assert_eq!(slices.len(), 1, "{slices:?}");
            assert!(slices[0].name.contains(reason) || reason == "mutex lock", "{slices:?}");
            let place = format!("trace.rs:{}:", first + i as u32);
            assert!(slices[0].annotations["at"].contains(&place), "{slices:?}");
            assert!(slices[0].annotations["started at"].contains(&place), "{slices:?}");
        }
        drop((held, tx));
        let [receives, locks, _sleeps] = waiting;
        receives.join().unwrap();
        locks.join().unwrap();
    }

    // TR01
    fn the_first_wake_up_of_a_trace_names_its_waker() {
        let (tx, rx) = bounded::<u32>(0);
        let number = || gort::current().id().to_string();
        let receiver = parked(WaitReason::ChanReceive, move || (rx.recv(), number()).1);
        let waker = number();
        // The caller has been running since before the trace began, and does not park before it
        // sends.
        let trace = traced("first", || tx.send(1).unwrap());
        let woken = receiver.join().unwrap();
        let wakes = trace.wakes();
        let wake = wakes.iter().find(|wake| wake.annotations["goroutine"] == woken).unwrap();
        assert_eq!(wake.annotations["waker"].split(' ').next(), Some(&*waker), "{wake:?}");
        assert_eq!(id(&trace, wake.track).to_string(), waker);
    }

    // TR04
    fn starting_twice_and_stopping_twice_are_errors() {
        let (first, other) = (Scratch::new("first"), Scratch::new("other"));
        trace::stop().unwrap_err();
        trace::start(first.path().join("there/is/no/such")).unwrap_err();
        trace::stop().unwrap_err();
        trace::start(first.path()).unwrap();
        trace::start(other.path()).unwrap_err();
        assert!(!other.path().exists(), "nothing has changed");
        go!(name = "alpha"; {}).join().unwrap();
        trace::stop().unwrap();
        trace::stop().unwrap_err();
        trace::start(other.path()).unwrap();
        go!(name = "omega"; {}).join().unwrap();
        trace::stop().unwrap();
        let (first, other) = (Trace::read(first.path()), Trace::read(other.path()));
        assert!(first.goroutine("alpha") != 0 && other.goroutine("omega") != 0);
        let names = |trace: &Trace| trace.tracks.values().map(|track| track.name.clone()).collect::<String>();
        assert!(!names(&first).contains("omega") && !names(&other).contains("alpha"));
    }

    // TR04
    fn a_region_is_one_slice_over_a_hundred_moves() {
        let (tx, rx) = bounded(0);
        let trace = traced("regions", || {
            let worker = go!(name = "worker", move || {
                let _outer = trace::region("outer");
                for i in 0..100 {
                    let _inner = trace::region("inner");
                    assert_eq!(rx.recv(), Ok(i));
                    if i == 50 {
                        // This region never ends.
                        let _forgotten = ManuallyDrop::new(trace::region("forgotten"));
                    }
                }
            });
            for i in 0..100 {
                tx.send(i).unwrap();
            }
            worker.join().unwrap();
        });
        let slices = trace.on(trace.goroutine("worker"));
        let named = |name: &str| slices.iter().filter(|slice| slice.name == name).copied().collect::<Vec<_>>();
        let outer = named("outer");
        assert_eq!((outer.len(), outer[0].depth), (1, 0));
        let inner = named("inner");
        assert_eq!(inner.len(), 100);
        assert!(inner[..50].iter().all(|slice| slice.depth == 1));
        let waits = named("chan receive");
        assert!(!waits.is_empty());
        for wait in &waits {
            assert!(wait.depth >= 2, "{wait:?}");
            let around = |it: &&&Slice| it.begin <= wait.begin && wait.end <= it.end;
            assert_eq!(inner.iter().filter(around).count(), 1, "{wait:?}");
        }
        assert_eq!(named("forgotten").len(), 1);
    }

    fn blocking_calls_and_hand_offs_are_there() {
        let trace = traced("blocking", || {
            let (tx, rx) = bounded::<()>(0);
            let caller = go!(name = "caller", move || {
                let other = go!(name = "other", move || drop(tx));
                // Block until the other goroutine has run. With one P, it must take this
                // goroutine's P.
                gort::blocking(|| {
                    while !rx.is_closed() {
                        thread::yield_now();
                    }
                });
                other.join().unwrap();
            });
            caller.join().unwrap();
        });
        let caller = trace.on(trace.goroutine("caller"));
        assert_eq!(caller.iter().filter(|slice| slice.name == "blocking call").count(), 1);
        let handed_off = trace.instants.iter().filter(|it| it.name == "P handed off").count();
        assert_eq!(handed_off % 2, 0, "on the P's track and the goroutine's");
        if gort::runtime::max_procs() == 1 {
            assert!(handed_off >= 2);
        }
    }

    // TR01
    fn threads_and_sockets_wake_as_well() {
        let trace = traced("wakers", || {
            let (tx, rx) = bounded::<()>(0);
            let receiver = parked(WaitReason::ChanReceive, move || rx.recv());
            thread::spawn(move || tx.send(()).unwrap()).join().unwrap();
            receiver.join().unwrap().unwrap();

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = go!(move || {
                let (mut client, _) = listener.accept().unwrap();
                client.write_all(b"x").unwrap();
            });
            settle();
            let mut client = TcpStream::connect(address).unwrap();
            client.read_exact(&mut [0]).unwrap();
            server.join().unwrap();
        });
        let wakers: Vec<_> = trace.wakes().iter().map(|wake| wake.annotations["waker"].clone()).collect();
        assert!(wakers.iter().any(|waker| waker.starts_with("thread ")), "{wakers:?}");
        assert!(wakers.iter().any(|waker| waker == "network"), "{wakers:?}");
    }

    fn traces_begin_and_end_beside_whatever_happens() {
        let over = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..4)
            .map(|_| {
                go!(clone [over]; {
                    while !over.load(Ordering::Relaxed) {
                        let (tx, rx) = bounded(0);
                        let _region = trace::region("round");
                        let sender = go!(move || tx.send(1));
                        assert_eq!(rx.recv(), Ok(1));
                        sender.join().unwrap().unwrap();
                        gort::blocking(hint::spin_loop);
                        yield_now();
                    }
                })
            })
            .collect();
        let files: Vec<_> = (0..10).map(|i| Scratch::new(&format!("beside{i}"))).collect();
        for file in &files {
            trace::start(file.path()).unwrap();
            yield_now();
            trace::stop().unwrap();
        }
        over.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|handle| handle.join().unwrap());
        for file in files {
            let trace = Trace::read(file.path());
            assert!(trace.slices.iter().all(|slice| slice.end.is_some()));
        }
    }
}
