//! `GORT_DEBUG`: a comma-separated list of options, each `name=value`.
//!
//! To add an option, add a field to [`Options`] and a row to [`KNOWN`].

use crate::os;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

/// The options that `GORT_DEBUG` sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Milliseconds between two lines about the scheduler. 0: no such lines.
    pub(crate) schedtrace: u32,
    /// After each of these lines, prints a line for every P, thread and goroutine.
    pub(crate) scheddetail: bool,
    /// Seed of the Ps' random generators. Without this option, [`seed`] chooses one.
    pub(crate) seed: Option<u64>,
    /// A goroutine changes threads each time it runs.
    pub(crate) always_migrates: bool,
    /// Dumps show the stacks of parked goroutines.
    pub(crate) backtrace: bool,
    /// Installs guards as on kernels before Linux 6.13.
    pub(crate) mprotect_guards: bool,
    /// Does without the `membarrier` system call.
    pub(crate) no_membarrier: bool,
    /// Does without process file descriptors (pidfds).
    pub(crate) no_pidfd: bool,
    /// Gives goroutines thread-locals of their own, even if the program has not asked for them.
    pub(crate) own_thread_locals: bool,
}

/// One option.
struct Known {
    name: &'static str,
    /// The values it accepts, as shown to users.
    value: &'static str,
    /// Stores the value. Returns false if the value is invalid.
    set: fn(&mut Options, &str) -> bool,
}

const KNOWN: &[Known] = &[
    Known {
        name: "schedtrace",
        value: "MS",
        set: |to, text| store(&mut to.schedtrace, text.parse().ok()),
    },
    Known {
        name: "scheddetail",
        value: "1",
        set: |to, text| store(&mut to.scheddetail, switch(text)),
    },
    Known {
        name: "seed",
        value: "N",
        set: |to, text| store(&mut to.seed, text.parse().ok().map(Some)),
    },
    Known {
        name: "migrate",
        value: "always|normal",
        set: |to, text| store(&mut to.always_migrates, always(text)),
    },
    Known {
        name: "backtrace",
        value: "1",
        set: |to, text| store(&mut to.backtrace, switch(text)),
    },
    Known {
        name: "guard",
        value: "mprotect",
        set: |to, text| {
            store(
                &mut to.mprotect_guards,
                (text == "mprotect").then_some(true),
            )
        },
    },
    Known {
        name: "membarrier",
        value: "off",
        set: |to, text| store(&mut to.no_membarrier, (text == "off").then_some(true)),
    },
    Known {
        name: "pidfd",
        value: "off",
        set: |to, text| store(&mut to.no_pidfd, (text == "off").then_some(true)),
    },
    Known {
        name: "threadlocals",
        value: "own",
        set: |to, text| store(&mut to.own_thread_locals, (text == "own").then_some(true)),
    },
];

/// Returns the options of this process. The first call also reports invalid ones.
pub(crate) fn options() -> &'static Options {
    static OPTIONS: OnceLock<Options> = OnceLock::new();
    OPTIONS.get_or_init(|| {
        let text = env::var_os("GORT_DEBUG").unwrap_or_default();
        let (options, complaints) = parse(&text.to_string_lossy());
        os::write_stderr(complaints.as_bytes());
        options
    })
}

/// Returns the seed that was asked for, or one that differs from process to process.
pub(crate) fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let any = || RandomState::new().build_hasher().finish();
    *SEED.get_or_init(|| options().seed.unwrap_or_else(any))
}

/// Returns the options in `text`, and one line of complaint for each option that is ignored.
fn parse(text: &str) -> (Options, String) {
    let mut options = Options::default();
    let mut complaints = String::new();
    for option in text.split(',').map(str::trim).filter(|o| !o.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let known = KNOWN.iter().find(|known| known.name == name);
        if known.is_some_and(|known| (known.set)(&mut options, value)) {
            continue;
        }
        let all: Vec<String> = KNOWN
            .iter()
            .map(|known| format!("{}={}", known.name, known.value))
            .collect();
        complaints.push_str(&format!(
            "gort: {option:?} in GORT_DEBUG is ignored: expected one of {}\n",
            all.join(", ")
        ));
    }
    (options, complaints)
}

/// Stores `value` if there is one. Returns false if there is none.
fn store<V>(to: &mut V, value: Option<V>) -> bool {
    value.map(|value| *to = value).is_some()
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

fn always(text: &str) -> Option<bool> {
    match text {
        "always" => Some(true),
        "normal" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_a_list() {
        let (options, complaints) = parse(
            "schedtrace=1000, scheddetail=1,seed=7,guard=mprotect,membarrier=off,pidfd=off,backtrace=1,migrate=always,threadlocals=own",
        );
        assert_eq!(complaints, "");
        assert_eq!(
            options,
            Options {
                schedtrace: 1000,
                scheddetail: true,
                seed: Some(7),
                always_migrates: true,
                backtrace: true,
                mprotect_guards: true,
                no_membarrier: true,
                no_pidfd: true,
                own_thread_locals: true,
            }
        );
    }

    #[test]
    fn a_bad_option_is_one_line_that_names_the_known_ones_and_the_rest_is_kept() {
        for bad in [
            "sched=1",
            "schedtrace",
            "schedtrace=x",
            "seed=-1",
            "scheddetail=yes",
            "=1",
        ] {
            let (options, complaints) = parse(&format!("{bad},seed=3"));
            assert_eq!(options.seed, Some(3));
            assert_eq!(complaints.lines().count(), 1, "{complaints}");
            for word in [bad, "schedtrace=MS", "seed=N", "membarrier=off"] {
                assert!(complaints.contains(word), "{word:?} not in {complaints}");
            }
        }
    }
}
