//! Tests of the slabs alone. They also run under Miri (`.ci/miri`).

use super::*;
use crate::base::prim::Ordering::Relaxed;
use std::collections::HashSet;

/// The generator Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(crate::proc::p::GOLDEN);
        (crate::proc::p::mix(self.0) % n as u64) as usize
    }
}

fn check(slabs: &Slabs) {
    for (at, slab) in slabs.all.iter().enumerate() {
        let list = match slab.list {
            List::None => {
                let has_none_to_give = slab.carved == slab.capacity() && slab.free.is_empty();
                assert!(
                    has_none_to_give || slab.carved == 0,
                    "slab {at} is in no list"
                );
                continue;
            }
            List::Partial => {
                assert!(slab.has_any() && slab.free.len() < slab.carved);
                &slabs.classes[usize::from(slab.class)].partial
            }
            List::Whole => {
                assert_eq!(slab.free.len(), slab.carved);
                &slabs.classes[usize::from(slab.class)].whole
            }
        };
        assert_eq!(list[slab.place] as usize, at);
    }
}

#[test]
fn every_record_has_one_owner_and_begins_as_zeros() {
    let mut slabs = Slabs::new();
    let mut random = Random(7);
    let mut held: Vec<NonNull<G>> = Vec::new();
    let rounds = if cfg!(miri) { 60 } else { 20_000 };
    for round in 0..rounds {
        if random.below(2) == 0 {
            let class = random.below(CLASSES) as u8;
            let n = 1 + random.below(32) as u32;
            let taken = GQueue::new();
            slabs.take(class, n, &taken).expect("memory");
            assert_eq!(taken.len(), n);
            while let Some(gp) = taken.pop_front() {
                // SAFETY: the test has taken the record.
                let g = unsafe { gp.as_ref() };
                assert_eq!(g.class.get(), class);
                assert_eq!(
                    g.hog_epoch.swap(1, Relaxed),
                    0,
                    "the record is in use, or not zeroed"
                );
                // SAFETY: the room after the G was taken with the record.
                unsafe {
                    gp.add(1)
                        .cast::<u8>()
                        .write_bytes(0xAA, ROOM[usize::from(class)]);
                };
                held.push(gp);
            }
        } else {
            let given = GQueue::new();
            for _ in 0..random.below(48).min(held.len()) {
                let gp = held.swap_remove(random.below(held.len()));
                // SAFETY: the test has taken the record.
                unsafe { gp.as_ref() }.hog_epoch.store(0, Relaxed);
                given.push_back(gp);
            }
            slabs.give(&given);
        }
        if round % 64 == 0 {
            let unwanted = slabs.take_unwanted();
            for &(_, base) in &unwanted {
                // SAFETY: the range is whole pages of ours, in which no record is in use.
                unsafe { os::discard_pages(base, SLAB) };
            }
            slabs.put_empty(&unwanted);
            check(&slabs);
        }
    }
    let all: HashSet<_> = held.iter().collect();
    assert_eq!(all.len(), held.len());
}

#[test]
fn a_slab_without_memory_keeps_its_size() {
    let mut slabs = Slabs::new();
    let taken = GQueue::new();
    slabs.take(0, 10, &taken).expect("memory");
    slabs.give(&taken);
    assert!(
        slabs.take_unwanted().is_empty(),
        "it was in use since the last look"
    );
    let unwanted = slabs.take_unwanted();
    assert_eq!(unwanted.len(), 1);
    let (at, base) = unwanted[0];
    // SAFETY: the range is whole pages of ours, in which no record is in use.
    unsafe { os::discard_pages(base, SLAB) };
    slabs.put_empty(&unwanted);
    for class in [3, 0] {
        slabs.take(class, 1, &taken).expect("memory");
        let gp = taken.pop_front().expect("one");
        // SAFETY: the test has taken the record.
        let g = unsafe { gp.as_ref() };
        assert_eq!(g.class.get(), class);
        assert_eq!(g.slab.get() == at, class == 0);
    }
}

#[test]
fn a_class_has_room_for_what_is_asked_for_and_not_much_more() {
    for room in 0..=ROOM[CLASSES - 1] {
        let class = usize::from(class_for(room));
        assert!(ROOM[class] >= room);
        assert!(class == 0 || ROOM[class - 1] < room);
    }
}
