//! `io::Pollable`: waiting for descriptors that gort has not made.

use gort::io::{Interest, Pollable};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::{claims, parked, settle, waiting};
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// Returns a descriptor that a call has just made.
fn made(fd: libc::c_int) -> File {
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: each caller has just made this descriptor, so it is open and has no other owner.
    File::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn pipe() -> (Arc<Pollable<PipeReader>>, Arc<Pollable<PipeWriter>>) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = Pollable::new(reader).expect("a pipe can be waited for");
    let writer = Pollable::new(writer).expect("a pipe can be waited for");
    (Arc::new(reader), Arc::new(writer))
}

fn past() -> Option<Instant> {
    Some(Instant::now() - 5 * MS)
}

fn blocks(fd: impl AsFd) -> bool {
    // SAFETY: the call takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0, "{}", io::Error::last_os_error());
    flags & libc::O_NONBLOCK == 0
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("an operation that must fail").kind()
}

/// Writes until there is no room.
fn fill(mut to: impl Write) {
    while to.write(&[0; 4096]).is_ok() {}
}

/// Waits for `file` in a goroutine, calls `make_ready` when that goroutine is parked, and returns
/// what can be read then. Another goroutine must get its turns while this one waits.
fn woken_by(file: File, make_ready: impl FnOnce()) -> Vec<u8> {
    let file = Arc::new(Pollable::new(file).expect("it can be waited for"));
    let ticks = Arc::new(AtomicU64::new(0));
    let (stop, stopped) = bounded::<()>(1);
    let ticker = go!(clone [ticks]; move || {
        while stopped.try_recv().is_err() {
            ticks.fetch_add(1, Relaxed);
            sleep(MS);
        }
    });
    let waits = go!(clone [file]; { file.readable() });
    while waiting(WaitReason::Readable) == 0 {
        assert!(!waits.is_finished(), "nothing is there yet");
        sleep(MS);
    }
    // Other goroutines run.
    let before = ticks.load(Relaxed);
    while ticks.load(Relaxed) == before {
        sleep(MS);
    }
    make_ready();
    waits.join().expect("join").expect("readable");
    stop.send(()).expect("the ticker is there");
    ticker.join().expect("join");
    let mut bytes = [0; 256];
    let n = file.try_io(Interest::READABLE, |mut file| file.read(&mut bytes));
    bytes[..n.expect("read")].to_vec()
}

