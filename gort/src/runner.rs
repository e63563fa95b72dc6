//! The functions that `#[gort::main]` and `#[gort::test]` expand to.

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
    /// `stack = N`: the main goroutine's stack size.
    pub stack: Option<usize>,
    /// `thread_locals = "own"`.
    pub own_thread_locals: bool,
}

/// Arguments of `#[gort::test]`.
#[derive(Clone, Copy, Debug)]
pub struct TestOptions {
    /// `procs = N`.
    pub procs: Option<usize>,
    /// `stack = N`: the test goroutine's stack size.
    pub stack: Option<usize>,
    /// `thread_locals = "own"`.
    pub own_thread_locals: bool,
    /// `leaks = "allow"`.
    pub leaks_allowed: bool,
    /// `timeout = "…"`: how long the test may take.
    pub timeout: Option<Duration>,
    /// `bubble`: runs the test in a bubble.
    pub bubble: bool,
    /// `explore = N`: the number of schedules.
    pub explore: Option<u64>,
    /// The text of `#[should_panic(expected = "…")]`; empty for a plain `#[should_panic]`.
    pub should_panic: Option<&'static str>,
    /// The test's path, including the crate's name.
    pub name: &'static str,
}

impl TestOptions {
    /// Returns the test's path as libtest knows it: without the crate's name in front.
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

/// Runs a program's main goroutine, and reports its result the way std does.
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
    /// Returns the failure, if the outcome is one.
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

/// The environment variable that tells a process that another test process started it, to run one
/// test.
const IN_CHILD: &str = "GORT_TEST_ELSEWHERE";
/// How long goroutines that are about to end may take before they count as leaked.
const LEAK_GRACE: Duration = Duration::from_secs(2);

/// How a test ended.
enum Verdict {
    Passed,
    /// The test panicked with this payload; the hook has shown its message.
    Panicked(Box<dyn Any + Send>),
    /// The test failed for this reason, which is not one of its panics.
    Failed(String),
}

/// Runs a test in a goroutine that has the test's name. The test fails if it leaves goroutines
/// behind, or if it takes too long.
///
/// There is one runtime per process. So a test that asks for a number of `procs` that differs from
/// this process's, or for own thread-locals where shared ones are the default, runs in a process of
/// its own.
///
/// A test that is too slow cannot be ended. It is left running, and the other tests continue.
///
/// # Panics
/// Panics if the test panics, returns an error, calls `goexit`, leaks goroutines, takes too long,
/// or fails in its own process. For a `#[should_panic]` test it panics only with the test's own
/// panic; on any other failure this function returns, and libtest fails the test because of that.
#[track_caller]
pub fn run_test<T: TestOutcome + 'static>(options: TestOptions, test: fn() -> T) {
    let needs_child = env::var_os(IN_CHILD).is_none()
        && (options.procs.is_some_and(|procs| procs != max_procs())
            || options.own_thread_locals && !own_thread_locals_by_default());
    let verdict = if needs_child {
        run_in_new_process(&options)
    } else {
        run_here(&options, test)
    };
    match verdict {
        Verdict::Passed => {}
        Verdict::Panicked(payload) => raise(payload),
        // A panic here would make libtest pass the test.
        Verdict::Failed(why) if options.should_panic.is_some() => eprintln!("{why}"),
        Verdict::Failed(why) => panic!("{why}"),
    }
}

#[track_caller]
fn run_here<T: TestOutcome + 'static>(options: &TestOptions, test: fn() -> T) -> Verdict {
    panics::install_hook();
    let (bubble, explore) = (options.bubble, options.explore);
    let run = builder(None, options.stack, options.own_thread_locals).start_test(
        options.path(),
        move || {
            // The outcome is judged in the goroutine, so that it does not have to be `Send`.
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
        Verdict::Failed(timeout_report(options.path(), limit, root))
    } else {
        match run.join() {
            Ok(None) if options.leaks_allowed => Verdict::Passed,
            Ok(None) => {
                let left = leaks(root);
                left.map_or(Verdict::Passed, Verdict::Failed)
            }
            // The failure is a schedule's panic, or counts as one.
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
    let messages = panics::take(root);
    // The report of `explore` contains the panic; the other messages are from schedules that
    // passed.
    if !matches!(verdict, Verdict::Passed) && explore.is_none() {
        messages.iter().for_each(|message| eprintln!("{message}"));
    }
    verdict
}

/// Runs the test under this many schedules, and returns the failure if one of them fails.
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

/// Returns the report on a test that has not ended in time: a dump of its goroutines, then of all
/// others.
fn timeout_report(test: &str, limit: Duration, root: GoroutineId) -> String {
    let mut text = format!("test {test} timed out after {limit:?}\n").into_bytes();
    // Writing to a `Vec` cannot fail.
    drop(dump_some(&mut text, |info| info.root == root));
    let mut others = Vec::new();
    drop(dump_some(&mut others, |info| info.root != root));
    if !others.is_empty() {
        text.extend_from_slice(b"\nother goroutines in this process:\n");
        text.append(&mut others);
    }
    text.extend_from_slice(b"\nif it needs longer, write `#[gort::test(timeout = \"5m\")]`");
    String::from_utf8_lossy(&text).into_owned()
}

/// Runs one test of this executable in a new process, configured as the test asks.
fn run_in_new_process(options: &TestOptions) -> Verdict {
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
            .env(IN_CHILD, "1")
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
        // It panicked as it should, so the test in this process has to panic too.
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

/// Returns the failure, if descendants of the test's goroutine are still there after
/// [`LEAK_GRACE`].
fn leaks(root: GoroutineId) -> Option<String> {
    let ours = |info: &GoroutineInfo| info.root == root && info.id != root;
    let until = Instant::now() + LEAK_GRACE;
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
            "\nend them before the test ends, or write `#[gort::test(leaks = \"allow\")]`",
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

/// Lists the test's pending timer calls: they are not goroutines, but each will start one.
fn describe_timers(report: &mut String, root: GoroutineId) {
    let ours: Vec<_> = pending_calls()
        .into_iter()
        .filter(|call| call.root == Some(root))
        .collect();
    if ours.is_empty() {
        return;
    }
    report.push_str(&format!(
        "\nand {} timer(s), which are not goroutines, but will start some:",
        ours.len()
    ));
    for call in ours {
        report.push_str(&format!(
            "\n  due in {:?}, armed at {}",
            call.due_in, call.armed_at
        ));
    }
}
