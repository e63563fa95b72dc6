//! The harness of gort's black-box tests.
//!
//! A test written with [`claims!`] runs as the main goroutine of three processes, with
//! 1, 2 and 8 Ps, each under a watchdog that reports where everybody hangs. There is
//! one runtime per process, and a test that corrupted it would take its neighbours
//! with it; so each has its own.

pub mod bugs;
pub mod kernels;
pub mod own;
pub mod tcp;
pub mod trace_file;

use std::env;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Set in the processes that tests start, to the role they play.
const ROLE: &str = "GORT_TESTS_ROLE";
/// The role of a process that runs a test's body.
const BODY: &str = "body";
/// A test that takes longer than this hangs.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Whether each goroutine has a thread: then there are no Ps, whatever their number is said to be.
pub const AS_THREADS: bool = cfg!(any(gort_threads, miri));

/// With how many Ps bodies are run.
const PROCS: &[&str] = if AS_THREADS { &["8"] } else { &["1", "2", "8"] };

/// Defines tests that hold with 1, 2 and 8 Ps.
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
/// If one of them fails or hangs.
pub fn on_1_2_and_8_procs(test: &'static str, body: fn()) {
    on_1_2_and_8_procs_with(test, &[], body);
}

/// The same with these variables in the environment.
///
/// # Panics
/// If one of the processes fails or hangs.
pub fn on_1_2_and_8_procs_with(test: &'static str, vars: &[(&str, &str)], body: fn()) {
    if cfg!(miri) {
        // It starts no processes.
        return gort::runtime::run(body);
    }
    match role().as_deref() {
        Some(BODY) => gort::runtime::run(body),
        Some(_) => {}
        None => {
            for procs in PROCS {
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

/// Runs the body of `test` in a process with `procs` Ps and these variables in the environment.
#[must_use]
pub fn run_body(test: &str, procs: &str, vars: &[(&str, &str)]) -> Ended {
    let vars = [&[("GORT_MAXPROCS", procs)], vars].concat();
    Process::start(test, BODY, &vars).wait()
}

/// The last lines of what somebody printed: what went wrong stands at the end.
fn end_of(text: &str) -> &str {
    const LINES: usize = 100;
    let start = text.rmatch_indices('\n').nth(LINES);
    start.map_or(text, |(at, _)| &text[at..])
}

/// Whether `GORT_DEBUG` has this process move goroutines each time they run: then a switch takes
/// as long as waking a thread, and there are more threads.
#[must_use]
pub fn always_migrates() -> bool {
    env::var("GORT_DEBUG").is_ok_and(|options| options.contains("migrate=always"))
}

/// Whether `GORT_DEBUG` gives goroutines thread-locals of their own: then what std calls the current thread, its name
/// included, is the goroutine's, and the first stacks take longer to make.
#[must_use]
pub fn own_thread_locals() -> bool {
    env::var("GORT_DEBUG").is_ok_and(|options| options.contains("threadlocals=own"))
}

/// What a process said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// Its standard output, libtest's lines included.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Ended {
    /// Whether it has run one test, which has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.status.success() && self.stdout.contains("1 passed")
    }
}

/// The role of this process if a test has started it.
#[must_use]
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Starts this executable again with only `test`, in the given role, and waits. For
/// tests about how a process ends: the test function asks [`role`] first, and acts.
#[must_use]
pub fn run_child(test: &'static str, role: &str, vars: &[(&str, &str)]) -> Ended {
    Process::start(test, role, vars).wait()
}

/// Runs a program to its end. `what` names it should it hang.
///
/// # Panics
/// If it cannot be started, or hangs.
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
        // libtest knows the test without the crate's name in front.
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

/// Where a hanging process' threads are, if gdb is installed.
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

/// Waits until every other goroutine is parked, or has ended and is counted no more: the state in which tests
/// about waiting look around.
///
/// # Panics
/// If the others do not come to rest.
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
        // They are not looked at all at one moment. One that waits for a lock may be seen before it is handed over, and
        // the one that hands it over once it waits again: then the next look finds the first one busy, or at another
        // wait.
        let waits: Vec<_> = others.iter().map(|i| (i.id, i.reason, i.at)).collect();
        // One that ends is taken off the list a moment before it is off the count.
        if busy.is_none() && listed == num_goroutines() && waits == waits_before {
            return;
        }
        assert!(Instant::now() < until, "does not come to rest: {busy:?}");
        waits_before = waits;
        gort::yield_now();
    }
}

/// How many goroutines are parked for `reason`.
#[must_use]
pub fn waiting(reason: gort::runtime::WaitReason) -> usize {
    gort::runtime::goroutines()
        .iter()
        .filter(|info| info.reason == reason)
        .count()
}

/// Starts a goroutine that parks for `reason`, and waits until it has.
///
/// # Panics
/// If it does not park, or for another reason.
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
        // One that waits with a limit may be up again, for a moment.
        let left = until.checked_duration_since(Instant::now());
        assert!(
            left.is_some(),
            "one more parks for {reason}: {now}, before {before}"
        );
        gort::yield_now();
    }
}

/// A seed for this run: `GORT_TEST_SEED`, or one from the clock. Print it in failures.
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

/// A small random generator (xorshift64*), for seeded stress.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that yields the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}

/// Counts the values of its kind that are alive.
#[derive(Debug)]
pub struct Counted(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Counted {
    /// One more.
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

/// Resident memory of this process in bytes.
///
/// # Panics
/// Without `/proc`.
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
