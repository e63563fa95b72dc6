//! What `#[gort::main]` and `#[gort::test]` call.

mod panics;

use gort_runtime::{
    GoroutineInfo, GoroutineState, RuntimeBuilder, goroutines, max_procs, try_current,
};
use std::env;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitCode, Termination};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Arguments of `#[gort::main]`.
#[derive(Clone, Copy, Debug)]
pub struct MainOptions {
    /// `procs = N`.
    pub procs: Option<usize>,
    /// `stack = N`: the main goroutine's.
    pub stack: Option<usize>,
}

/// Arguments of `#[gort::test]`.
#[derive(Clone, Copy, Debug)]
pub struct TestOptions {
    /// `procs = N`.
    pub procs: Option<usize>,
    /// `stack = N`: the test goroutine's.
    pub stack: Option<usize>,
    /// `leaks = "allow"`.
    pub leaks_allowed: bool,
    /// The test's path, with the crate's name.
    pub name: &'static str,
}

fn builder(procs: Option<usize>, stack: Option<usize>) -> RuntimeBuilder {
    let mut builder = RuntimeBuilder::new();
    if let Some(procs) = procs {
        builder = builder.max_procs(procs);
    }
    if let Some(stack) = stack {
        builder = builder.main_stack_size(stack);
    }
    builder
}

/// Runs a program's main goroutine, and reports what it returns as std does.
#[track_caller]
pub fn run_main<T: Termination + 'static>(options: MainOptions, main: fn() -> T) -> ExitCode {
    builder(options.procs, options.stack).run(move || main().report())
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

/// Runs a test in a goroutine, and fails it if goroutines that it started are left.
///
/// There is one runtime per process, so a test that asks for another number of `procs`
/// than this process has runs in a process of its own.
///
/// # Panics
/// If the test panics, returns an error, leaks goroutines, or fails in its own process.
#[track_caller]
pub fn run_test<T: TestOutcome + 'static>(options: TestOptions, test: fn() -> T) {
    if options.procs.is_some_and(|procs| procs != max_procs()) && env::var_os(ELSEWHERE).is_none() {
        return run_elsewhere(&options);
    }
    panics::keep();
    let root = Arc::new(OnceLock::new());
    let told = Arc::clone(&root);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        builder(None, options.stack).run(move || {
            told.get_or_init(|| try_current().map(|goroutine| goroutine.id()));
            // Judged here: it need not be `Send`.
            test().failure()
        })
    }));
    let root = root.get().copied().flatten();
    let messages = root.map_or_else(Vec::new, panics::of);
    let failure = match outcome {
        Ok(None) if options.leaks_allowed => return,
        Ok(None) => root.and_then(|root| leaks(|info| info.root == root && info.id != root)),
        Ok(failure) => failure,
        Err(payload) => {
            messages.iter().for_each(|message| eprintln!("{message}"));
            panic::resume_unwind(payload);
        }
    };
    if let Some(failure) = failure {
        messages.iter().for_each(|message| eprintln!("{message}"));
        panic!("{failure}");
    }
}

/// Runs one test of this executable in a new process with as many Ps as it wants.
#[track_caller]
fn run_elsewhere(options: &TestOptions) {
    // libtest knows the test without the crate's name in front.
    let path = options
        .name
        .split_once("::")
        .map_or(options.name, |(_, path)| path);
    let procs = options.procs.unwrap_or(1).to_string();
    let ran = env::current_exe().and_then(|exe| {
        Command::new(exe)
            .args([
                path,
                "--exact",
                "--include-ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ELSEWHERE, "1")
            .env("GORT_MAXPROCS", &procs)
            .output()
    });
    let output = match ran {
        Ok(output) => output,
        Err(e) => panic!("cannot run the test in a process with {procs} Ps: {e}"),
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "failed in a process with {procs} Ps ({}):\n{stdout}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The failure, if goroutines that `ours` recognises are still there after a moment.
fn leaks(ours: impl Fn(&GoroutineInfo) -> bool) -> Option<String> {
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
        report.push_str(&format!(", spawned at {at}"));
    }
}
