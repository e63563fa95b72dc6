//! Listeners that the process was started with. Each test starts a process with descriptors, and
//! checks what it prints.

use gort::net::{Listener, TcpListener, UnixListener, systemd_listeners};
use gort_tests::role;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Environment variable that says what a child process does.
const ROLE: &str = "GORT_TESTS_ROLE";

fn tcp() -> OwnedFd {
    TcpListener::bind("127.0.0.1:0").expect("bind").into()
}

fn unix() -> OwnedFd {
    let name = format!(
        "gort.systemd.{}.{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let addr = SocketAddr::from_abstract_name(name).expect("a name");
    UnixListener::bind_addr(&addr).expect("bind").into()
}

fn pipe() -> OwnedFd {
    io::pipe().expect("a pipe").0.into()
}

/// Returns what this executable prints when it runs `test` with these descriptors as 3 and 4. A
/// `pid` of `$$` stands for the child's own process id.
fn said(test: &str, fds: [OwnedFd; 2], pid: &str) -> String {
    let exe = std::env::current_exe().expect("a path");
    let mut command = Command::new("sh");
    let script = format!("LISTEN_PID={pid} LISTEN_FDS=2 LISTEN_FDNAMES=a:b exec \"$0\" \"$@\"");
    command
        .args(["-c", &script])
        .arg(exe)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, "activated");
    // The numbers are far from 3 and 4, so that neither descriptor overwrites the other.
    let numbers = fds.each_ref().map(|fd| {
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 100) };
        assert!(fd >= 100, "{}", io::Error::last_os_error());
        fd
    });
    let give = move || {
        for (fd, to) in numbers.into_iter().zip(3..) {
            // SAFETY: the call takes no pointers.
            if unsafe { libc::dup2(fd, to) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: `give` makes two system calls, which are async-signal-safe, and allocates nothing.
    unsafe { command.pre_exec(give) };
    let output = command.output().expect("sh");
    for fd in numbers {
        // SAFETY: the descriptor was made above, and has no other owner.
        unsafe { libc::close(fd) };
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Prints what a process knows of the descriptors that it got.
fn describe() {
    match systemd_listeners() {
        Ok(listeners) => {
            for listener in &listeners {
                match listener {
                    Listener::Tcp(listener) => {
                        let closes = cloexec(listener.as_raw_fd());
                        println!(
                            "tcp {} {closes}",
                            listener.local_addr().expect("address").ip()
                        );
                    }
                    Listener::Unix(listener) => println!("unix {}", cloexec(listener.as_raw_fd())),
                    _ => println!("other"),
                }
            }
            println!(
                "{} listeners, then {}",
                listeners.len(),
                systemd_listeners().expect("none").len()
            );
            // Prints what a child sees.
            let script = "env | grep ^LISTEN_; ls -l /proc/self/fd";
            let child = Command::new("sh")
                .args(["-c", script])
                .output()
                .expect("sh");
            let child = String::from_utf8_lossy(&child.stdout).into_owned();
            assert!(
                child.contains("/proc/") && !child.contains("LISTEN_"),
                "{child}"
            );
            for listener in &listeners {
                let fd = match listener {
                    Listener::Tcp(listener) => listener.as_raw_fd(),
                    Listener::Unix(listener) => listener.as_raw_fd(),
                    _ => unreachable!("of a third kind"),
                };
                let socket = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("a socket");
                assert!(!child.contains(socket.to_str().expect("text")), "{child}");
            }
            println!("children see nothing");
        }
        Err(e) => println!("{:?}: {e}", e.kind()),
    }
}

/// Returns whether a descriptor is closed when another program is executed.
fn cloexec(fd: i32) -> bool {
    // SAFETY: the call takes no pointers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) == libc::FD_CLOEXEC }
}

// TS07, TS08
#[test]
fn the_listeners_are_those_that_were_handed_over() {
    if role().is_some() {
        return describe();
    }
    let said = said(
        "the_listeners_are_those_that_were_handed_over",
        [tcp(), unix()],
        "$$",
    );
    let lines = "tcp 127.0.0.1 true\nunix true\n2 listeners, then 0\nchildren see nothing\n";
    assert!(said.contains(lines), "{said}");
}

// TS07, TS08
#[test]
fn what_is_for_another_process_is_left_alone() {
    if role().is_some() {
        return describe();
    }
    let said = said(
        "what_is_for_another_process_is_left_alone",
        [tcp(), unix()],
        "1",
    );
    assert!(
        said.contains("0 listeners, then 0\nchildren see nothing"),
        "{said}"
    );
}

// TS07
#[test]
fn what_does_not_listen_is_named() {
    if role().is_some() {
        return describe();
    }
    let said = said("what_does_not_listen_is_named", [tcp(), pipe()], "$$");
    let kind = ErrorKind::InvalidInput;
    assert!(said.contains(&format!("{kind:?}: descriptor 4,")), "{said}");
}
