//! FT05, FT06: locked memory, small limits and refused system calls.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::Builder;
use gort::net::{TcpListener, TcpStream};
use gort::prelude::*;
use gort::runtime;
use gort::time::{now, sleep};
use gort_tests::{Ended, role, run_child, settle};
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::{fs, mem};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn ended_well(ended: &Ended) -> bool {
    ended.status.success() && ended.stdout.contains("1 passed")
}

/// Starts `n` goroutines that wait together, each with a stack of `stack` bytes. Also returns the
/// sender whose drop lets them end.
fn waiting_together(n: usize, stack: usize) -> io::Result<(Vec<JoinHandle<()>>, Sender<()>)> {
    let (release, gate) = bounded::<()>(0);
    let all: io::Result<Vec<_>> = (0..n)
        .map(|_| {
            let gate = gate.clone();
            let waits = move || assert!(gate.recv().is_err());
            Builder::new().stack_size(stack).spawn(waits)
        })
        .collect();
    Ok((all?, release))
}

fn let_go((all, release): (Vec<JoinHandle<()>>, Sender<()>)) {
    drop(release);
    all.into_iter().for_each(|one| one.join().unwrap());
}

#[expect(unconditional_recursion, reason = "it overflows the stack")]
fn recurse(frame: [u8; 1024]) -> usize {
    recurse(black_box(frame)) + usize::from(frame[0])
}

/// Calls `mlockall`. Returns `false` if the system does not allow it.
fn lock_memory(flags: libc::c_int) -> bool {
    // SAFETY: the call changes no contents of memory.
    unsafe { libc::mlockall(flags) == 0 }
}

fn under_mlockall(role: &str) {
    let (flags, when) = role.split_once(' ').unwrap();
    let flags = match flags {
        "current" => libc::MCL_CURRENT,
        _ => libc::MCL_CURRENT | libc::MCL_FUTURE,
    };
    if when == "before" && !lock_memory(flags) {
        println!("skipped: mlockall is not allowed");
        return;
    }
    let when = when.to_owned();
    let runtime = runtime::Builder::new().main_stack_size(256 * KIB);
    runtime.run(move || {
        let_go(waiting_together(10, 32 * KIB).unwrap());
        if when == "after" && !lock_memory(flags) {
            println!("skipped: mlockall is not allowed");
            return;
        }
        for _ in 0..4 {
            let all = waiting_together(250, 32 * KIB).unwrap();
            settle();
            let_go(all);
        }
        println!("all have run");
        let all = waiting_together(250, 32 * KIB).unwrap();
        let deep = Builder::new().name("deep").stack_size(64 * KIB);
        let deep = deep.spawn(|| recurse([0; 1024])).unwrap();
        let_go(all);
        println!("{:?}", deep.join());
    });
}

// FT05: in locked memory pages cannot be marked as guards, and are protected instead.
#[test]
fn under_mlockall_goroutines_run_and_overflows_are_caught() {
    const NAME: &str = concat!(
        module_path!(),
        "::under_mlockall_goroutines_run_and_overflows_are_caught"
    );
    if let Some(role) = role() {
        return under_mlockall(&role);
    }
    for flags in ["current", "future"] {
        for when in ["before", "after"] {
            let role = format!("{flags} {when}");
            let ended = run_child(NAME, &role, &[("GORT_MAXPROCS", "2")]);
            if ended.stdout.contains("skipped") {
                println!("skipped: mlockall is not allowed");
                return;
            }
            assert!(
                ended.stdout.contains("all have run")
                    && ended.status.signal() == Some(libc::SIGABRT)
                    && ended.stderr.contains("stack overflow in goroutine")
                    && ended.stderr.contains("\"deep\", spawned at"),
                "{role}: {ended:?}"
            );
        }
    }
}

/// The C libraries have different types for this number.
#[cfg(target_env = "musl")]
type Resource = libc::c_int;
#[cfg(not(target_env = "musl"))]
type Resource = libc::__rlimit_resource_t;

/// Returns the bytes of the process that count against the limit now: of address space, or of data.
fn used(resource: Resource) -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let field = if resource == libc::RLIMIT_AS { 0 } else { 5 };
    let pages: usize = statm.split(' ').nth(field).unwrap().parse().unwrap();
    // SAFETY: sysconf has no preconditions.
    pages * usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// Allows `more` bytes than are in use now.
fn limit(resource: Resource, more: usize) -> usize {
    let limit = used(resource) + more;
    let both = libc::rlimit {
        rlim_cur: limit as libc::rlim_t,
        rlim_max: limit as libc::rlim_t,
    };
    // SAFETY: the call reads the limit.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const both) }, 0);
    limit
}

fn under_a_limit(role: &str) {
    let (resource, name) = match role {
        "v" => (libc::RLIMIT_AS, "`ulimit -v`"),
        _ => (libc::RLIMIT_DATA, "`ulimit -d`"),
    };
    // Without a limit gort would map regions of 16, 32 and 64 MiB, which have room for 329 stacks.
    // These do not fit here together with the rest of the program.
    let limit = limit(resource, 100 * MIB);
    let runtime = runtime::Builder::new().main_stack_size(256 * KIB);
    runtime.run(move || {
        let stack = 256 * KIB;
        let some = waiting_together(160, stack).unwrap();
        settle();
        // This starts goroutines until no more stacks fit.
        let mut more = Vec::new();
        let error = loop {
            match waiting_together(1, stack) {
                Ok(one) => more.push(one),
                Err(e) => break e,
            }
            assert!(more.len() < 1000);
        };
        let text = error.to_string();
        let value = format!("{} KiB", limit / KIB);
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{text}");
        assert!(text.contains(name) && text.contains(&value), "{text}");
        settle();
        // Other allocations still succeed.
        let bytes = black_box(vec![1_u8; 4 * MIB]);
        gort::blocking(|| drop(bytes));
        more.into_iter().for_each(let_go);
        let_go(some);
        // Everything is as before.
        let_go(waiting_together(160, stack).unwrap());
    });
}

