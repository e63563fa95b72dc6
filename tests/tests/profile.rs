//! Profiles: who is where, who waits how long, and what tools read of it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{num_goroutines, profile};
use gort_tests::{AS_THREADS, claims, settle};
use std::collections::HashMap;
use std::hint::black_box;

#[path = "profile/decoder.rs"]
mod decoder;

use decoder::Decoded;

#[inline(never)]
fn waits_among_many(rx: &Receiver<()>) {
    // Something after the call: a tail call would leave no frame.
    black_box(rx.recv().is_ok());
}

#[inline(never)]
fn waits_among_few(rx: &Receiver<()>) {
    black_box(rx.recv().is_ok());
}

#[inline(never)]
fn asks() -> (String, Decoded) {
    let profile = profile::goroutines();
    let mut text = Vec::new();
    profile.folded(&mut text).unwrap();
    let mut bytes = Vec::new();
    profile.pprof(&mut bytes).unwrap();
    (String::from_utf8(text).unwrap(), Decoded::of(&bytes))
}

/// The lines of a folded profile: names, outermost first, and the number.
fn lines(folded: &str) -> Vec<(Vec<&str>, u64)> {
    folded
        .lines()
        .map(|line| {
            let (names, number) = line.rsplit_once(' ').unwrap();
            (names.split(';').collect(), number.parse().unwrap())
        })
        .collect()
}

/// The same of what was decoded, with the numbers of one kind.
fn folded(decoded: &Decoded, kind: &str) -> HashMap<String, u64> {
    let index = decoded
        .kinds
        .iter()
        .position(|(name, _)| name == kind)
        .unwrap();
    let mut all = HashMap::new();
    for sample in &decoded.samples {
        let names = sample
            .frames
            .iter()
            .rev()
            .map(|frame| frame.0.replace(';', ":"));
        *all.entry(names.collect::<Vec<_>>().join(";")).or_default() += sample.values[index];
    }
    all
}

/// The number of the one line that ends in this function of ours.
fn of_function(lines: &[(Vec<&str>, u64)], function: &str) -> u64 {
    let mut found = lines.iter().filter(|(names, _)| {
        let last = names.last().unwrap();
        last.rsplit("::").next() == Some(function)
    });
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {function} in {lines:#?}"));
    assert!(
        found.next().is_none(),
        "several lines of {function}: {lines:#?}"
    );
    line.1
}

claims! {
    // TR05
    fn equal_stacks_are_one_line_and_the_counts_sum_to_the_number_of_goroutines() {
        let (tx, rx) = bounded::<()>(0);
        let many = (0..1000).map(|_| go!(clone [rx]; { waits_among_many(&rx) }));
        let mut all: Vec<_> = many.collect();
        all.extend((0..10).map(|_| go!(clone [rx]; { waits_among_few(&rx) })));
        settle();
        let (text, decoded) = asks();
        let lines = lines(&text);
        let sum: u64 = lines.iter().map(|(_, number)| number).sum();
        assert_eq!(sum, num_goroutines() as u64, "{text}");
        assert_eq!(sum, 1011);
        if AS_THREADS {
            // No stacks, but the places.
            assert_eq!((lines.len(), lines[0].1, lines[1].1), (3, 1000, 10), "{text}");
        } else {
            assert_eq!(of_function(&lines, "waits_among_many"), 1000);
            assert_eq!(of_function(&lines, "waits_among_few"), 10);
            assert_eq!(of_function(&lines, "asks"), 1);
            for (names, _) in &lines {
                assert!(names[0].contains("profile::"), "the root is a wrapper: {text}");
                for name in names {
                    assert!(!name.contains("gort_"), "a frame is not the user's: {text}");
                }
            }
        }
        assert_eq!(decoded.kinds, [("goroutine".to_owned(), "count".to_owned())]);
        let same: HashMap<_, _> = text
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(names, number)| (names.to_owned(), number.parse().unwrap()))
            .collect();
        assert_eq!(folded(&decoded, "goroutine"), same);
        let waits = decoded.samples.iter().filter(|sample| sample.values[0] >= 10);
        for sample in waits {
            assert_eq!(sample.label, Some(("wait".to_owned(), "chan receive".to_owned())));
            let (_, file, line) = sample.frames.first().unwrap();
            assert!(file.ends_with("profile.rs") && *line > 0, "{sample:?}");
        }
        drop(tx);
        for one in all {
            one.join().unwrap();
        }
    }
}
