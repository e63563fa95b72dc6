//! A pipeline that writes a trace of itself. The trace shows what each goroutine does, and which
//! goroutine it waits for.
//!
//! ```text
//! read ──texts──► count (four of them) ──counts──► main
//! ```
//! `traced` writes `traced.pftrace`, or the file named by its argument, for
//! <https://ui.perfetto.dev>. Go has `runtime/trace` and `go tool trace` for this.

use gort::prelude::*;
use gort::runtime::trace;
use gort_examples::{Failure, Outcome, program};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Number of times that the text is counted.
const TEXTS: usize = 200;
const COUNTERS: usize = 4;

#[gort::main]
fn main() -> ExitCode {
    program("traced [FILE]", |args| match args {
        [] => traced(Path::new("traced.pftrace")),
        [file] => traced(Path::new(file)),
        _ => Err(Failure::usage("expected one file at most")),
    })
}

fn traced(file: &Path) -> Outcome {
    trace::start(file)?;
    let words = pipeline();
    trace::stop()?;
    println!("{words} words counted; the trace is in {}", file.display());
    println!("open it at https://ui.perfetto.dev (\"Open trace file\")");
    Ok(())
}

fn pipeline() -> usize {
    let (texts, inbox) = bounded::<String>(2);
    let (counts, results) = bounded::<usize>(2);
    for i in 0..COUNTERS {
        go!(clone(inbox, counts), name = format!("count{i}"), {
            for text in inbox {
                let _region = trace::region("count");
                // If the receiver is gone, the count is not needed.
                let _ = counts.send(words_of(&text).values().sum::<usize>());
            }
        });
    }
    drop((inbox, counts));
    go!(name = "read", {
        for _ in 0..TEXTS {
            let text = {
                let _region = trace::region("read a file");
                gort::blocking(|| fs::read_to_string(file!())).unwrap_or_default()
            };
            if texts.send(text).is_err() {
                return;
            }
        }
    });
    let mut all = 0;
    for words in results {
        let _region = trace::region("add");
        all += words;
    }
    all
}

/// Returns how often each word occurs.
fn words_of(text: &str) -> HashMap<&str, usize> {
    let mut words = HashMap::new();
    let _region = trace::region("split");
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    words
}
