//! ST, GO14: seeded stress tests. Goroutines end on other Ps than they started on, so records and
//! stacks move from P to P while there are too few of them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort::time::sleep;
use gort::{Builder, goexit};
use gort_tests::{Counted, Random, always_migrates, role, run_child, seed};
use std::hint::black_box;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;
use std::{env, fs, thread};

/// How long each process runs.
const TIME: Duration = Duration::from_secs(1);
/// The size of stacks that are larger than the default.
const LARGE: usize = 512 * 1024;

/// Runs `body` in processes with 1, 2 and 8 Ps: once with goroutines that change threads only when
/// they have to, and once with goroutines that change threads each time they run.
fn on_all(test: &'static str, options: &str, body: fn(Random)) {
    if role().is_some() {
        return gort::runtime::run(move || {
            let seed = seed();
            println!("GORT_TEST_SEED={seed}");
            body(Random::new(seed));
        });
    }
    let given = env::var("GORT_DEBUG").unwrap_or_default();
    for moves in ["", "migrate=always"] {
        for procs in ["1", "2", "8"] {
            let debug = format!("{given},{options},{moves}");
            let vars = [("GORT_DEBUG", debug.as_str()), ("GORT_MAXPROCS", procs)];
            let ended = run_child(test, "body", &vars);
            println!("{vars:?} {:?}\n{}", ended.took, ended.stdout);
            assert!(
                ended.status.success(),
                "{vars:?}: {}\n{}\n{}",
                ended.status,
                ended.stdout,
                ended.stderr
            );
        }
    }
}

/// Starts the threads that the test needs, also for Ps that are taken from goroutines that compute.
/// Later there is no room for the threads' stacks.
fn start_threads() {
    let all: Vec<_> = (0..2 * max_procs() + 8)
        .map(|_| spawn(|| gort::blocking(|| thread::sleep(Duration::from_millis(50)))))
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
}

/// Number of goroutines that ended on another thread than they started on.
static MOVED: AtomicUsize = AtomicUsize::new(0);

fn this_thread() -> libc::pid_t {
    // SAFETY: the call has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// Checks that some goroutine has changed threads, if `GORT_DEBUG` demands that.
fn has_moved() {
    let moved = MOVED.load(SeqCst);
    println!("{moved} have moved");
    assert!(moved != 0 || !always_migrates());
}

/// Runs as the body of a goroutine: works and waits, checks that its argument `brought` and an
/// array on its stack are unchanged, and then ends in a random way. `brought` identifies the
/// goroutine.
fn travel<const N: usize>(
    brought: [u64; N],
    alive: Counted,
    gate: Option<Receiver<()>>,
    mut random: Random,
) -> [u64; N] {
    let here = black_box([brought[0]; 100]);
    let thread = this_thread();
    let rest = |random: &mut Random| {
        for _ in 0..random.below(4) {
            if random.below(4) == 0 {
                sleep(Duration::from_micros(random.below(100)));
            } else {
                yield_now();
            }
        }
    };
    rest(&mut random);
    if let Some(gate) = gate {
        assert!(gate.recv().is_err());
    }
    rest(&mut random);
    assert_eq!(here, [brought[0]; 100]);
    assert_eq!(brought, [brought[0]; N]);
    MOVED.fetch_add(usize::from(this_thread() != thread), SeqCst);
    drop(alive);
    match random.below(8) {
        0 => resume_unwind(Box::new(brought[0])),
        1 => goexit(),
        _ => brought,
    }
}

/// A function that ends a goroutine that was started, and checks its result.
type Started = Box<dyn FnOnce() + Send>;

/// Starts a goroutine that has `N` words as its argument, and that may wait at a gate. Returns
/// `None` if there was no room.
fn start<const N: usize>(random: &mut Random, alive: &Arc<AtomicUsize>) -> Option<Started> {
    let number = random.below(u64::MAX);
    let (open, gate) = bounded::<()>(0);
    let gate = (random.below(2) == 0).then_some(gate);
    let builder = match random.below(3) {
        0 => Builder::new().stack_size(LARGE),
        _ => Builder::new(),
    };
    let (own, counted) = (Random::new(random.below(u64::MAX)), Counted::new(alive));
    let handle = builder
        .spawn(move || travel([number; N], counted, gate, own))
        .ok()?;
    let joins = random.below(4) != 0;
    Some(Box::new(move || {
        drop(open);
        if joins {
            match handle.join() {
                Ok(value) => assert_eq!(value, [number; N]),
                Err(e) if e.is_exited() => {}
                Err(e) => assert_eq!(e.into_panic().downcast_ref(), Some(&number)),
            }
        }
    }))
}

/// Starts a goroutine with a random number of words.
fn start_any(random: &mut Random, alive: &Arc<AtomicUsize>) -> Option<Started> {
    match random.below(4) {
        0 => start::<1>(random, alive),
        1 => start::<20>(random, alive),
        2 => start::<100>(random, alive),
        _ => start::<450>(random, alive),
    }
}

/// Leaves room for `more` bytes of address space.
fn limit_address_space(more: libc::rlim_t) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as libc::rlim_t;
    let limit = libc::rlimit {
        rlim_cur: pages * page + more,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the call reads the limit.
    let failed = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(failed, 0);
}

/// Returns how many goroutines with stacks of this size, or the default size, can exist together.
fn how_many(size: Option<usize>) -> usize {
    let (release, gate) = bounded::<()>(0);
    let mut all = Vec::new();
    loop {
        let gate = gate.clone();
        let builder = size.map_or_else(Builder::new, |size| Builder::new().stack_size(size));
        match builder.spawn(move || assert!(gate.recv().is_err())) {
            Ok(one) => all.push(one),
            Err(_) => break,
        }
    }
    let count = all.len();
    drop(release);
    all.into_iter().for_each(|one| one.join().unwrap());
    count
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it did not happen within 60 s"
        );
        sleep(Duration::from_millis(1));
    }
}

