use super::*;
use std::mem::MaybeUninit;

fn push(ring: &Ring<Box<u32>>, value: u32) -> Attempt {
    let value = MaybeUninit::new(Box::new(value));
    // SAFETY: the value is moved if the result is `Done`; otherwise it is dropped here.
    unsafe {
        let attempt = ring.push(value.as_ptr());
        if attempt != Attempt::Done {
            drop(value.assume_init());
        }
        attempt
    }
}

fn pop(ring: &Ring<Box<u32>>) -> Result<u32, Attempt> {
    let mut place = MaybeUninit::uninit();
    // SAFETY: the place is initialised if the result is `Done`.
    unsafe {
        match ring.pop(place.as_mut_ptr()) {
            Attempt::Done => Ok(*place.assume_init()),
            other => Err(other),
        }
    }
}

#[test]
fn fills_drains_and_wraps() {
    for cap in [1, 2, 3, 4, 7, 8, 9] {
        let ring = Ring::new(cap).expect("memory");
        let mut next = 0;
        for round in 0..50 {
            let n = (round % cap as u32) + 1;
            for i in 0..n {
                assert_eq!(push(&ring, next + i), Attempt::Done);
            }
            assert_eq!(ring.len(), n as usize);
            if n as usize == cap {
                assert_eq!(push(&ring, 0), Attempt::NotReady);
            }
            for i in 0..n {
                assert_eq!(pop(&ring), Ok(next + i));
            }
            next += n;
            assert_eq!(pop(&ring), Err(Attempt::NotReady));
            assert!(ring.is_open_and_empty());
        }
    }
}

#[test]
fn an_arrested_end_belongs_to_the_lock() {
    let ring = Ring::new(2).expect("memory");
    ring.arrest_tail();
    assert_eq!(push(&ring, 1), Attempt::Slow);
    let value = MaybeUninit::new(Box::new(1));
    // SAFETY: no other thread uses the ring. There is room, so the value is moved.
    assert!(unsafe { ring.push_arrested(value.as_ptr()) });
    assert_eq!(pop(&ring), Ok(1), "the other end is free");
    ring.release();
    assert_eq!(push(&ring, 2), Attempt::Done);
    ring.arrest_head();
    assert_eq!(pop(&ring), Err(Attempt::Slow));
    assert!(!ring.is_open_and_empty());
    ring.release();
    assert_eq!(pop(&ring), Ok(2));
}

#[test]
fn a_closed_ring_drains() {
    let ring = Ring::new(2).expect("memory");
    assert_eq!(push(&ring, 1), Attempt::Done);
    ring.close();
    assert_eq!(push(&ring, 2), Attempt::Closed);
    assert_eq!(pop(&ring), Ok(1));
    assert_eq!(pop(&ring), Err(Attempt::Closed));
    assert!(!ring.is_open_and_empty());
}

#[test]
fn what_is_left_is_dropped() {
    let ring = Ring::new(3).expect("memory");
    let value = std::sync::Arc::new(());
    for _ in 0..3 {
        let value = MaybeUninit::new(std::sync::Arc::clone(&value));
        // SAFETY: there is room, so the value is moved.
        assert_eq!(unsafe { ring.push(value.as_ptr()) }, Attempt::Done);
    }
    drop(ring);
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}

#[test]
fn what_is_left_is_dropped_also_after_a_destructor_that_panics() {
    struct Value {
        panics: bool,
        _alive: std::sync::Arc<()>,
    }
    impl Drop for Value {
        fn drop(&mut self) {
            if self.panics {
                std::panic::resume_unwind(Box::new("in a destructor"));
            }
        }
    }
    let alive = std::sync::Arc::new(());
    // Bit `i` says whether the destructor of value `i` panics.
    for panics in 1..8 {
        let ring = Ring::new(3).expect("memory");
        for i in 0..3 {
            let value = MaybeUninit::new(Value {
                panics: panics & (1 << i) != 0,
                _alive: std::sync::Arc::clone(&alive),
            });
            // SAFETY: there is room, so the value is moved.
            assert_eq!(unsafe { ring.push(value.as_ptr()) }, Attempt::Done);
        }
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(ring)));
        assert!(dropped.is_err());
        assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    }
}

#[test]
fn absurd_sizes_are_refused() {
    assert!(Ring::<u64>::new(usize::MAX).is_none());
    assert!(Ring::<u64>::new(usize::MAX / 2).is_none());
    assert!(Ring::<u64>::new(isize::MAX as usize / 16).is_none());
}

#[test]
fn many_threads_lose_nothing() {
    const EACH: u32 = if cfg!(miri) { 50 } else { 20_000 };
    let ring = Ring::new(3).expect("memory");
    let sum = std::sync::atomic::AtomicU64::new(0);
    struct Shared(Ring<Box<u32>>);
    // SAFETY: each value is moved to one receiver. That is what this test is about.
    unsafe impl Sync for Shared {}
    let ring = Shared(ring);
    let ring = &ring;
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(move || {
                for i in 1..=EACH {
                    while push(&ring.0, i) != Attempt::Done {
                        std::thread::yield_now();
                    }
                }
            });
            s.spawn(|| {
                for _ in 0..EACH {
                    let value = loop {
                        match pop(&ring.0) {
                            Ok(value) => break value,
                            Err(_) => std::thread::yield_now(),
                        }
                    };
                    sum.fetch_add(u64::from(value), Relaxed);
                }
            });
        }
    });
    let each = u64::from(EACH);
    assert_eq!(sum.into_inner(), each * (each + 1));
}
