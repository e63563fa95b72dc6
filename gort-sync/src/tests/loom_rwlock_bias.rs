//! Models of the real `rwlock/bias.rs`.
//!
//! `.ci/mutants rwlock-bias-` tries the changes that these models see, one at a time.

use super::{Data, explore, explore_large};
use crate::ps_loom::{set_p, set_procs};
use crate::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use loom::thread::{self, JoinHandle};
use std::sync::Arc;
use std::time::Duration;

/// The P on which something happens.
type P = Option<usize>;

/// Returns a lock that is biased. The caller has P 0.
fn biased() -> Arc<RwLock<Data>> {
    let lock = Arc::new(RwLock::new(Data::new()));
    set_p(Some(0));
    for _ in 0..2 {
        lock.read().get();
    }
    set_p(None);
    lock
}

/// Enters as a reader on the P `enters`, and leaves on the P `leaves`.
fn read(lock: &RwLock<Data>, enters: P, leaves: P) {
    set_p(enters);
    let reader = lock.read();
    reader.get();
    set_p(leaves);
    reader.get();
    drop(reader);
}

/// Enters as the writer on this P, and leaves.
fn write(lock: &RwLock<Data>, p: P) {
    set_p(p);
    lock.write().add_one();
}

/// Runs `f` with the lock in a thread of its own.
fn beside(
    lock: &Arc<RwLock<Data>>,
    f: impl FnOnce(&RwLock<Data>) + Send + 'static,
) -> JoinHandle<()> {
    let lock = Arc::clone(lock);
    thread::spawn(move || f(&lock))
}

/// A reader that has entered on this P.
type Inside = (usize, RwLockReadGuard<'static, Data>);

/// Enters as a reader on each of two Ps. The caller must pass the readers to threads that `end`
/// waits for.
fn two_inside(lock: &RwLock<Data>) -> [Inside; 2] {
    // SAFETY: the readers leave in threads (`leaves`), and the two callers wait for these (`end`)
    // before they drop the lock.
    let lock: &'static _ = unsafe { &*std::ptr::from_ref(lock) };
    let readers = [0, 1].map(|p| {
        set_p(Some(p));
        (p, lock.read())
    });
    set_p(None);
    readers
}

/// Leaves, in a thread of its own.
fn leaves((p, reader): Inside) -> JoinHandle<()> {
    thread::spawn(move || {
        set_p(Some(p));
        reader.get();
        drop(reader);
    })
}

/// Waits for the threads. No one may be inside in the end.
fn end(lock: &RwLock<Data>, threads: impl IntoIterator<Item = JoinHandle<()>>, written: u32) {
    for thread in threads {
        thread.join().unwrap();
    }
    set_p(None);
    let data = lock.try_write().unwrap();
    assert_eq!(data.get(), written);
}

#[test]
fn a_writer_is_inside_beside_a_reader() {
    explore(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(0)));
        write(&lock, Some(1));
        end(&lock, [reader], 1);
    });
}

#[test]
fn a_writer_on_the_first_of_two_ps_enters_without_a_barrier() {
    explore(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(1), Some(1)));
        write(&lock, Some(0));
        end(&lock, [reader], 1);
    });
}

#[test]
fn a_writer_behind_two_readers_is_forgotten() {
    explore_large(|| {
        let lock = biased();
        let readers = two_inside(&lock).map(leaves);
        write(&lock, None);
        end(&lock, readers, 1);
    });
}

#[test]
fn a_reader_that_leaves_on_another_p_is_counted_twice_or_not_at_all() {
    explore(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(1)));
        write(&lock, None);
        end(&lock, [reader], 1);
    });
}

#[test]
fn a_reader_that_leaves_without_a_p_is_counted_twice_or_not_at_all() {
    explore(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), None));
        write(&lock, Some(1));
        end(&lock, [reader], 1);
    });
}

/// A reader begins the bias while a writer comes.
#[test]
fn a_writer_waits_beside_a_bias_that_begins() {
    explore(|| {
        let lock = Arc::new(RwLock::new(Data::new()));
        let reader = beside(&lock, |lock| {
            for _ in 0..3 {
                read(lock, Some(0), Some(0));
            }
        });
        write(&lock, Some(1));
        end(&lock, [reader], 1);
    });
}

