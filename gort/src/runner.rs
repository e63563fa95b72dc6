//! What `#[gort::main]` and `#[gort::test]` call.

mod panics;

use gort_runtime::{
    GoroutineId, GoroutineInfo, GoroutineState, RuntimeBuilder, dump_some, explore, goroutines,
    max_procs, own_thread_locals_by_default, pending_calls, raise, synctest, test_limit,
};
use std::any::Any;
use std::env;
use std::fmt;
use std::process::{Command, ExitCode, Termination};
use std::thread;
use std::time::{Duration, Instant};

/// Arguments of `#[gort::main]`.
#[derive(Clone, Copy, Debug)]
pub struct MainOptions {
    /// `procs = N`.
    pub procs: Option<usize>,
    /// `stack = N`: the main goroutine's.
    pub stack: Option<usize>,
    /// `thread_locals = "own"`.
    pub own_thread_locals: bool,
}

/// Arguments of `#[gort::test]`.
#[derive(Clone, Copy, Debug)]
pub struct TestOptions {
    /// `procs = N`.
    pub procs: Option<usize>,
    /// `stack = N`: the test goroutine's.
    pub stack: Option<usize>,
    /// `thread_locals = "own"`.
    pub own_thread_locals: bool,
    /// `leaks = "allow"`.
    pub leaks_allowed: bool,
    /// `timeout = "…"`: how long the test may take.
    pub timeout: Option<Duration>,
    /// `bubble`: the test runs in one.
    pub bubble: bool,
    /// `explore = N`: so many schedules.
    pub explore: Option<u64>,
    /// `#[should_panic(expected = "…")]`: the words, or none.
    pub should_panic: Option<&'static str>,
    /// The test's path, with the crate's name.
    pub name: &'static str,
}

impl TestOptions {
    /// The test's path as libtest knows it: without the crate's name in front.
    fn path(&self) -> &'static str {
        self.name
            .split_once("::")
            .map_or(self.name, |(_, path)| path)
    }
}

fn builder(procs: Option<usize>, stack: Option<usize>, own: bool) -> RuntimeBuilder {
    let mut builder = RuntimeBuilder::new();
    if let Some(procs) = procs {
        builder = builder.max_procs(procs);
    }
    if let Some(stack) = stack {
        builder = builder.main_stack_size(stack);
    }
    if own {
        builder = builder.own_thread_locals();
    }
    builder
}

/// Runs a program's main goroutine, and reports what it returns as std does.
#[track_caller]
pub fn run_main<T: Termination + 'static>(options: MainOptions, main: fn() -> T) -> ExitCode {
    builder(options.procs, options.stack, options.own_thread_locals).run(move || main().report())
}

/// What a test function may return.
#[diagnostic::on_unimplemented(
    message = "a test cannot return `{Self}`",
    label = "expected `()` or a `Result` with an error that is `Debug`"
)]
pub trait TestOutcome {
    /// The failure, if it is one.
    fn failure(self) -> Option<String>;
}

impl TestOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T: TestOutcome, E: fmt::Debug> TestOutcome for Result<T, E> {
    fn failure(self) -> Option<String> {
        match self {
            Ok(value) => value.failure(),
            Err(e) => Some(format!("the test returned {e:?}")),
        }
    }
}

/// Tells a process that it was started to run one test.
const ELSEWHERE: &str = "GORT_TEST_ELSEWHERE";
/// How long goroutines that are about to end may take to do so.
const SETTLE: Duration = Duration::from_secs(2);

/// How a test ended.
enum Verdict {
    Passed,
    /// With this payload; the hook has shown its message.
    Panicked(Box<dyn Any + Send>),
    /// For a reason that is none of its panics.
    Failed(String),
}

/// Runs a test in a goroutine of its name, and fails it if goroutines that it started are left,
/// or if it takes too long.
///
/// There is one runtime per process, so a test that asks for another number of `procs`
/// than this process has, or for thread-locals of its own, runs in a process of its own.
///
/// A test that is too slow cannot be ended: it is left as it is, and the other tests go on.
///
/// # Panics
/// If the test panics, returns an error, calls `goexit`, leaks goroutines, takes too long, or fails
/// in its own process. If it should panic, only with what it panics with: then libtest fails it
/// because this function returns.
#[track_caller]
pub fn run_test<T: TestOutcome + 'static>(options: TestOptions, test: fn() -> T) {
    let elsewhere = env::var_os(ELSEWHERE).is_none()
        && (options.procs.is_some_and(|procs| procs != max_procs())
            || options.own_thread_locals && !own_thread_locals_by_default());
    let verdict = if elsewhere {
        run_elsewhere(&options)
    } else {
        run_here(&options, test)
    };
    match verdict {
        Verdict::Passed => {}
        Verdict::Panicked(payload) => raise(payload),
        // A panic would be what it should do.
        Verdict::Failed(why) if options.should_panic.is_some() => eprintln!("{why}"),
        Verdict::Failed(why) => panic!("{why}"),
    }
}