// FT06
#[test]
fn under_a_small_ulimit_smaller_regions_are_tried() {
    const NAME: &str = concat!(
        module_path!(),
        "::under_a_small_ulimit_smaller_regions_are_tried"
    );
    if let Some(role) = role() {
        return under_a_limit(&role);
    }
    for role in ["v", "d"] {
        let env = [("GORT_MAXPROCS", "1"), ("MALLOC_ARENA_MAX", "1")];
        let ended = run_child(NAME, role, &env);
        assert!(ended_well(&ended), "-{role}: {ended:?}");
    }
}

// FT06: the program tries to make one stack before it gives up and says why.
#[test]
fn with_room_for_one_stack_main_runs_and_with_none_the_error_names_the_limit() {
    const NAME: &str = concat!(
        module_path!(),
        "::with_room_for_one_stack_main_runs_and_with_none_the_error_names_the_limit"
    );
    if let Some(role) = role() {
        // The first region of 16 MiB does not fit.
        limit(libc::RLIMIT_AS, 16 * MIB);
        let stack = if role == "one" { 256 * KIB } else { 64 * MIB };
        let runtime = runtime::Builder::new().main_stack_size(stack);
        return runtime.run(|| {
            let_go(waiting_together(3, 256 * KIB).unwrap());
            println!("main runs");
        });
    }
    let env = [("GORT_MAXPROCS", "1")];
    let ended = run_child(NAME, "one", &env);
    assert!(
        ended_well(&ended) && ended.stdout.contains("main runs"),
        "{ended:?}"
    );
    let ended = run_child(NAME, "none", &env);
    assert!(
        ended.stderr.contains("cannot start the main goroutine: ")
            && ended.stderr.contains("`ulimit -v`"),
        "{ended:?}"
    );
}

/// Makes the system call `call` fail with `errno` from now on: if its third argument is `third`, or
/// always if that is `None`. The filter is a BPF program, as seccomp expects it.
fn refuse(call: libc::c_long, third: Option<u32>, errno: i32) {
    let op = |code: u32, k: u32, jt, jf| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = |at| op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    let skip_unless = |k, jf| op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, 0, jf);
    let give = |k| op(libc::BPF_RET | libc::BPF_K, k, 0, 0);
    let third_at = mem::offset_of!(libc::seccomp_data, args) as u32 + 16;
    let mut program = [
        load(mem::offset_of!(libc::seccomp_data, nr) as u32),
        skip_unless(call as u32, 3),
        load(third_at),
        // If the argument does not matter, this continues with the next instruction.
        third.map_or(op(libc::BPF_JMP | libc::BPF_JA, 0, 0, 0), |third| {
            skip_unless(third, 1)
        }),
        give(libc::SECCOMP_RET_ERRNO | errno as u32),
        give(libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
            0
        );
    }
}

/// Runs goroutines that wait for timers, for sockets and for each other.
fn small_program() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = go!(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).unwrap();
        sleep(Duration::from_millis(5));
        stream.write_all(&bytes).unwrap();
        listener
            .set_read_deadline(Some(now() + Duration::from_millis(5)))
            .unwrap();
        listener.accept().unwrap_err().kind()
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"hello");
    assert_eq!(server.join().unwrap(), ErrorKind::TimedOut);
    gort::blocking(|| std::thread::sleep(Duration::from_millis(5)));
    let_go(waiting_together(100, 32 * KIB).unwrap());
}

// FT06
#[test]
fn gort_does_without_a_system_call_that_is_refused() {
    const NAME: &str = concat!(
        module_path!(),
        "::gort_does_without_a_system_call_that_is_refused"
    );
    const GUARD_INSTALL: u32 = 102;
    if let Some(role) = role() {
        let (call, errno) = role.split_once(' ').unwrap();
        let errno = errno.parse().unwrap();
        match call {
            "epoll_pwait2" => refuse(libc::SYS_epoll_pwait2, None, errno),
            "membarrier" => refuse(libc::SYS_membarrier, None, errno),
            "guard" => refuse(libc::SYS_madvise, Some(GUARD_INSTALL), errno),
            // This refuses guards only after gort has seen that they work.
            _ => runtime::run(move || {
                spawn(|| ()).join().unwrap();
                refuse(libc::SYS_madvise, Some(GUARD_INSTALL), errno);
            }),
        }
        return runtime::run(small_program);
    }
    for call in ["epoll_pwait2", "membarrier", "guard", "guard later"] {
        for errno in [libc::EACCES, libc::EPERM, libc::ENOSYS] {
            let role = format!("{} {errno}", call.replace(' ', "-"));
            let ended = run_child(NAME, &role, &[]);
            assert!(ended_well(&ended), "{call} gives {errno}: {ended:?}");
        }
    }
}
