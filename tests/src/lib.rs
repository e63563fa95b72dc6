//! The harness of gort's black-box tests.
//!
//! A test written with [`claims!`] runs as the main goroutine of three processes, with 1, 2 and 8
//! Ps. A watchdog ends a process that hangs, and prints the stacks of its threads (if gdb is
//! installed). There is one runtime per process, and a test that corrupted it would spoil the tests
//! after it, so each test has its own process.

pub mod bugs;
pub mod kernels;
pub mod own;
pub mod postgres;
pub mod rows;
pub mod tcp;
pub mod trace_file;

use std::env;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Environment variable that gives a child process its role.
const ROLE: &str = "GORT_TESTS_ROLE";
/// The role of a process that runs the body of a test.
const BODY: &str = "body";
/// A test that runs longer than this counts as hanging.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Whether each goroutine is a thread. If so, there are no Ps, and `GORT_MAXPROCS` has no effect.
pub const AS_THREADS: bool = cfg!(any(gort_threads, miri));

/// Environment variable that replaces the numbers of Ps that bodies are run with, for example by
/// `2` or `1,8`. For tools in which a process takes long.
const PROCS: &str = "GORT_TESTS_PROCS";

/// Returns the numbers of Ps that bodies are run with, with commas in between.
fn procs() -> String {
    let all = if AS_THREADS { "8" } else { "1,2,8" };
    env::var(PROCS).unwrap_or_else(|_| all.to_owned())
}

/// Defines tests that hold with 1, 2 and 8 Ps (or those of `GORT_TESTS_PROCS`).
///
/// ```text
/// claims! {
///     // CH04
///     fn values_of_one_sender_arrive_in_order() { … }
/// }
/// ```
#[macro_export]
macro_rules! claims {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            $crate::on_1_2_and_8_procs(concat!(module_path!(), "::", stringify!($name)), || $body);
        }
    )*};
}

/// Runs `body` as the main goroutine of processes with 1, 2 and 8 Ps.
///
/// # Panics
/// Panics if one of the processes fails or hangs.
pub fn on_1_2_and_8_procs(test: &'static str, body: fn()) {
    on_1_2_and_8_procs_with(test, &[], body);
}

/// Does the same as [`on_1_2_and_8_procs`] with `vars` in the environment.
///
/// # Panics
/// Panics if one of the processes fails or hangs.
pub fn on_1_2_and_8_procs_with(test: &'static str, vars: &[(&str, &str)], body: fn()) {
    if cfg!(miri) {
        // Under Miri no processes can be started.
        return gort::runtime::run(body);
    }
    match role().as_deref() {
        Some(BODY) => gort::runtime::run(body),
        Some(_) => {}
        None => {
            for procs in procs().split(',') {
                let ended = run_body(test, procs, vars);
                assert!(
                    ended.passed(),
                    "with GORT_MAXPROCS={procs}: {}\n{}\n{}",
                    ended.status,
                    end_of(&ended.stdout),
                    end_of(&ended.stderr)
                );
            }
        }
    }
}

/// Runs the body of `test` in a process with `procs` Ps and `vars` in the environment.
#[must_use]
pub fn run_body(test: &str, procs: &str, vars: &[(&str, &str)]) -> Ended {
    let vars = [&[("GORT_MAXPROCS", procs)], vars].concat();
    Process::start(test, BODY, &vars).wait()
}

/// Returns the last lines of a process' output, where the failure is.
fn end_of(text: &str) -> &str {
    const LINES: usize = 100;
    let start = text.rmatch_indices('\n').nth(LINES);
    start.map_or(text, |(at, _)| &text[at..])
}

/// Returns whether `GORT_DEBUG` makes goroutines change threads each time they run. If it does,
/// each switch takes as long as waking a thread, and there are more threads.
#[must_use]
pub fn always_migrates() -> bool {
    env::var("GORT_DEBUG").is_ok_and(|options| options.contains("migrate=always"))
}

/// Returns whether `GORT_DEBUG` gives goroutines thread-locals of their own. If it does, std's
/// current thread, including its name, is the goroutine's, and the first stacks take more time.
#[must_use]
pub fn own_thread_locals() -> bool {
    env::var("GORT_DEBUG").is_ok_and(|options| options.contains("threadlocals=own"))
}

/// The output of a process and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, including libtest's lines.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Ended {
    /// Returns whether the process has run exactly one test and this test has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.status.success() && self.stdout.contains("1 passed")
    }
}

/// Returns the role of this process if a test has started it.
#[must_use]
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Starts this executable again with only `test`, in the given role, and waits for it. This is for
/// tests of how a process ends: the test function calls [`role`] first and plays that role.
#[must_use]
pub fn run_child(test: &'static str, role: &str, vars: &[(&str, &str)]) -> Ended {
    Process::start(test, role, vars).wait()
}

/// Runs a program to its end. `what` names the program in the panic if it hangs.
///
/// # Panics
/// Panics if the program cannot be started or hangs.
#[must_use]
pub fn run_program(command: &mut Command, what: impl Into<String>) -> Ended {
    Process::spawn(command, what.into()).wait()
}

struct Process {
    child: Child,
    started: Instant,
    what: String,
}