claims! {
    // PO01
    fn a_pipe_wakes_its_waiter() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let got = woken_by(File::from(OwnedFd::from(reader)), || writer.write_all(b"hello").expect("write"));
        assert_eq!(got, b"hello");
    }

    // PO01
    fn an_eventfd_wakes_its_waiter() {
        // SAFETY: the call takes no pointers.
        let event = made(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) });
        let mut other = event.try_clone().expect("a duplicate");
        let got = woken_by(event, || other.write_all(&7u64.to_ne_bytes()).expect("write"));
        assert_eq!(got, 7u64.to_ne_bytes());
    }

    // PO01
    fn a_timerfd_wakes_its_waiter() {
        // SAFETY: the call takes no pointers.
        let timer = made(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) });
        let other = timer.try_clone().expect("a duplicate");
        let got = woken_by(timer, || {
            let once = libc::itimerspec {
                it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 },
            };
            // SAFETY: `once` lives during the call, and the last pointer may be null.
            let set = unsafe { libc::timerfd_settime(other.as_raw_fd(), 0, &raw const once, std::ptr::null_mut()) };
            assert_eq!(set, 0);
        });
        assert_eq!(got, 1u64.to_ne_bytes());
    }

    // PO01
    fn inotify_wakes_its_waiter() {
        // SAFETY: the call takes no pointers.
        let notify = made(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) });
        let folder = std::env::temp_dir().join(format!("gort-pollable-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = std::ffi::CString::new(folder.to_str().expect("text")).expect("no nul");
        // SAFETY: `path` ends with a nul and lives during the call.
        let watch = unsafe { libc::inotify_add_watch(notify.as_raw_fd(), path.as_ptr(), libc::IN_CREATE) };
        assert!(watch >= 0);
        let got = woken_by(notify, || drop(File::create(folder.join("news")).expect("a file")));
        std::fs::remove_dir_all(&folder).expect("remove");
        assert!(got.windows(4).any(|w| w == b"news"), "{got:?}");
    }

    // PO01
    fn a_terminal_wakes_its_waiter() {
        let (mut master, mut slave) = (-1, -1);
        let null = std::ptr::null_mut();
        // SAFETY: there is room for two descriptors, and the other pointers may be null.
        let opened = unsafe { libc::openpty(&raw mut master, &raw mut slave, null, null.cast(), null.cast()) };
        assert_eq!(opened, 0);
        let (mut master, slave) = (made(master), made(slave));
        let got = woken_by(slave, || master.write_all(b"line\n").expect("write"));
        assert_eq!(got, b"line\n");
        // Reads the terminal's echo, and then the error that says that the other side is closed.
        let mut master = Pollable::new(master).expect("a terminal");
        let mut echo = [0; 6];
        master.read_exact(&mut echo).expect("read");
        assert_eq!(&echo, b"line\r\n");
        assert!(master.read(&mut echo).is_err());
    }

    // PO01
    fn a_pidfd_wakes_its_waiter() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("cat");
        let pid = libc::pid_t::try_from(child.id()).expect("a pid");
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let pidfd = Pollable::new(made(i32::try_from(fd).expect("a descriptor"))).expect("it can be waited for");
        let waits = parked(WaitReason::Readable, move || pidfd.readable());
        drop(child.stdin.take());
        waits.join().expect("join").expect("readable");
        assert!(child.wait().expect("it has ended").success());
    }

    // PO02
    fn what_is_left_over_is_still_readable() {
        let (reader, writer) = pipe();
        (&*writer).write_all(&[7; 10]).expect("write");
        for _ in 0..10 {
            reader.readable().expect("there is more");
            let one = reader.try_io(Interest::READABLE, |mut pipe| pipe.read(&mut [0; 1]));
            assert_eq!(one.expect("read"), 1);
        }
        let waits = parked(WaitReason::Readable, move || reader.readable());
        assert!(!waits.is_finished());
        (&*writer).write_all(&[8]).expect("write");
        waits.join().expect("join").expect("readable");
    }

    // PO03
    fn no_event_is_lost_between_the_attempt_and_the_wait() {
        const MESSAGES: usize = 1_000_000;
        let (reader, writer) = pipe();
        let writing = go!(move || {
            for i in 0..MESSAGES {
                (&*writer).write_all(&[i as u8]).expect("write");
            }
        });
        let mut buf = [0; 16];
        let mut got = 0;
        while got < MESSAGES {
            // Reads a few bytes at a time, so that the pipe is sometimes empty and sometimes full.
            let n = reader.try_io(Interest::READABLE, |mut pipe| pipe.read(&mut buf)).expect("read");
            assert!(buf[..n].iter().enumerate().all(|(i, &byte)| byte == (got + i) as u8));
            got += n;
        }
        writing.join().expect("join");
    }

    // PO04
    fn the_two_directions_are_independent() {
        let (near, far) = UnixStream::pair().expect("a pair");
        let near = Arc::new(Pollable::new(near).expect("a socket"));
        let far = Arc::new(Pollable::new(far).expect("a socket"));
        fill(near.get_ref());
        let writes = parked(WaitReason::Writable, { let near = Arc::clone(&near); move || near.writable() });
        let reads = parked(WaitReason::Readable, { let near = Arc::clone(&near); move || near.readable() });
        (&*far).write_all(b"x").expect("write");
        reads.join().expect("join").expect("readable");
        settle();
        assert!(!writes.is_finished(), "there is still no room");
        near.get_ref().read_exact(&mut [0; 1]).expect("read");
        let reads = parked(WaitReason::Readable, { let near = Arc::clone(&near); move || near.readable() });
        let mut sink = [0; 65536];
        while far.get_ref().read(&mut sink).is_ok() {}
        writes.join().expect("join").expect("writable");
        settle();
        assert!(!reads.is_finished(), "there is still nothing");
        near.close();
        assert_eq!(kind(reads.join().expect("join")), ErrorKind::NotConnected);
    }

    // PO05
    fn the_flag_is_put_back() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let other = reader.try_clone().expect("a duplicate");
        assert!(blocks(&other));
        let mut wrapped = Pollable::new(reader).expect("a pipe");
        assert!(!blocks(&other));
        let _ = wrapped.get_mut();
        assert!(blocks(&other), "while it may be changed");
        wrapped.set_read_deadline(past()).expect("set");
        assert_eq!(kind(wrapped.readable()), ErrorKind::TimedOut);
        wrapped.set_read_deadline(Some(Instant::now() + MS)).expect("set");
        assert_eq!(kind(wrapped.readable()), ErrorKind::TimedOut);
        assert!(!blocks(&other), "in use again");
        let reader = wrapped.into_inner();
        assert!(blocks(&other));
        drop(Pollable::new(reader).expect("a pipe"));
        assert!(blocks(&other));
        let again = Pollable::new(&other).expect("a pipe");
        again.close();
        drop(again);
        assert!(blocks(&other), "also after close");
    }

    // PO05
    fn a_flag_that_was_set_stays_set() {
        let (near, _far) = UnixStream::pair().expect("a pair");
        near.set_nonblocking(true).expect("set");
        let near = Pollable::new(near).expect("a socket").into_inner();
        assert!(!blocks(&near));
        drop(Pollable::new(&near).expect("a socket"));
        assert!(!blocks(&near));
    }

    // PO06, NP17
    fn what_cannot_be_waited_for_is_refused_at_once() {
        let file = File::open(std::env::current_exe().expect("a path")).expect("a regular file");
        let error = Pollable::new(&file).expect_err("always ready");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("regular file"), "{error}");
        assert!(blocks(&file), "as it was");
    }

    // PO06
    fn one_descriptor_has_one_pollable() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let first = Pollable::new(reader.as_fd()).expect("a pipe");
        assert_eq!(kind(Pollable::new(reader.as_fd())), ErrorKind::AlreadyExists);
        let other = reader.try_clone().expect("a duplicate");
        let second = Pollable::new(other).expect("a duplicate is another");
        // The refused `Pollable` has taken nothing from the first.
        gort::scope(|s| {
            let waits = [go!(in s; || first.readable()), go!(in s; || second.readable())];
            while waiting(WaitReason::Readable) < 2 {
                sleep(MS);
            }
            writer.write_all(b"x").expect("write");
            for wait in waits {
                wait.join().expect("join").expect("readable");
            }
        });
    }

    // PO07, NP18
    fn a_writer_learns_that_no_reader_is_left() {
        let (reader, writer) = pipe();
        fill(writer.get_ref());
        let waits = parked(WaitReason::Writable, { let writer = Arc::clone(&writer); move || writer.writable() });
        drop(reader);
        waits.join().expect("join").expect("the error can be had");
        assert_eq!(kind((&*writer).write(b"x")), ErrorKind::BrokenPipe);
    }

    // PO07
    fn a_reader_learns_that_no_writer_is_left() {
        let (reader, writer) = pipe();
        let waits = parked(WaitReason::Readable, { let reader = Arc::clone(&reader); move || reader.readable() });
        drop(writer);
        waits.join().expect("join").expect("the end can be read");
        assert_eq!((&*reader).read(&mut [0; 8]).expect("the end"), 0);
    }

    // PO07, NP02, NP05
    fn deadlines_hold_before_and_during_a_wait() {
        let (reader, writer) = pipe();
        (&*writer).write_all(b"x").expect("write");
        reader.set_read_deadline(past()).expect("set");
        assert_eq!(kind(reader.readable()), ErrorKind::TimedOut, "even if there is something");
        assert_eq!(kind((&*reader).read(&mut [0; 1])), ErrorKind::TimedOut);
        reader.set_deadline(None).expect("set");
        assert_eq!((&*reader).read(&mut [0; 1]).expect("read"), 1);
        let waits = parked(WaitReason::Readable, { let reader = Arc::clone(&reader); move || reader.readable() });
        reader.set_write_deadline(past()).expect("set");
        settle();
        assert!(!waits.is_finished(), "the other direction's");
        reader.set_read_deadline(past()).expect("set");
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::TimedOut);
    }

    // PO07, NP11
    fn close_wakes_the_waiters_and_leaves_the_descriptor_alone() {
        let (reader, writer) = pipe();
        fill(writer.get_ref());
        let writes = parked(WaitReason::Writable, { let writer = Arc::clone(&writer); move || writer.writable() });
        let (other, _open) = pipe();
        let reads = parked(WaitReason::IoWait, { let other = Arc::clone(&other); move || (&*other).read(&mut [0; 1]) });
        for closed in [&other.as_fd(), &writer.as_fd()] {
            assert!(!blocks(closed));
        }
        writer.close();
        other.close();
        assert_eq!(kind(writes.join().expect("join")), ErrorKind::NotConnected);
        assert_eq!(kind(reads.join().expect("join")), ErrorKind::NotConnected);
        assert_eq!(kind(other.readable()), ErrorKind::NotConnected);
        assert_eq!(kind(other.set_deadline(None)), ErrorKind::NotConnected);
        assert_eq!(kind((&*writer).write(b"")), ErrorKind::NotConnected);
        other.close();
        reader.readable().expect("what was written is still there");
        // Another `Pollable` may take the descriptor over.
        let again = Pollable::new(reader.get_ref().try_clone().expect("a duplicate"));
        again.expect("a pipe").readable().expect("readable");
    }

    fn an_empty_buffer_does_not_wait() {
        let (reader, writer) = pipe();
        let waits = parked(WaitReason::Readable, { let reader = Arc::clone(&reader); move || reader.readable() });
        assert_eq!((&*reader).read(&mut []).expect("at once"), 0);
        fill(writer.get_ref());
        assert_eq!((&*writer).write(&[]).expect("at once"), 0);
        waits.join().expect("join").expect("readable");
    }

    fn another_descriptor_may_be_put_in_its_place() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let mut wrapped = Pollable::new(reader).expect("a pipe");
        let (reader, mut writer) = io::pipe().expect("a pipe");
        // Another descriptor may get the number of the one that this assignment closes.
        *wrapped.get_mut() = reader;
        let (third, mut to_third) = io::pipe().expect("a pipe");
        let third = Pollable::new(third).expect("a pipe");
        let waits = parked(WaitReason::IoWait, move || wrapped.read(&mut [0; 1]));
        let waits_too = parked(WaitReason::Readable, move || third.readable());
        writer.write_all(b"x").expect("write");
        assert_eq!(waits.join().expect("join").expect("read"), 1);
        to_third.write_all(b"x").expect("write");
        waits_too.join().expect("join").expect("readable");

        let (reader, _writer) = io::pipe().expect("a pipe");
        let mut wrapped = Pollable::new(OwnedFd::from(reader)).expect("a pipe");
        *wrapped.get_mut() = File::open("/proc/self/exe").expect("a regular file").into();
        wrapped.readable().expect("it never has to wait");
        let stubborn = wrapped.try_io(Interest::READABLE, |_| Err::<(), _>(ErrorKind::WouldBlock.into()));
        assert_eq!(kind(stubborn), ErrorKind::Unsupported);
    }

    // NP13
    fn the_standard_descriptors_keep_blocking() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        // SAFETY: the call takes no pointers, and this process does not use standard input.
        assert_eq!(unsafe { libc::dup2(reader.as_raw_fd(), 0) }, 0);
        let stdin = Pollable::new(io::stdin()).expect("a pipe");
        assert!(blocks(&reader));
        let stdin = Arc::new(stdin);
        let waits = parked(WaitReason::IoWait, { let stdin = Arc::clone(&stdin); move || {
            let mut line = [0; 2];
            (&*stdin).read_exact(&mut line).map(|()| line)
        }});
        writer.write_all(b"y\n").expect("write");
        assert_eq!(&waits.join().expect("join").expect("read"), b"y\n");
        assert!(blocks(&reader));
        let waits = parked(WaitReason::IoWait, { let stdin = Arc::clone(&stdin); move || (&*stdin).read(&mut [0; 1]) });
        stdin.close();
        assert_eq!(kind(waits.join().expect("join")), ErrorKind::NotConnected);
    }

    fn what_try_io_calls_may_panic() {
        let (reader, writer) = pipe();
        let panics = gort::recover(|| reader.try_io(Interest::READABLE, |_| -> io::Result<()> { panic!("inside") }));
        assert!(panics.is_err());
        (&*writer).write_all(b"x").expect("write");
        reader.readable().expect("nothing is locked");
    }

    fn plain_threads_wait_as_well() {
        let (reader, writer) = pipe();
        let waits = std::thread::spawn(move || (&*reader).read(&mut [0; 1]));
        // Most likely the thread waits by now. If it does not, it reads the same byte.
        sleep(5 * MS);
        (&*writer).write_all(b"x").expect("write");
        assert_eq!(gort::blocking(|| waits.join()).expect("join").expect("read"), 1);
    }

    // PO06
    fn a_socket_of_gorts_is_waited_for_already() {
        let listener = gort::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let fd: BorrowedFd<'_> = listener.as_fd();
        assert_eq!(kind(Pollable::new(fd)), ErrorKind::AlreadyExists);
        let addr = listener.local_addr().expect("address");
        gort::scope(|s| {
            let accepts = go!(in s; || listener.accept().map(drop));
            gort::net::TcpStream::connect(addr).expect("connect");
            accepts.join().expect("join").expect("accept");
        });
    }
}
