//! Traces: what is in the file, read back by a decoder that knows nothing of the one who wrote it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::trace;
use gort_tests::claims;
use gort_tests::trace_file::Trace;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;

/// A file that is away when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("gort-{name}-{}.pftrace", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// What is in the trace of `f`.
fn traced(name: &str, f: impl FnOnce()) -> Trace {
    let file = Scratch::new(name);
    trace::start(&file.0).unwrap();
    f();
    trace::stop().unwrap();
    let trace = Trace::read(&file.0);
    assert!(!trace.is_cut);
    trace
}

claims! {
    fn two_goroutines_take_turns() {
        let trace = traced("turns", || {
            let (tx, rx) = bounded(0);
            let receiver = go!(name = "receiver", move || {
                let _region = trace::region("all");
                for i in 0..10 {
                    assert_eq!(rx.recv(), Ok(i));
                }
            });
            for i in 0..10 {
                tx.send(i).unwrap();
            }
            receiver.join().unwrap();
        });
        let track = trace.goroutine("receiver");
        let region: Vec<_> = trace.on(track).into_iter().filter(|slice| slice.name == "all").collect();
        assert_eq!(region.len(), 1);
        let waits: Vec<_> = trace.on(track).into_iter().filter(|slice| slice.name == "chan receive").collect();
        assert!(!waits.is_empty());
        for wait in waits {
            assert!(wait.says["at"].contains("trace.rs:"), "{wait:?}");
            assert!(region[0].begin <= wait.begin && wait.end <= region[0].end);
        }
        assert!(trace.slices.iter().all(|slice| slice.end.is_some()));
    }
}
