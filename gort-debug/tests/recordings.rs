//! Traces and profiles that the page records.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;

use client::{Place, get, own, request, until};
use gort::prelude::*;
use gort::runtime::{WaitReason, profile, trace};
use gort_debug::{Server, serve};
use gort_tests::{AS_THREADS, claims};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const HOST: &str = "Host: localhost";

/// Starts a page. Returns it and its address.
fn page() -> (Server, Place) {
    let page = serve("127.0.0.1:0").unwrap();
    let place = Place::of(&page);
    (page, place)
}

/// Two goroutines that wait for each other until they are told to stop.
struct TakingTurns {
    stop: Arc<AtomicBool>,
    both: Vec<JoinHandle<()>>,
}

impl TakingTurns {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (there, here) = bounded::<()>(0);
        let told = Arc::clone(&stop);
        let sender = go!(name = "sender in turn", {
            while !told.load(Relaxed) && there.send(()).is_ok() {
                yield_now();
            }
        });
        let receiver = go!(name = "receiver in turn", {
            waits_for_its_turn(&here);
        });
        Self {
            stop,
            both: vec![sender, receiver],
        }
    }

    fn stop(self) {
        self.stop.store(true, Relaxed);
        self.both.into_iter().for_each(|one| one.join().unwrap());
    }
}

#[inline(never)]
fn waits_for_its_turn(turns: &Receiver<()>) {
    while turns.recv().is_ok() {
        std::hint::black_box(turns);
    }
}

#[inline(never)]
fn waits_for_the_end(end: &Receiver<()>) {
    std::hint::black_box(end.recv()).unwrap_err();
}

/// Returns the number of folders that this process writes traces into.
fn folders() -> usize {
    let prefix = format!("gort-debug-{}-", std::process::id());
    let all = std::fs::read_dir(std::env::temp_dir()).unwrap();
    all.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(&prefix)
    })
    .count()
}

/// Returns whether a goroutine of the page is recording a trace: there is a folder, and the
/// goroutine waits again, for its client.
fn is_recording() -> bool {
    folders() == 1 && {
        let all = gort::runtime::goroutines();
        let ours = all
            .iter()
            .filter(|info| info.name.as_deref() == Some("gort-debug"));
        ours.filter(|info| info.reason == WaitReason::IoWait)
            .count()
            == 2
    }
}

