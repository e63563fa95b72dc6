//! `#[gort::test]`: a stuck test is reported and ends, a test is judged by its own panics, and its
//! goroutine and function have its name.
//!
//! The tests that fail or hang do so in a process that another test has started.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_tests::role;
use std::any::type_name_of_val;
use std::env;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// Time limit for what should take seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// A process that runs one test of this file, and what it has printed.
struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    started: Instant,
}

impl Running {
    fn start(test: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--test-threads=1"])
            .env("GORT_TESTS_ROLE", "child")
            // This replaces the default limit, which is a minute.
            .env("GORT_TEST_TIMEOUT", "10")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::default();
        collect(child.stdout.take().unwrap(), &said);
        collect(child.stderr.take().unwrap(), &said);
        Self {
            child,
            said,
            started: Instant::now(),
        }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until `happened`, or for `limit` since the start.
    fn within(&mut self, limit: Duration, mut happened: impl FnMut(&mut Self) -> bool) -> bool {
        loop {
            if happened(self) {
                return true;
            }
            if self.started.elapsed() > limit {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end. Returns the status and everything that was printed.
    fn end(mut self, limit: Duration) -> (Option<i32>, String) {
        let mut status = None;
        let ended = self.within(limit, |this| {
            status = this.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "hangs: {}", self.said());
        // Output that is still in the pipes arrives after the end.
        let closed = self.within(LIMIT + limit, |this| Arc::strong_count(&this.said) == 1);
        assert!(closed, "its outputs stay open");
        (status.unwrap().code(), self.said())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(mut from: impl Read + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..n]);
            said.lock().unwrap().push_str(&text);
        }
    });
}

/// Returns whether this process was started by another test, so that the calling test has to fail.
/// Otherwise checks that the test's goroutine is called `name`.
#[track_caller]
fn is_child(name: &str) -> bool {
    let child = role().is_some();
    if !child {
        assert_eq!(gort::current().name(), Some(name));
    }
    child
}

#[gort::test]
fn stuck() {
    if is_child("stuck") {
        let (_tx, rx) = bounded::<()>(0);
        go!(name = "beside it", clone [rx]; { rx.recv() });
        rx.recv().unwrap();
    }
}

// FT11
#[test]
fn a_stuck_tests_goroutines_are_dumped_after_seconds_and_it_ends_after_its_limit() {
    if role().is_some() {
        return;
    }
    let mut running = Running::start("stuck");
    let dumped = running.within(LIMIT, |this| {
        let said = this.said();
        said.contains("\"stuck\" [chan receive") && said.contains("\"beside it\" [chan receive")
    });
    assert!(dumped, "no dump: {}", running.said());
    assert!(running.child.try_wait().unwrap().is_none(), "it still runs");
    let (status, said) = running.end(LIMIT);
    assert_eq!(status, Some(101), "{said}");
    for words in [
        "all goroutines are asleep",
        "test stuck timed out after 10s",
        "test result: FAILED. 0 passed; 1 failed",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert_eq!(
        said.matches("\"stuck\" [chan receive").count(),
        2,
        "dumped once before the end, and once at the end: {said}"
    );
}

#[gort::test]
fn exits() {
    if is_child("exits") {
        gort::goexit();
    }
}

#[test]
fn a_test_that_calls_goexit_fails() {
    if role().is_some() {
        return;
    }
    let (status, said) = Running::start("exits").end(LIMIT);
    assert_eq!(status, Some(101), "{said}");
    assert!(said.contains("the goroutine called `goexit`"), "{said}");
}

#[gort::test]
#[should_panic]
fn leaks_instead() {
    if role().is_some() {
        go! {
            select! {}
        };
    } else if gort::current().name() == Some("leaks_instead") {
        panic!("as it should");
    }
}

#[test]
fn a_test_that_should_panic_and_leaks_instead_fails() {
    if role().is_some() {
        return;
    }
    let (status, said) = Running::start("leaks_instead").end(LIMIT);
    assert_eq!(status, Some(101), "{said}");
    for words in ["left 1 goroutine(s) behind", "did not panic as expected"] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[gort::test(procs = 3)]
#[should_panic(expected = "as it should")]
fn a_test_may_panic_as_it_should_with_the_ps_that_it_asks_for() {
    panic!("as it should");
}

mod deeper {
    use super::*;

    #[gort::test]
    fn goroutine_and_function_have_the_tests_name() {
        fn here() {}
        assert_eq!(
            gort::current().name(),
            Some("deeper::goroutine_and_function_have_the_tests_name")
        );
        let path = type_name_of_val(&here);
        assert_eq!(
            path.rsplit("::").nth(1),
            Some("goroutine_and_function_have_the_tests_name"),
            "{path}"
        );
    }
}