// A spawn that is refused says so, and drops its closure. A goroutine that was started runs, even
// if other Ps keep all free stacks.
#[test]
fn stacks_run_out_and_come_back_under_a_limit_of_address_space() {
    const NAME: &str = concat!(
        module_path!(),
        "::stacks_run_out_and_come_back_under_a_limit_of_address_space"
    );
    on_all(NAME, "", |mut random| {
        start_threads();
        spawn(|| ()).join().unwrap();
        let large = Builder::new().stack_size(LARGE).spawn(|| ());
        large.unwrap().join().unwrap();
        // Leaves room for one more region of each size of stacks, one of records, and 8 MiB.
        limit_address_space(88 << 20);
        let (of_default, of_large) = (how_many(None), how_many(Some(LARGE)));
        // Leaves room for memory outside the regions.
        limit_address_space(12 << 20);
        let alive = Arc::new(AtomicUsize::new(0));
        let (mut held, mut refused) = (Vec::new(), 0);
        let end = Instant::now() + TIME;
        while Instant::now() < end || refused == 0 {
            if let Some(one) = start_any(&mut random, &alive) {
                held.push(one);
                continue;
            }
            refused += 1;
            for _ in 0..=random.below(64) {
                if !held.is_empty() {
                    held.swap_remove(random.below(held.len() as u64) as usize)();
                }
            }
            if random.below(16) == 0 {
                // Joins some of them in another goroutine, so that another P takes the results.
                let some: Vec<_> = held.drain(held.len() / 2..).collect();
                let some = Builder::new().spawn(|| some.into_iter().for_each(|one| one()));
                // If there is no room, the handles are dropped here.
                drop(some);
            }
        }
        held.into_iter().for_each(|one| one());
        until(|| alive.load(SeqCst) == 0);
        println!(
            "there was room for {of_default} and {of_large}; {refused} times there was no room"
        );
        has_moved();
        // As many goroutines as before can exist, apart from the stacks that other Ps keep
        // reserved: at most 64 of the default size on each P, and none of other sizes.
        until(|| how_many(Some(LARGE)) >= of_large);
        until(|| how_many(None) + 64 * (max_procs() - 1) >= of_default);
    });
}

/// Returns a number of goroutines that is larger than the number of stacks for which the system has
/// room if guards use mappings, or `None` if that is more than a test should use.
fn too_many() -> Option<u64> {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let limit: u64 = limit.trim().parse().unwrap();
    (limit <= 100_000).then_some(limit / 2 + 300)
}

// No start is refused here: goroutines wait for stacks, and those that end make room, on any P.
#[test]
fn stacks_run_out_and_come_back_at_the_limit_of_mappings() {
    const NAME: &str = concat!(
        module_path!(),
        "::stacks_run_out_and_come_back_at_the_limit_of_mappings"
    );
    const WAVES: usize = 8;
    if too_many().is_none() {
        println!("skipped: vm.max_map_count is large");
        return;
    }
    on_all(NAME, "guard=mprotect", |mut random| {
        start_threads();
        let n = too_many().unwrap();
        let (alive, begun) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let mut gates: Vec<_> = (0..WAVES).map(|_| bounded::<()>(0)).collect();
        let mut all = Vec::new();
        let go = |gate: &Receiver<()>, random: &mut Random| {
            let (gate, begun) = (gate.clone(), begun.clone());
            let (own, counted) = (Random::new(random.below(u64::MAX)), Counted::new(&alive));
            let number = random.below(u64::MAX);
            spawn(move || {
                begun.fetch_add(1, SeqCst);
                travel([number; 1], counted, Some(gate), own)
            })
        };
        for _ in 0..n {
            let gate = random.below(WAVES as u64) as usize;
            all.push(go(&gates[gate].1, &mut random));
        }
        let before = until_no_goroutine_begins(&begun);
        assert!(before < all.len(), "all {before} have a stack");
        for _ in 0..WAVES {
            let gate = random.below(gates.len() as u64) as usize;
            drop(gates.swap_remove(gate));
            // These start while others end, and queue behind those that wait for a stack.
            let (open, gate) = bounded(0);
            for _ in 0..n / WAVES as u64 {
                all.push(go(&gate, &mut random));
            }
            gates.push((open, gate));
            yield_now();
        }
        drop(gates);
        for one in all {
            drop(one.join());
        }
        assert_eq!(alive.load(SeqCst), 0);
        has_moved();
        assert_eq!(spawn(|| 7).join().unwrap(), 7);
    });
}

/// Waits until no more goroutines start, and returns how many have started. (On a slow machine this
/// may end early, which makes the test weaker and not wrong.)
fn until_no_goroutine_begins(begun: &AtomicUsize) -> usize {
    loop {
        let before = begun.load(SeqCst);
        sleep(Duration::from_millis(200));
        if begun.load(SeqCst) == before && before > 1000 {
            return before;
        }
    }
}
