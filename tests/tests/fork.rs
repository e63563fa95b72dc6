//! `fork` without `exec`, from a plain thread: what the child may do, and that it ends with a
//! message if it does what it must not do.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{claims, parked, settle};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::thread;

/// Forks on a plain thread and calls `f` in the child. Returns how the child ended and what it
/// printed.
fn forked(f: impl FnOnce() + Send + 'static) -> (i32, String) {
    thread::spawn(move || {
        let (mut reader, writer) = std::io::pipe().unwrap();
        // SAFETY: the child uses only what this thread has and what gort takes care of, and ends
        // itself.
        match unsafe { libc::fork() } {
            -1 => panic!("{}", std::io::Error::last_os_error()),
            0 => {
                // SAFETY: the calls take no pointers. A child that hangs is killed.
                unsafe {
                    libc::alarm(60);
                    libc::dup2(writer.as_raw_fd(), 2);
                }
                f();
                // SAFETY: the call has no preconditions.
                unsafe { libc::_exit(0) }
            }
            child => {
                drop(writer);
                let mut said = String::new();
                reader.read_to_string(&mut said).unwrap();
                let mut status = 0;
                // SAFETY: `status` is valid for writing during the call.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                (status, said)
            }
        }
    })
    .join()
    .unwrap()
}

#[track_caller]
fn refused(f: impl FnOnce() + Send + 'static) {
    let (status, said) = forked(f);
    let told = said.starts_with("fatal: gort was used in a child of `fork`");
    assert!(told && said.lines().count() == 1, "{said:?}");
    assert_eq!(libc::WEXITSTATUS(status), 2, "{status:#x}");
    assert!(libc::WIFEXITED(status), "{status:#x}");
}

claims! {
    // FT12
    fn a_child_that_sends_to_a_goroutine_ends_with_a_message() {
        let (tx, rx) = bounded::<u32>(0);
        let receiver = parked(WaitReason::ChanReceive, move || rx.recv());
        let child = tx.clone();
        refused(move || child.send(1).unwrap());
        // The parent's receiver is still there.
        tx.send(2).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(2));
    }

    // FT12
    fn a_child_that_starts_or_waits_ends_with_a_message() {
        refused(|| drop(go!(|| ())));
        refused(|| bounded::<()>(0).1.recv_timeout(Duration::from_secs(100)).unwrap());
        refused(|| drop(WaitGroup::new().go(|| ())));
        refused(|| gort::scope(|s| drop(s.spawn(|| ()))));
        refused(|| drop(TcpListener::bind("127.0.0.1:0")));
        let lock = std::sync::Arc::new(Mutex::new(()));
        let held = lock.lock();
        let child = lock.clone();
        refused(move || drop(child.lock()));
        drop(held);
    }

    // FT12
    fn a_child_may_do_what_needs_no_other_goroutine() {
        let (tx, rx) = bounded(1);
        let said = forked(move || {
            tx.try_send(1).unwrap();
            assert_eq!(rx.try_recv(), Ok(1));
            drop(Mutex::new(1).lock());
            gort::time::sleep(Duration::from_millis(1));
        });
        assert_eq!(said, (0, String::new()));
    }

    // FT12
    fn a_child_that_drops_a_socket_leaves_the_parents_watched() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        let far = std::sync::Arc::new(far);
        let reader = parked(WaitReason::IoWait, { let far = far.clone(); move || (&*far).read(&mut [0; 8]) });
        let said = forked(move || {
            // SAFETY: the references that were counted in the parent do not exist in the child, so
            // this handle is the last one here.
            unsafe { std::sync::Arc::decrement_strong_count(std::sync::Arc::as_ptr(&far)) };
            assert_eq!(std::sync::Arc::strong_count(&far), 1);
            drop(far);
        });
        assert_eq!(said, (0, String::new()));
        settle();
        near.write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    }
}