#[track_caller]
fn run_here<T: TestOutcome + 'static>(options: &TestOptions, test: fn() -> T) -> Verdict {
    panics::keep();
    let (bubble, explore) = (options.bubble, options.explore);
    let run = builder(None, options.stack, options.own_thread_locals).start_test(
        options.path(),
        move || {
            // Judged there: it need not be `Send`.
            let judge = move || test().failure();
            if let Some(schedules) = explore {
                explored(schedules, judge)
            } else if bubble {
                synctest::run(judge)
            } else {
                judge()
            }
        },
    );
    let root = run.goroutine().id();
    let verdict = if let Some(limit) = test_limit(options.timeout)
        && !run.ends_within(limit)
    {
        Verdict::Failed(too_slow(options.path(), limit, root))
    } else {
        match run.join() {
            Ok(None) if options.leaks_allowed => Verdict::Passed,
            Ok(None) => {
                let left = leaks(root);
                left.map_or(Verdict::Passed, Verdict::Failed)
            }
            // It is what a schedule has panicked with, or as good as that.
            Ok(Some(failure)) if explore.is_some() => {
                eprintln!("{failure}");
                Verdict::Panicked(Box::new(failure))
            }
            Ok(Some(failure)) => Verdict::Failed(failure),
            Err(e) => e.try_into_panic().map_or_else(
                |exited| Verdict::Failed(exited.to_string()),
                Verdict::Panicked,
            ),
        }
    };
    let messages = panics::of(root);
    // What was explored tells its own panic; the others are of schedules that passed.
    if !matches!(verdict, Verdict::Passed) && explore.is_none() {
        messages.iter().for_each(|message| eprintln!("{message}"));
    }
    verdict
}

/// The failure, if the test fails under one of so many schedules.
fn explored(
    schedules: u64,
    judge: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> Option<String> {
    let run = explore::Options::new().schedules(schedules).run(move || {
        if let Some(failure) = judge() {
            panic!("{failure}");
        }
    });
    run.err().map(|failure| failure.to_string())
}

/// What a test did that has not ended in time, and everybody else.
fn too_slow(test: &str, limit: Duration, root: GoroutineId) -> String {
    let mut text = format!("test {test} timed out after {limit:?}\n").into_bytes();
    // A `Vec` takes everything.
    drop(dump_some(&mut text, |info| info.root == root));
    let mut others = Vec::new();
    drop(dump_some(&mut others, |info| info.root != root));
    if !others.is_empty() {
        text.extend_from_slice(b"\nothers in this process:\n");
        text.append(&mut others);
    }
    text.extend_from_slice(b"\nif it needs longer, write `#[gort::test(timeout = \"5m\")]`");
    String::from_utf8_lossy(&text).into_owned()
}

/// Runs one test of this executable in a new process, which is as it wants.
fn run_elsewhere(options: &TestOptions) -> Verdict {
    let ran = env::current_exe().and_then(|exe| {
        let mut command = Command::new(exe);
        if let Some(procs) = options.procs {
            command.env("GORT_MAXPROCS", procs.to_string());
        }
        command
            .args([
                options.path(),
                "--exact",
                "--include-ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ELSEWHERE, "1")
            .output()
    });
    let output = match ran {
        Ok(output) => output,
        Err(e) => {
            return Verdict::Failed(format!("cannot run the test in a process of its own: {e}"));
        }
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && stdout.contains("1 passed");
    match options.should_panic {
        None if passed => Verdict::Passed,
        // It has panicked as it should, and so shall this process' test.
        Some(words) if passed => Verdict::Panicked(Box::new(words)),
        _ => Verdict::Failed(format!(
            "failed in a process {} ({}):\n{stdout}\n{}",
            options
                .procs
                .map_or("of its own".to_owned(), |procs| format!("with {procs} Ps")),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// The failure, if goroutines that descend from the test's are still there after a moment.
fn leaks(root: GoroutineId) -> Option<String> {
    let ours = |info: &GoroutineInfo| info.root == root && info.id != root;
    let until = Instant::now() + SETTLE;
    loop {
        let left: Vec<_> = goroutines().into_iter().filter(&ours).collect();
        if left.is_empty() {
            return None;
        }
        if Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
            continue;
        }
        let mut report = format!("the test left {} goroutine(s) behind:", left.len());
        for info in &left {
            describe(&mut report, info);
        }
        report.push_str(
            "\nend them before the test does, or write `#[gort::test(leaks = \"allow\")]`",
        );
        describe_timers(&mut report, root);
        return Some(report);
    }
}

fn describe(report: &mut String, info: &GoroutineInfo) {
    let name = info
        .name
        .as_deref()
        .map_or(String::new(), |name| format!(" \"{name}\""));
    let doing = match info.state {
        GoroutineState::Waiting => info.reason.to_string(),
        state => format!("{state:?}").to_lowercase(),
    };
    report.push_str(&format!("\n  goroutine {}{name} [{doing}]", info.id));
    if let Some(at) = info.at {
        report.push_str(&format!(" at {at}"));
    }
    if let Some(at) = info.spawned_at {
        let by = if info.by_timer {
            "started by a timer that was armed"
        } else {
            "spawned"
        };
        report.push_str(&format!(", {by} at {at}"));
    }
}

/// What is no goroutine, but may become one: what the test's timers are going to call.
fn describe_timers(report: &mut String, root: GoroutineId) {
    let ours: Vec<_> = pending_calls()
        .into_iter()
        .filter(|call| call.root == Some(root))
        .collect();
    if ours.is_empty() {
        return;
    }
    report.push_str(&format!(
        "\nand {} timer(s), which are no goroutines, but will start some:",
        ours.len()
    ));
    for call in ours {
        report.push_str(&format!(
            "\n  due in {:?}, armed at {}",
            call.due_in, call.armed_at
        ));
    }
}