/// The lock becomes biased again after a writer, while a biased reader is late to find out that it
/// was not let in.
#[test]
fn a_late_reader_is_inside_beside_a_second_writer() {
    explore_large(|| {
        let lock = biased();
        let late = beside(&lock, |lock| read(lock, Some(1), Some(1)));
        let again = beside(&lock, |lock| {
            write(lock, Some(0));
            for _ in 0..2 {
                read(lock, Some(0), Some(0));
            }
            write(lock, Some(0));
        });
        end(&lock, [late, again], 2);
    });
}

#[test]
fn readers_stay_behind_a_writer_that_gave_up() {
    explore_large(|| {
        let lock = biased();
        set_p(Some(0));
        let reader = lock.read();
        let second = beside(&lock, |lock| read(lock, Some(1), Some(1)));
        set_p(None);
        assert!(lock.write_timeout(Duration::ZERO).is_err());
        // The writer does not wait any more, so the second reader gets in.
        second.join().unwrap();
        reader.get();
        drop(reader);
        end(&lock, [], 0);
    });
}

#[test]
fn a_try_write_is_inside_beside_a_reader() {
    explore(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(0)));
        let written = lock.try_write().map_or(0, |data| {
            data.add_one();
            1
        });
        end(&lock, [reader], written);
    });
}

/// A writer that does not wait has revoked the bias. The readers after it must not begin a new one
/// before the last biased reader has left.
#[test]
fn a_bias_begins_while_readers_leave() {
    explore(|| {
        let lock = biased();
        set_p(Some(0));
        let first = lock.read();
        assert!(lock.try_write().is_err());
        let others = beside(&lock, |lock| {
            for _ in 0..3 {
                read(lock, Some(1), Some(1));
            }
        });
        first.get();
        drop(first);
        write(&lock, Some(0));
        end(&lock, [others], 1);
    });
}

#[test]
fn on_one_p_a_writer_is_inside_beside_a_reader() {
    explore(|| {
        set_procs(1);
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(0)));
        write(&lock, Some(0));
        end(&lock, [reader], 1);
    });
}

#[test]
fn on_one_p_a_reader_that_leaves_elsewhere_is_forgotten() {
    explore(|| {
        set_procs(1);
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), None));
        write(&lock, Some(0));
        end(&lock, [reader], 1);
    });
}

#[test]
fn a_writer_on_another_p_takes_the_only_p_for_its_own() {
    explore(|| {
        set_procs(1);
        let lock = biased();
        set_procs(2);
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(0)));
        write(&lock, Some(1));
        end(&lock, [reader], 1);
    });
}

/// On one P the writer begins the bias. Then it stays inside as a reader.
#[test]
fn a_writer_that_begins_the_bias_admits_readers() {
    explore(|| {
        set_procs(1);
        let lock = Arc::new(RwLock::new(Data::new()));
        read(&lock, Some(0), Some(0));
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(0)));
        let writer = lock.write();
        writer.add_one();
        let inside = RwLockWriteGuard::downgrade(writer);
        assert_eq!(inside.get(), 1);
        drop(inside);
        end(&lock, [reader], 1);
    });
}

/// A writer on one P becomes a reader beside the bias.
#[test]
fn a_downgraded_writer_forgets_the_bias() {
    explore_large(|| {
        set_procs(1);
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), None));
        set_p(Some(0));
        let writer = lock.write();
        writer.add_one();
        let inside = RwLockWriteGuard::downgrade(writer);
        assert_eq!(inside.get(), 1);
        drop(inside);
        write(&lock, Some(0));
        end(&lock, [reader], 2);
    });
}

#[test]
fn a_writer_that_gives_up_forgets_another() {
    explore_large(|| {
        let lock = biased();
        let reader = beside(&lock, |lock| read(lock, Some(0), Some(1)));
        let writer = beside(&lock, |lock| write(lock, Some(1)));
        set_p(None);
        let written = lock.write_timeout(Duration::ZERO).map_or(0, |data| {
            data.add_one();
            1
        });
        end(&lock, [reader, writer], 1 + written);
    });
}

/// Of two biased readers one settles for both. The writer comes later, and finds the word free.
#[test]
fn a_settler_does_not_pass_on_what_it_has_acquired() {
    explore(|| {
        let lock = biased();
        let readers = two_inside(&lock);
        assert!(lock.try_write().is_err());
        let threads = readers.map(leaves);
        let mut written = 0;
        for _ in 0..2 {
            if let Ok(data) = lock.try_write() {
                data.add_one();
                written += 1;
            }
            thread::yield_now();
        }
        end(&lock, threads, written);
    });
}
