use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// # Safety
/// Always safe to call.
unsafe fn yes(_: *const ()) -> bool {
    true
}

#[test]
fn timers_come_out_in_order_whatever_is_removed_between() {
    let g = NonNull::<G>::dangling();
    let timers = Timers::new();
    let mut seed = 42u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        seed >> 33
    };
    let all: Vec<Timer> = (0..1000)
        .map(|_| Timer::waking(1 + random() % 5000, g, yes, ptr::null()))
        .collect();
    for t in &all {
        // SAFETY: `all` outlives the heap's use; nothing is called, as the heap is not run.
        unsafe { timers.add(t) };
    }
    for t in all.iter().step_by(3) {
        t.cancel();
    }
    for limit in [0, 1, 5, 50, 500, u64::MAX] {
        let heap = timers.heap.lock();
        let all = heap.iter().filter(|&(when, _)| when < limit).count();
        drop(heap);
        for most in [0, 1, 4, 100, 2000] {
            assert_eq!(timers.count_before(limit, most), all.min(most), "{limit}");
        }
    }
    let mut due = 0;
    let mut last = 0;
    while timers.next() != 0 {
        let next = timers.next();
        assert!(next > last, "the earliest time only grows");
        last = next;
        // `run` would put the dangling Gs into a queue and so touch them, so look at the heap
        // instead.
        let mut heap = timers.heap.lock();
        while let Some(when) = heap.first_time()
            && when <= next
        {
            assert_eq!(when, next, "nobody was due earlier");
            heap.take_first();
            due += 1;
        }
        timers.publish(&heap);
    }
    assert_eq!(due, 1000 - 334);
}

/// # Safety
/// Always safe to call.
unsafe fn never_made(_: &Start, _: NonNull<G>, _: u64) {
    unreachable!("nobody has a stack");
}

/// # Safety
/// Always safe to call.
unsafe fn give_up(_: *const ()) {
    unreachable!("they are cancelled");
}

fn starting(when: u64) -> Timer {
    let timer = Timer::new();
    let start = Start {
        make: never_made,
        arg: ptr::null(),
        give_up,
        root: None,
        bubble: None,
        site: Location::caller(),
    };
    timer.set_start(when, start);
    timer
}

fn run(timers: &Timers, now: u64, has_record: bool) -> Ran {
    timers.run(now, u32::MAX, has_record, &GQueue::new())
}

#[test]
fn what_gets_no_stack_stays_armed_and_delays_nothing_else() {
    let timers = Timers::new();
    let (first, second) = (starting(10), starting(20));
    // SAFETY: both stay in place, and are taken out below. `make` is never called.
    unsafe {
        assert!(timers.add(&second));
        assert!(timers.add(&first));
    }
    assert!(matches!(run(&timers, 9, false), Ran::Enough));
    assert!(matches!(run(&timers, 10, false), Ran::NeedsRecord));
    assert_eq!(timers.next(), 10, "still armed");
    timers.put_off(10, 30);
    assert_eq!(timers.next(), 20);
    timers.put_off(10, 40);
    assert_eq!(timers.next(), 20, "that one is not due");
    assert!(matches!(run(&timers, 30, true), Ran::Start(_)));
    assert!(!second.cancel(), "it is being started");
    assert_eq!(timers.next(), 30);
    assert!(first.cancel());
    assert_eq!(timers.next(), 0);
}

#[test]
fn the_end_of_time_is_no_time() {
    let timers = Timers::new();
    let (never, once) = (starting(u64::MAX), starting(5));
    // SAFETY: both stay in place, and are taken out below. The heap is never run.
    unsafe {
        assert!(!timers.add(&never));
        assert_eq!(timers.next(), 0);
        assert!(timers.add(&once));
    }
    assert_eq!(timers.next(), 5);
    assert!(once.cancel());
    assert_eq!(timers.next(), 0);
    assert!(never.cancel(), "it was pending");
}

/// Counts the call, and does not win.
///
/// # Safety
/// `arg` points to an `AtomicUsize`.
unsafe fn counts(arg: *const ()) -> bool {
    // SAFETY: the caller passes such a pointer.
    unsafe { &*arg.cast::<AtomicUsize>() }.fetch_add(1, Relaxed);
    false
}

#[test]
fn exactly_the_due_timers_are_taken_out_however_many() {
    const N: usize = 3 * TOGETHER + 5;
    let fired: Vec<_> = (0..N).map(|_| AtomicUsize::new(0)).collect();
    let timers = Timers::new();
    let all: Vec<Timer> = (fired.iter().enumerate())
        .map(|(i, fired)| {
            let arg = ptr::from_ref(fired).cast();
            Timer::waking(1 + i as u64, NonNull::dangling(), counts, arg)
        })
        .collect();
    for timer in &all {
        // SAFETY: `all` and `fired` outlive the heap's use. No call wins, so no goroutine is woken.
        unsafe { timers.add(timer) };
    }
    for due in [1, 2, TOGETHER, 3 * TOGETHER] {
        assert!(matches!(run(&timers, due as u64, false), Ran::Enough));
        assert_eq!(timers.next(), 1 + due as u64);
        for (i, fired) in fired.iter().enumerate() {
            assert_eq!(fired.load(Relaxed), usize::from(i < due), "{i} of {due}");
        }
    }
    for (i, timer) in all.iter().enumerate() {
        assert_eq!(timer.cancel(), i >= 3 * TOGETHER, "{i}");
        assert!(!timer.cancel(), "it was cancelled before");
    }
    assert_eq!(timers.next(), 0);
}
