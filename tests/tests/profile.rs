//! Profiles: the stacks of goroutines, where goroutines wait and how long, and whether tools can
//! read the files.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::JoinSet;
use gort::io::Pollable;
use gort::prelude::*;
use gort::process::{Command, Stdio};
use gort::runtime::num_goroutines;
use gort::runtime::profile::{self, Profile};
use gort::sync::{Notify, RwLock, broadcast, oneshot, watch};
use gort::time::timeout;
use gort_tests::{AS_THREADS, claims, settle};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

#[path = "profile/decoder.rs"]
mod decoder;

use decoder::Decoded;

#[inline(never)]
fn waits_among_many(rx: &Receiver<()>) {
    // A tail call would leave no frame, so the function uses the result.
    black_box(rx.recv().is_ok());
}

#[inline(never)]
fn waits_among_few(rx: &Receiver<()>) {
    black_box(rx.recv().is_ok());
}

#[inline(never)]
fn waits_in_turn(rx: &Receiver<()>) -> bool {
    black_box(rx.recv().is_ok())
}

/// Yields, in a frame of its own for each level.
#[inline(never)]
fn yields_in_turn(levels: u32) {
    match levels {
        0 => yield_now(),
        _ => yields_in_turn(levels - 1),
    }
    black_box(levels);
}

#[inline(never)]
fn asks() -> (String, Decoded) {
    let profile = profile::goroutines();
    let mut text = Vec::new();
    profile.folded(&mut text).unwrap();
    let mut bytes = Vec::new();
    profile.pprof(&mut bytes).unwrap();
    (String::from_utf8(text).unwrap(), Decoded::of(&bytes))
}