impl Process {
    fn start(test: &str, role: &str, vars: &[(&str, &str)]) -> Self {
        // libtest knows the test without the crate's name as prefix.
        let path = test.split_once("::").map_or(test, |(_, path)| path);
        let exe = env::current_exe().expect("the path of this executable");
        let mut command = Command::new(exe);
        command
            .args([
                path,
                "--exact",
                "--include-ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .envs(vars.iter().copied());
        Self::spawn(&mut command, format!("{path} as {role:?} with {vars:?}"))
    }

    fn spawn(command: &mut Command, what: String) -> Self {
        let child = command
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start a process");
        Self {
            child,
            started: Instant::now(),
            what,
        }
    }

    fn wait(mut self) -> Ended {
        let stdout = drain(self.child.stdout.take().expect("piped"));
        let stderr = drain(self.child.stderr.take().expect("piped"));
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait for the process") {
                break status;
            }
            if self.started.elapsed() > WATCHDOG {
                let stacks = stacks_of(self.child.id());
                self.child.kill().expect("kill the process");
                drop(self.child.wait());
                panic!(
                    "{} hangs\n{}\n{}\n{stacks}",
                    self.what,
                    stdout.join().expect("reader"),
                    stderr.join().expect("reader")
                );
            }
            thread::sleep(Duration::from_millis(2));
        };
        Ended {
            status,
            stdout: stdout.join().expect("reader"),
            stderr: stderr.join().expect("reader"),
            took: self.started.elapsed(),
        }
    }
}

fn drain(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Returns the stacks of a hanging process' threads, if gdb is installed.
fn stacks_of(pid: u32) -> String {
    let gdb = Command::new("gdb")
        .args([
            "-p",
            &pid.to_string(),
            "-batch",
            "-ex",
            "thread apply all bt 20",
        ])
        .output();
    match gdb {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(e) => format!("(no stacks: gdb: {e})"),
    }
}

/// Waits until every other goroutine is parked, or has ended and left the count. Tests call it
/// before they look at goroutines that wait.
///
/// # Panics
/// Panics if the other goroutines do not all park.
pub fn settle() {
    use gort::runtime::{GoroutineState, goroutines, num_goroutines};
    let me = gort::current().id();
    let until = Instant::now() + Duration::from_secs(30);
    let mut waits_before = Vec::new();
    loop {
        let all = goroutines();
        let listed = all.len();
        let others: Vec<_> = all.into_iter().filter(|info| info.id != me).collect();
        let busy = others
            .iter()
            .find(|info| info.state != GoroutineState::Waiting);
        // The goroutines are not examined at one moment. Say that A is found waiting for a lock.
        // Then B hands the lock to A and waits for something else, and is found waiting too. All
        // seem to wait, although A can run. The next look finds A running, or in another wait.
        let waits: Vec<_> = others.iter().map(|i| (i.id, i.reason, i.at)).collect();
        // A goroutine that ends leaves the list a moment before it leaves the count.
        if busy.is_none() && listed == num_goroutines() && waits == waits_before {
            return;
        }
        assert!(
            Instant::now() < until,
            "the other goroutines do not all park: {busy:?}"
        );
        waits_before = waits;
        gort::yield_now();
    }
}

/// Returns the number of goroutines that are parked for `reason`.
#[must_use]
pub fn waiting(reason: gort::runtime::WaitReason) -> usize {
    gort::runtime::goroutines()
        .iter()
        .filter(|info| info.reason == reason)
        .count()
}

/// Starts a goroutine that parks for `reason`, and waits until it is parked.
///
/// # Panics
/// Panics if the goroutine does not park, or parks for another reason.
pub fn parked<T: Send + 'static>(
    reason: gort::runtime::WaitReason,
    f: impl FnOnce() -> T + Send + 'static,
) -> gort::JoinHandle<T> {
    let before = waiting(reason);
    let handle = gort::spawn(f);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        settle();
        let now = waiting(reason);
        if now == before + 1 {
            return handle;
        }
        // A goroutine that waits with a time limit may be awake for a moment.
        let left = until.checked_duration_since(Instant::now());
        assert!(
            left.is_some(),
            "expected one more goroutine parked for {reason}: {now} now, {before} before"
        );
        gort::yield_now();
    }
}

/// Returns a seed for this run: `GORT_TEST_SEED`, or one made from the clock. Print it in failures.
#[must_use]
pub fn seed() -> u64 {
    env::var("GORT_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |d| d.as_nanos() as u64) | 1
        })
}

/// A small random generator (xorshift64*) for stress tests with a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates a generator that returns the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}

/// A value that counts how many of its kind are alive.
#[derive(Debug)]
pub struct Counted(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Counted {
    /// Creates a value and adds one to `alive`.
    #[must_use]
    pub fn new(alive: &std::sync::Arc<std::sync::atomic::AtomicUsize>) -> Self {
        alive.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        assert!(before > 0, "dropped twice");
    }
}

/// Returns the resident memory of this process in bytes.
///
/// # Panics
/// Panics if there is no `/proc`.
#[must_use]
pub fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("resident");
    // SAFETY: sysconf has no preconditions.
    pages * usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("page size")
}
