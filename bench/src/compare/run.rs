//! Runs one program once.

use super::{By, Case, Programs, Series};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What one run has measured, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run(HashMap<String, f64>);

impl Run {
    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        self.0.get(key).copied()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }

    /// Parses a line of `key=value`, which must begin with `expected`.
    pub(super) fn parse(line: &str, expected: &str) -> Result<Self, String> {
        let figures = line
            .strip_prefix(expected)
            .ok_or_else(|| format!("printed {line:?} instead of {expected:?}…"))?;
        let pairs = figures.split_whitespace().map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value: f64 = value.parse().ok()?;
            value.is_finite().then(|| (key.to_owned(), value))
        });
        let run = Self(
            pairs
                .collect::<Option<_>>()
                .ok_or_else(|| format!("no figures: {line:?}"))?,
        );
        match run.get("ns") {
            Some(ns) if ns > 0.0 => Ok(run),
            _ => Err(format!("no ns per operation: {line:?}")),
        }
    }
}

impl By {
    /// Sets the environment, and adds the argument `run` if the program is gort's.
    pub(super) fn prepare(self, command: &mut Command) {
        command
            .env_remove("GORT_MAXPROCS")
            .env_remove("GOMAXPROCS")
            .stdin(Stdio::null());
        command.env_remove("GORT_DEBUG");
        if self == Self::Own {
            command.env("GORT_DEBUG", "threadlocals=own");
        }
        if matches!(self, Self::Gort | Self::Own) {
            command.arg("run");
        }
    }
}

/// A program that runs for longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program once. An error is a message that can be printed.
pub(super) fn once(case: &Case, series: &Series, programs: &Programs) -> Result<Run, String> {
    let Series {
        by,
        variant,
        workers,
        n,
        ..
    } = *series;
    let path = programs.of(by).ok_or("not built")?;
    let mut command = if case.is_fed() {
        reading_descriptor_3(path)
    } else {
        Command::new(path)
    };
    by.prepare(&mut command);
    command.args([case.name, &workers.to_string(), &n.to_string(), variant]);
    let mut feeder = None;
    if case.is_fed() {
        let load = programs.load().ok_or("no program to feed its pipe")?;
        let mut child = Command::new(load)
            .args(["feed", &(n / 64 * 64).to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        if let Some(bytes) = child.stdout.take() {
            command.stdin(bytes);
        }
        feeder = Some(child);
    }
    let output = output_of(command);
    if let Some(mut feeder) = feeder {
        // The feeder has ended, unless the program ended before it had read everything.
        let _ = feeder.kill();
        let _ = feeder.wait();
    }
    let expected = format!("workload={} workers={workers} n={n} ", case.name);
    Run::parse(output?.trim(), &expected)
}

/// Returns a command that runs `program` with this command's standard input as descriptor 3.
fn reading_descriptor_3(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$@" 3<&0 </dev/null"#, "sh"]);
    command.arg(program);
    command
}

/// Returns what a command printed, if it succeeded in time.
pub(super) fn output_of(mut command: Command) -> Result<String, String> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    // Closes this process's copy of the child's input, so that the feeder notices when the child
    // ends.
    drop(command);
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if start.elapsed() < LIMIT => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let (out, err) = texts(&mut child);
    match status {
        Some(status) if status.success() => Ok(out),
        Some(status) => Err(format!("{status}: {}", first_lines(&err))),
        None => Err(format!(
            "not done after {} s: {}",
            LIMIT.as_secs(),
            first_lines(&err)
        )),
    }
}

/// Returns what a child that has ended left in its pipes.
fn texts(child: &mut Child) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    if let Some(pipe) = &mut child.stdout {
        let _ = pipe.read_to_end(&mut out);
    }
    if let Some(pipe) = &mut child.stderr {
        let _ = pipe.read_to_end(&mut err);
    }
    (
        String::from_utf8_lossy(&out).into(),
        String::from_utf8_lossy(&err).into(),
    )
}

fn first_lines(text: &str) -> String {
    text.lines().take(3).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "workload=ring workers=2 n=10 ";

    #[test]
    fn figures_are_read_by_name() {
        let run = Run::parse("workload=ring workers=2 n=10 ns=12.5 ticks=3", EXPECTED);
        let run = run.expect("figures");
        assert_eq!((run.get("ns"), run.get("ticks")), (Some(12.5), Some(3.0)));
        assert_eq!(run.get("p50_us"), None);
    }

    #[test]
    fn a_line_about_something_else_or_without_a_time_is_no_result() {
        for line in [
            "",
            "workload=ring workers=1 n=10 ns=12.5",
            "workload=ring workers=2 n=100 ns=12.5",
            "workload=ring workers=2 n=10 ns=0",
            "workload=ring workers=2 n=10 ns=NaN",
            "workload=ring workers=2 n=10 ns=12.5 ticks",
            "workload=ring workers=2 n=10 ticks=3",
        ] {
            assert!(Run::parse(line, EXPECTED).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_program_that_fails_has_no_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo workload; echo wrong >&2; exit 3"]);
        let failure = output_of(command).expect_err("status 3");
        assert!(
            failure.contains('3') && failure.contains("wrong"),
            "{failure}"
        );
    }
}