fn text_of(profile: &Profile) -> String {
    let mut text = Vec::new();
    profile.folded(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Returns the nanoseconds that a profile charges to this function. If goroutines are threads,
/// profiles do not contain functions, so this returns the whole sum.
fn charged(profile: &Profile, function: &str) -> u64 {
    let text = text_of(profile);
    let lines = lines(&text);
    if AS_THREADS {
        return lines.iter().map(|(_, number)| number).sum();
    }
    let is_it = |names: &[&str]| names.last().unwrap().rsplit("::").next() == Some(function);
    let of_it = lines.iter().filter(|(names, _)| is_it(names));
    of_it.map(|(_, number)| number).sum()
}

/// Returns the nanoseconds since `instant`.
fn since(instant: Instant) -> u64 {
    instant.elapsed().as_nanos() as u64
}

#[inline(never)]
fn lock_and_go(mutex: &Mutex<()>) {
    let guard = mutex.lock();
    drop(black_box(guard));
}

#[inline(never)]
fn hold_while<G>(guard: G, then: impl FnOnce()) {
    then();
    drop(black_box(guard));
    black_box(());
}

/// Waits until all other goroutines wait, and 20 ms longer. Returns the minimum number of
/// nanoseconds that each of them has waited.
fn keep_waiting() -> u64 {
    settle();
    let all_wait = Instant::now();
    sleep(Duration::from_millis(20));
    since(all_wait)
}

/// Returns the lines of a folded profile: the names, outermost first, and the number.
fn lines(folded: &str) -> Vec<(Vec<&str>, u64)> {
    folded
        .lines()
        .map(|line| {
            let (names, number) = line.rsplit_once(' ').unwrap();
            (names.split(';').collect(), number.parse().unwrap())
        })
        .collect()
}

/// Returns a decoded profile as folded lines, with the numbers of one kind.
fn folded(decoded: &Decoded, kind: &str) -> HashMap<String, u64> {
    let index = decoded
        .kinds
        .iter()
        .position(|(name, _)| name == kind)
        .unwrap();
    let mut all = HashMap::new();
    for sample in &decoded.samples {
        let names = sample
            .frames
            .iter()
            .rev()
            .map(|frame| frame.0.replace(';', ":"));
        *all.entry(names.collect::<Vec<_>>().join(";")).or_default() += sample.values[index];
    }
    all
}

/// Returns the number of the only line that ends in this function.
fn of_function(lines: &[(Vec<&str>, u64)], function: &str) -> u64 {
    let mut found = lines.iter().filter(|(names, _)| {
        let last = names.last().unwrap();
        last.rsplit("::").next() == Some(function)
    });
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {function} in {lines:#?}"));
    assert!(
        found.next().is_none(),
        "several lines of {function}: {lines:#?}"
    );
    line.1
}

/// Returns what `go tool pprof` prints about a profile in this format.
fn by_go(form: &str, path: &Path) -> String {
    let mut command = std::process::Command::new("go");
    command.args(["tool", "pprof", form]).arg(path);
    let ended = gort_tests::run_program(&mut command, "go tool pprof");
    assert!(ended.status.success(), "{ended:?}");
    ended.stdout
}

// TR05
#[test]
fn gos_pprof_reads_the_profiles() {
    if AS_THREADS
        || std::process::Command::new("go")
            .arg("version")
            .output()
            .is_err()
    {
        println!("SKIPPED: there is no `go` here, or goroutines have no stacks");
        return;
    }
    let profiles = gort::runtime::run(|| {
        profile::set_rate(1);
        let (tx, rx) = bounded::<()>(0);
        let all: Vec<_> = (0..7)
            .map(|_| go!(clone [rx]; { waits_among_few(&rx) }))
            .collect();
        settle();
        let goroutines = profile::goroutines();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
        [("goroutines", goroutines), ("block", profile::block())]
    });
    for (name, profile) in profiles {
        let file = format!("gort-profile-{}-{name}.pb", std::process::id());
        let path = std::env::temp_dir().join(file);
        profile.pprof(File::create(&path).unwrap()).unwrap();
        let (raw, top) = (by_go("-raw", &path), by_go("-top", &path));
        std::fs::remove_file(&path).unwrap();
        for text in [&raw, &top] {
            assert!(text.contains("waits_among_few"), "{text}");
        }
        if name == "goroutines" {
            assert!(
                raw.contains("goroutine/count") && top.contains("Type: goroutine"),
                "{raw}{top}"
            );
            // Seven goroutines wait, and one writes the profile.
            assert!(top.contains("8 total"), "{top}");
        } else {
            assert!(raw.contains("contentions/count delay/nanoseconds"), "{raw}");
            assert!(top.contains("Type: delay"), "{top}");
        }
    }
}

/// Ignores the result of an operation that has ended.
fn ended<T>(_result: T) {}

/// A time longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// Runs a program of `observed` with `GORT_PROFILE`.
fn profiled(program: &str, prefix: &Path) -> gort_tests::Ended {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_observed"));
    command.arg(program).env("GORT_PROFILE", prefix);
    gort_tests::run_program(&mut command, program)
}

#[test]
fn gort_profile_makes_every_orderly_exit_write_profiles() {
    for (program, status) in [("profiled", 0), ("profiled-exits", 3)] {
        let name = format!("gort-profile-{}-{program}", std::process::id());
        let prefix = std::env::temp_dir().join(name);
        let ended = profiled(program, &prefix);
        assert_eq!(
            (ended.status.code(), &*ended.stderr),
            (Some(status), ""),
            "{ended:?}"
        );
        let [goroutine, block, mutex] = ["goroutine", "block", "mutex"].map(|kind| {
            let path = format!("{}.{kind}.pb", prefix.display());
            let decoded = Decoded::of(&std::fs::read(&path).unwrap());
            std::fs::remove_file(path).unwrap();
            decoded
        });
        if AS_THREADS {
            continue;
        }
        let there = |decoded: &Decoded, function: &str| {
            let samples = decoded.samples.iter();
            let mut functions = samples
                .flat_map(|sample| &sample.frames)
                .map(|frame| &frame.0);
            functions.any(|name| name.ends_with(function))
        };
        assert!(there(&goroutine, "wait_for_a_value"), "{goroutine:#?}");
        assert!(there(&block, "keep_a_lock"), "{block:#?}");
        assert!(there(&mutex, "keep_a_lock"), "{mutex:#?}");
    }
}

#[test]
fn a_profile_that_cannot_be_written_is_a_line_and_the_program_runs() {
    let ended = profiled("done", Path::new("/no-such-folder/profile"));
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 3, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("gort: cannot write /no-such-folder/profile.block.pb: ")
    );
}

claims! {
    // TR05
    fn equal_stacks_are_one_line_and_the_counts_sum_to_the_number_of_goroutines() {
        let (tx, rx) = bounded::<()>(0);
        let many = (0..1000).map(|_| go!(clone [rx]; { waits_among_many(&rx) }));
        let mut all: Vec<_> = many.collect();
        all.extend((0..10).map(|_| go!(clone [rx]; { waits_among_few(&rx) })));
        settle();
        let (text, decoded) = asks();
        let lines = lines(&text);
        let sum: u64 = lines.iter().map(|(_, number)| number).sum();
        assert_eq!(sum, num_goroutines() as u64, "{text}");
        assert_eq!(sum, 1011);
        if AS_THREADS {
            // Here profiles have no stacks, only the places at which goroutines wait.
            assert_eq!((lines.len(), lines[0].1, lines[1].1), (3, 1000, 10), "{text}");
        } else {
            assert_eq!(of_function(&lines, "waits_among_many"), 1000);
            assert_eq!(of_function(&lines, "waits_among_few"), 10);
            assert_eq!(of_function(&lines, "asks"), 1);
            for (names, _) in &lines {
                assert!(names[0].contains("profile::"), "the root is a wrapper: {text}");
                for name in names {
                    assert!(!name.contains("gort_"), "a frame is not the user's: {text}");
                }
            }
        }
        assert_eq!(decoded.kinds, [("goroutine".to_owned(), "count".to_owned())]);
        let same: HashMap<_, _> = text
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(names, number)| (names.to_owned(), number.parse().unwrap()))
            .collect();
        assert_eq!(folded(&decoded, "goroutine"), same);
        let waits = decoded.samples.iter().filter(|sample| sample.values[0] >= 10);
        for sample in waits {
            assert_eq!(sample.label, Some(("wait".to_owned(), "chan receive".to_owned())));
            let (_, file, line) = sample.frames.first().unwrap();
            assert!(file.ends_with("profile.rs") && *line > 0, "{sample:?}");
        }
        drop(tx);
        for one in all {
            one.join().unwrap();
        }
    }

    // TR06
    fn the_block_profile_charges_the_line_that_waits_with_the_sum_of_all_waits() {
        profile::set_rate(1);
        let (tx, rx) = bounded::<()>(0);
        let started = Instant::now();
        let all: Vec<_> = (0..10).map(|_| go!(clone [rx]; { waits_among_few(&rx) })).collect();
        let waited = keep_waiting();
        drop(tx);
        for one in all {
            one.join().unwrap();
        }
        let most = 10 * since(started);
        let profile = profile::block();
        let charged = charged(&profile, "waits_among_few");
        assert!(charged >= 10 * waited * 9 / 10, "{waited}: {}", text_of(&profile));
        assert!(charged <= most || AS_THREADS, "{most}: {}", text_of(&profile));
        let mut bytes = Vec::new();
        profile.pprof(&mut bytes).unwrap();
        let decoded = Decoded::of(&bytes);
        let kinds = [("contentions", "count"), ("delay", "nanoseconds")];
        assert_eq!(decoded.kinds, kinds.map(|(what, unit)| (what.to_owned(), unit.to_owned())));
        let is_it = |sample: &&decoder::Sample| {
            sample.label == Some(("wait".to_owned(), "chan receive".to_owned()))
        };
        let there: Vec<_> = decoded.samples.iter().filter(is_it).collect();
        assert_eq!(there.iter().map(|sample| sample.values[0]).sum::<u64>(), 10);
        // A goroutine that sleeps does not wait for another one.
        let words: Vec<_> = decoded.samples.iter().map(|sample| &sample.label).collect();
        assert!(!words.contains(&&Some(("wait".to_owned(), "sleep".to_owned()))), "{words:?}");
    }

    // TR06
    fn the_mutex_profile_charges_the_unlocker_with_the_time_all_others_waited() {
        profile::set_rate(1);
        let mutex = Arc::new(Mutex::new(()));
        let started = Instant::now();
        let mut waited = 0;
        let mut all = Vec::new();
        hold_while(mutex.lock(), || {
            all.extend((0..10).map(|_| go!(clone [mutex]; { lock_and_go(&mutex) })));
            waited = keep_waiting();
        });
        for one in all {
            one.join().unwrap();
        }
        let most = 10 * since(started);
        let profile = profile::mutex();
        let holder = charged(&profile, "hold_while");
        assert!(holder >= 10 * waited * 9 / 10, "{waited}: {}", text_of(&profile));
        assert!(holder <= most, "{most}: {}", text_of(&profile));
        // The time that waiters spend on waiting for each other is not charged to the holder, and
        // no time counts twice.
        let all: u64 = lines(&text_of(&profile)).iter().map(|(_, number)| number).sum();
        assert!(all <= most, "{most}: {}", text_of(&profile));
    }

    // TR06
    fn readers_and_writers_are_charged_with_the_waits_they_cause() {
        profile::set_rate(1);
        let lock = Arc::new(RwLock::new(()));
        let mut waited = 0;
        let mut all = Vec::new();
        hold_while(lock.write(), || {
            all.extend((0..5).map(|_| go!(clone [lock]; { drop(lock.read()) })));
            all.extend((0..5).map(|_| go!(clone [lock]; { drop(lock.write()) })));
            waited = keep_waiting();
        });
        for one in all.drain(..) {
            one.join().unwrap();
        }
        let first = charged(&profile::mutex(), "hold_while");
        assert!(first >= 10 * waited * 9 / 10, "{waited}: {}", text_of(&profile::mutex()));
        hold_while(lock.read(), || {
            all.push(go!(clone [lock]; { drop(lock.write()) }));
            waited = keep_waiting();
        });
        for one in all {
            one.join().unwrap();
        }
        let second = charged(&profile::mutex(), "hold_while");
        assert!(second - first >= waited * 9 / 10, "{waited}: {}", text_of(&profile::mutex()));
    }

    // TR06
    fn nothing_is_recorded_before_there_is_a_rate_and_after_it_is_zero() {
        let wait = |begun: fn()| {
            let (tx, rx) = bounded::<()>(0);
            let mutex = Arc::new(Mutex::new(()));
            let waiter = go!(move || waits_among_few(&rx));
            let held = mutex.lock();
            let locker = go!(clone [mutex]; { lock_and_go(&mutex) });
            settle();
            begun();
            drop(tx);
            drop(held);
            waiter.join().unwrap();
            locker.join().unwrap();
        };
        let texts = || (text_of(&profile::block()), text_of(&profile::mutex()));
        wait(|| ());
        assert_eq!(texts(), (String::new(), String::new()));
        // Waits that have already begun do not count either.
        let (block, mutex) = {
            wait(|| profile::set_rate(1));
            profile::set_rate(0);
            (profile::block(), profile::mutex())
        };
        if !AS_THREADS {
            assert_eq!(charged(&block, "waits_among_few"), 0, "{}", text_of(&block));
        }
        assert_eq!(text_of(&mutex), "");
        profile::set_rate(1);
        wait(|| ());
        profile::set_rate(0);
        let before = texts();
        assert!(!before.0.is_empty() && !before.1.is_empty(), "{before:?}");
        wait(|| ());
        assert_eq!(texts(), before);
    }

    fn stacks_are_whole_while_goroutines_wake_each_other() {
        let stop = Arc::new(AtomicBool::new(false));
        let pairs: Vec<_> = (0..4)
            .map(|_| {
                let (ping, pings) = bounded::<()>(0);
                let (pong, pongs) = bounded::<()>(0);
                let answers = go!(move || while waits_in_turn(&pings) { pong.send(()).unwrap() });
                let asks = go!(clone [stop]; {
                    while !stop.load(Relaxed) {
                        ping.send(()).unwrap();
                        assert!(waits_in_turn(&pongs));
                    }
                });
                (answers, asks)
            })
            .collect();
        let yields: Vec<_> = (0..4)
            .map(|_| {
                go!(clone [stop]; {
                    for i in (0..).take_while(|_| !stop.load(Relaxed)) {
                        yields_in_turn(i % 5);
                    }
                })
            })
            .collect();
        let mut stacks = 0;
        let until = Instant::now() + Duration::from_secs(30);
        while stacks < 100 {
            let text = text_of(&profile::goroutines());
            for (names, number) in lines(&text) {
                let is_stack = !names[0].starts_with("spawned at");
                assert!(!is_stack || names[0].contains("profile::"), "no root: {text}");
                stacks += number * u64::from(names.last().unwrap().ends_with("waits_in_turn"));
            }
            assert!(Instant::now() < until || AS_THREADS, "{stacks}: {text}");
            if AS_THREADS {
                break;
            }
            yield_now();
        }
        stop.store(true, Relaxed);
        for (answers, asks) in pairs {
            asks.join().unwrap();
            answers.join().unwrap();
        }
        yields.into_iter().for_each(|one| one.join().unwrap());
    }

    // TR07
    fn each_kind_of_wait_has_its_own_words_in_reports_and_its_line() {
        let set = Arc::new(JoinSet::new());
        let (gate, closed) = bounded::<()>(0);
        set.spawn({
            let closed = closed.clone();
            move || ended(closed.recv())
        });
        let (value, changes) = watch::channel(0);
        let (sender, everything) = broadcast::channel::<()>(1);
        let (once, single) = oneshot::channel::<()>();
        let notify = Arc::new(Notify::new());
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = Arc::new(Pollable::new(reader).unwrap());
        let (near, _far) = UnixDatagram::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        while near.send(&[0; 1024]).is_ok() {}
        let full = Arc::new(Pollable::new(near).unwrap());

        let first = line!() + 2;
        let all = [
            go!(name = "join set", clone [set]; { ended(set.join_next()) }),
            go!(name = "watch receive"; move || ended(changes.changed())),
            go!(name = "broadcast receive"; move || ended(everything.recv())),
            go!(name = "oneshot receive"; move || ended(single.recv())),
            go!(name = "notify wait", clone [notify]; { notify.wait() }),
            go!(name = "timeout", clone [closed]; {
                ended(timeout(LONG, move |_| ended(closed.recv())));
            }),
            go!(name = "child wait"; move || ended(child.wait())),
            go!(name = "IO wait (readable)", clone [reader]; { ended(reader.readable()) }),
            go!(name = "IO wait (writable)", clone [full]; { ended(full.writable()) }),
        ];
        let last = line!();
        settle();
        let mut dump = Vec::new();
        gort::runtime::dump(&mut dump).unwrap();
        let dump = String::from_utf8(dump).unwrap();
        let (_, decoded) = asks();
        let label = |words: &str| Some(("wait".to_owned(), words.to_owned()));
        let mut reasons = HashSet::new();
        for goroutine in &all {
            let id = goroutine.goroutine().id();
            let infos = gort::runtime::goroutines();
            let info = infos.into_iter().find(|info| info.id == id).unwrap();
            let name = info.name.unwrap();
            assert_eq!(info.reason.to_string(), *name);
            let at = info.at.unwrap();
            assert!(at.file().ends_with("profile.rs"), "{name} {at}");
            assert!((first..last).contains(&at.line()), "{name} {at}");
            assert!(dump.contains(&format!("\"{name}\" [{name}]:\n    waits at {at}\n")), "{dump}");
            let of_it = decoded.samples.iter().filter(|sample| sample.label == label(&name));
            assert_eq!(of_it.map(|sample| sample.values[0]).sum::<u64>(), 1, "{name}: {decoded:#?}");
            reasons.insert(info.reason.to_string());
        }
        assert_eq!(reasons.len(), all.len());

        drop((gate, value, sender, once, stdin, writer));
        notify.notify_one();
        full.close();
        for one in all {
            one.join().unwrap();
        }
    }
}