claims! {
    fn a_trace_is_recorded_by_a_post_and_downloaded() {
        let (page, place) = page();
        if AS_THREADS {
            assert_eq!(
                request(&place, "POST /trace?seconds=0.01", &[HOST]).status,
                501
            );
            return page.close();
        }
        let turns = TakingTurns::start();
        let answer = request(&place, "POST /trace?seconds=0.1", &[HOST]);
        turns.stop();
        assert_eq!(answer.status, 200, "{answer:?}");
        let name = answer.field("Content-Disposition").unwrap();
        assert!(
            name.starts_with("attachment; filename=\"recordings-") && name.ends_with(".pftrace\""),
            "{name}"
        );
        // A packet of a Perfetto trace begins with this byte. Names of goroutines are in the file
        // as they are.
        assert_eq!(answer.body.first(), Some(&0x0a));
        let has = |word: &str| {
            answer
                .body
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        assert!(has("receiver in turn") && has("gort-debug"));
        assert_eq!(folders(), 0);
        // The trace has ended with the answer.
        assert!(trace::stop().is_err());
        page.close();
    }

    fn there_is_one_trace_at_a_time_and_the_pages_ends_with_it() {
        if AS_THREADS {
            return; // There are no traces.
        }
        let (page, place) = page();
        let mut long = place.connect();
        long.send("POST /trace?seconds=300 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        until(is_recording);
        let second = request(&place, "POST /trace?seconds=0.001", &[HOST]);
        assert_eq!(second.status, 409, "{second:?}");
        assert!(trace::start(std::env::temp_dir().join("none")).is_err());
        assert_eq!(folders(), 1);
        // A trace ends if its client disconnects.
        drop(long);
        until(|| folders() == 0);
        until(|| own() == 1);
        let mut another = place.connect();
        another.send("POST /trace?seconds=300 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        until(is_recording);
        page.close();
        assert_eq!(folders(), 0);
        assert!(trace::stop().is_err());
        drop(another);
    }

    fn no_trace_begins_for_a_get_another_site_or_a_wrong_time() {
        let (page, place) = page();
        let refused = |line: &str, fields: &[&str], status| {
            let answer = request(&place, line, fields);
            assert_eq!(answer.status, status, "{line} {fields:?}");
            assert!(trace::stop().is_err());
        };
        refused("GET /trace?seconds=1", &[HOST], 405);
        refused("HEAD /trace?seconds=1", &[HOST], 405);
        refused("POST /trace?seconds=1", &["Host: evil.example"], 403);
        refused(
            "POST /trace?seconds=1",
            &[HOST, "Origin: http://evil.example"],
            403,
        );
        for seconds in ["0", "-1", "301", "NaN", "inf", "five", ""] {
            for path in ["trace", "profile/block", "profile/mutex"] {
                refused(&format!("POST /{path}?seconds={seconds}"), &[HOST], 400);
            }
        }
        refused("POST /profile/goroutines?seconds=1", &[HOST], 405);
        refused("POST /profile/block?seconds=1&format=svg", &[HOST], 400);
        page.close();
    }

    fn profiles_of_goroutines_are_downloaded() {
        let (page, place) = page();
        let (tx, rx) = bounded::<()>(0);
        let all: Vec<_> = (0..10)
            .map(|_| {
                go!(clone(rx), {
                    waits_for_the_end(&rx);
                })
            })
            .collect();
        // Without stacks, the profile has the line at which the goroutines wait.
        let word = if AS_THREADS {
            "chan receive at"
        } else {
            "waits_for_the_end"
        };
        until(|| {
            let folded = get(&place, "/profile/goroutines?format=folded");
            let mut lines = folded.text().lines();
            lines.any(|line| line.contains(word) && line.ends_with(" 10"))
        });
        for path in ["/profile/goroutines", "/profile/goroutines?format=pprof"] {
            let answer = get(&place, path);
            assert!(
                answer
                    .field("Content-Disposition")
                    .unwrap()
                    .ends_with(".pb\"")
            );
            assert!(
                answer
                    .body
                    .windows(word.len())
                    .any(|part| part == word.as_bytes())
            );
        }
        assert_eq!(
            request(&place, "GET /profile/goroutines?format=svg", &[HOST]).status,
            400
        );
        page.close();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    fn waits_are_recorded_for_the_time_that_was_asked_for() {
        let (page, place) = page();
        let word = if AS_THREADS {
            "chan receive at"
        } else {
            "waits_for_its_turn"
        };
        let record = || {
            request(
                &place,
                "POST /profile/block?seconds=0.2&format=folded",
                &[HOST],
            )
        };
        assert_eq!(get(&place, "/profile/block?format=folded").text(), "");
        let turns = TakingTurns::start();
        let recorded = record();
        assert!(recorded.text().contains(word), "{}", recorded.text());
        // Nothing is recorded after that, although the goroutines continue to wait.
        let before = get(&place, "/profile/block?format=folded");
        let parks = gort::runtime::metrics().parks;
        until(|| gort::runtime::metrics().parks > parks + 1000);
        assert_eq!(
            get(&place, "/profile/block?format=folded").text(),
            before.text()
        );
        turns.stop();
        // Waits of the first recording are not in the next one.
        let next = record();
        assert!(!next.text().contains(word), "{}", next.text());
        assert_eq!(
            request(
                &place,
                "POST /profile/mutex?seconds=0.01&format=folded",
                &[HOST]
            )
            .status,
            200
        );
        page.close();
    }

    fn a_rate_that_the_program_has_set_stays() {
        let (page, place) = page();
        let word = if AS_THREADS {
            "chan receive at"
        } else {
            "waits_for_its_turn"
        };
        profile::set_rate(1);
        assert_eq!(
            request(&place, "POST /profile/block?seconds=0.01", &[HOST]).status,
            200
        );
        let turns = TakingTurns::start();
        until(|| {
            get(&place, "/profile/block?format=folded")
                .text()
                .contains(word)
        });
        turns.stop();
        profile::set_rate(0);
        page.close();
    }
}
