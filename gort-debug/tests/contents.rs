//! What the page shows: HTML, text, JSON and Prometheus' format.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;

use client::{Place, get, own, socket_path, until};
use gort::prelude::*;
use gort::runtime::{GoroutineInfo, GoroutineState, goroutines};
use gort_debug::{serve, serve_unix};
use gort_tests::{AS_THREADS, claims};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Names that would have an effect if they were taken for more than text.
const NAMES: [&str; 7] = [
    "<img src=x onerror=\"alert(1)\">",
    "</script><script>alert(1)</script>",
    "<!-- & &amp; 'single' \"double\" `back`",
    "line\nbreak\r\n\ngoroutine 1 [running]:\t\u{7}\u{1b}[31m",
    "back\\slash\\",
    "ünïcödé 😀 \u{2028}\u{202e}",
    "{{nonce}} {{first}}",
];

/// Starts goroutines that wait, one with each name. Dropping the sender ends them.
fn named() -> (Sender<()>, Vec<JoinHandle<()>>) {
    let (tx, rx) = bounded::<()>(0);
    let spawn = |name: &str| {
        let rx = rx.clone();
        let builder = gort::Builder::new().name(name);
        let wait = move || {
            rx.recv().ok();
        };
        builder.spawn(wait).unwrap()
    };
    let all = NAMES.map(spawn).into();
    until(|| {
        let waiting = |info: &&GoroutineInfo| info.state == GoroutineState::Waiting;
        let of_ours = |info: &&GoroutineInfo| NAMES.contains(&info.name.as_deref().unwrap_or(""));
        goroutines().iter().filter(of_ours).filter(waiting).count() == NAMES.len()
    });
    (tx, all)
}

/// Returns the names in a JSON list of goroutines, without the page's own goroutines.
fn names_of(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    let foreign = list.filter(|one| one["own"] == false);
    foreign
        .filter_map(|one| one["name"].as_str().map(str::to_owned))
        .collect()
}

/// Returns the names of the goroutines in the groups.
fn group_names(groups: &Value) -> Vec<String> {
    let groups = groups["groups"].as_array().unwrap().iter();
    let foreign = groups.filter(|group| group["own"] == false);
    let names = foreign.flat_map(|group| group["names"].as_array().unwrap());
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// Returns the text between two others.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap().1;
    rest.split_once(end).unwrap().0
}

claims! {
    // DP03
    fn json_and_text_show_what_the_runtime_lists() {
        let (tx, all) = named();
        let path = socket_path("lists");
        let pages = [serve("127.0.0.1:0").unwrap(), serve_unix(&path).unwrap()];
        for page in &pages {
            let place = Place::of(page);
            let list = get(&place, "/goroutines.json").json();
            let list = list["goroutines"].as_array().unwrap();
            let is_foreign = |info: &GoroutineInfo| info.name.as_deref() != Some("gort-debug");
            let known: Vec<_> = goroutines().into_iter().filter(is_foreign).collect();
            let shown: Vec<_> = list.iter().filter(|one| one["own"] == false).collect();
            assert_eq!(shown.len(), known.len());
            for (shown, known) in shown.iter().zip(&known) {
                assert_eq!(shown["id"].to_string(), known.id.to_string());
                assert_eq!(shown["name"].as_str(), known.name.as_deref());
                assert_eq!(
                    shown["spawned_at"].as_str().unwrap(),
                    known.spawned_at.unwrap().to_string()
                );
                // Main sends the request, so its own state changes.
                if NAMES.contains(&known.name.as_deref().unwrap_or("")) {
                    assert_eq!(shown["state"], "waiting");
                    assert_eq!(shown["reason"].as_str().unwrap(), known.reason.to_string());
                    assert_eq!(shown["at"].as_str().unwrap(), known.at.unwrap().to_string());
                    let waited = shown["waiting_seconds"].as_f64().unwrap();
                    assert!(
                        waited > 0.0 && waited <= known.since.as_secs_f64(),
                        "{waited}"
                    );
                }
            }
            // In the text each goroutine has one block.
            let text = get(&place, "/goroutines");
            let text = text.text();
            let heads: Vec<_> = text
                .lines()
                .filter(|line| line.starts_with("goroutine "))
                .collect();
            let foreign: Vec<_> = heads
                .iter()
                .filter(|head| !head.contains("\"gort-debug\""))
                .collect();
            assert_eq!(foreign.len(), known.len(), "{text}");
            for info in &known {
                let name = info.name.as_deref().unwrap();
                let head = format!("goroutine {} {name:?} [", info.id);
                assert!(
                    foreign.iter().any(|line| line.starts_with(&head)),
                    "{head}\n{text}"
                );
            }
        }
        pages.into_iter().for_each(gort_debug::Server::close);
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    // DP03
    fn names_are_text_whatever_is_in_them() {
        let (tx, all) = named();
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let mut expected: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        expected.push("main".to_owned());
        expected.sort();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let list = get(&place, "/goroutines.json");
        assert_eq!(sorted(names_of(&list.json()["goroutines"])), expected);
        assert_eq!(
            sorted(group_names(&get(&place, "/groups.json").json())),
            expected
        );
        // The page contains the goroutines as JSON. No name ends this JSON or becomes an element of
        // the page.
        let html = get(&place, "/");
        let html = html.text();
        for (found, times) in [
            ("<script", 2),
            ("</script>", 2),
            ("<img", 0),
            ("<!--", 0),
            ("nonce=\"{{", 0),
        ] {
            // The page's own script and data contain these. No name adds any.
            assert_eq!(html.matches(found).count(), times, "{found}");
        }
        let first: Value =
            serde_json::from_str(between(html, "id=\"first\">", "</script>")).unwrap();
        assert_eq!(sorted(group_names(&first["groups"])), expected);
        assert_eq!(first["metrics"]["pid"], std::process::id());
        // The text has a line for each name, and nothing that a terminal interprets.
        for path in ["/goroutines", "/groups"] {
            let text = get(&place, path);
            assert!(
                text.text().chars().all(|c| c == '\n' || !c.is_control()),
                "{path}: {:?}",
                text.text()
            );
        }
        page.close();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    // DP03
    fn the_html_runs_no_script_but_its_own() {
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let nonces: Vec<_> = (0..2)
            .map(|_| {
                let answer = get(&place, "/");
                assert_eq!(
                    answer.field("Content-Type"),
                    Some("text/html; charset=utf-8")
                );
                let policy = answer.field("Content-Security-Policy").unwrap().to_owned();
                assert!(
                    policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
                    "{policy}"
                );
                let nonce = between(&policy, "script-src 'nonce-", "'").to_owned();
                assert_eq!(
                    answer.text().matches(&format!("nonce=\"{nonce}\"")).count(),
                    2
                );
                // The page contains everything that it needs, and no attribute contains a handler.
                for forbidden in [" src=", "@import", " onclick=", " style=", "https://"] {
                    assert!(!answer.text().contains(forbidden), "{forbidden}");
                }
                nonce
            })
            .collect();
        assert_ne!(nonces[0], nonces[1]);
        page.close();
    }

    // DP03
    fn equal_goroutines_are_counted() {
        let (tx, rx) = bounded::<()>(0);
        let many: Vec<_> = (0..100)
            .map(|_| {
                go!(clone(rx), name = "many", {
                    rx.recv().ok();
                })
            })
            .collect();
        let few: Vec<_> = (0..3)
            .map(|_| {
                go!(name = "few", {
                    gort::time::sleep(Duration::from_secs(3600));
                })
            })
            .collect();
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let find = |name: &str, path: &str| {
            let groups = get(&place, path).json();
            let groups = groups["groups"].as_array().unwrap().clone();
            let is_it = |group: &Value| group["names"][0] == name && group["state"] == "waiting";
            groups.into_iter().find(is_it)
        };
        until(|| find("many", "/groups.json").is_some_and(|group| group["count"] == 100));
        until(|| find("few", "/groups.json").is_some_and(|group| group["count"] == 3));
        let group = find("many", "/groups.json").unwrap();
        assert_eq!(
            (&group["reason"], &group["ids"].as_array().unwrap().len()),
            (&"chan receive".into(), &10)
        );
        assert!(group["at"].as_str().unwrap().contains("contents.rs:"));
        assert!(group["longest_seconds"].as_f64() >= group["shortest_seconds"].as_f64());
        assert!(group["own"] == false);
        // A search keeps goroutines that contain the word in upper or lower case, and says how
        // many.
        let found = get(&place, "/groups.json?q=FEW").json();
        assert_eq!(
            (&found["kept"], &found["groups"][0]["reason"]),
            (&3.into(), &"sleep".into())
        );
        assert!(found["total"].as_u64().unwrap() > 103);
        assert_eq!(get(&place, "/groups.json?q=few&q=many").json()["kept"], 3);
        assert_eq!(
            get(&place, "/groups.json?q=no+such+goroutine").json()["groups"]
                .as_array()
                .unwrap()
                .len(),
            0
        );
        let id = group["ids"][0].as_u64().unwrap();
        let list = get(&place, &format!("/goroutines.json?q=%20{id}")).json();
        assert!(
            list["goroutines"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["id"] == id)
        );
        assert_eq!(
            get(&place, "/goroutines?q=Few")
                .text()
                .matches("\ngoroutine ")
                .count(),
            3
        );
        let text = get(&place, "/groups?q=many");
        assert!(
            text.text().contains("\n100 [waiting: chan receive, "),
            "{}",
            text.text()
        );
        page.close();
        drop(tx);
        many.into_iter().for_each(|one| one.join().unwrap());
        drop(few);
    }

    // DP03
    fn goroutines_with_different_stacks_are_different_lines() {
        if AS_THREADS {
            return; // There are no stacks to be seen.
        }
        let (tx, rx) = bounded::<()>(0);
        let start = |f: fn(&Receiver<()>)| {
            let rx = rx.clone();
            gort::spawn(move || f(&rx))
        };
        let all: Vec<_> = [by_the_front_door, by_the_back_door, by_the_back_door]
            .map(start)
            .into();
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        for (word, count) in [("by_the_front_door", 1), ("by_the_back_door", 2)] {
            until(|| {
                let found = get(&place, &format!("/groups.json?q={word}")).json();
                let groups = found["groups"].as_array().unwrap();
                let [group] = &groups[..] else { return false };
                let stack = group["stack"].as_str().unwrap_or("");
                group["count"] == count && stack.find("waits_in_here") < stack.find(word)
            });
        }
        page.close();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    // DP04
    fn prometheus_can_read_the_figures_and_counters_never_fall() {
        let done = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                go!(clone(done), {
                    while !done.load(Relaxed) {
                        let (tx, rx) = bounded(0);
                        let one = go!(move || tx.send(1));
                        rx.recv().unwrap();
                        one.join().unwrap().unwrap();
                    }
                })
            })
            .collect();
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let first = scrape(&place);
        let mut before = first.clone();
        for _ in 0..20 {
            let now = scrape(&place);
            assert_eq!(
                before.keys().collect::<Vec<_>>(),
                now.keys().collect::<Vec<_>>()
            );
            for (name, value) in &now {
                let is_counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|end| {
                    name.split('{')
                        .next()
                        .is_some_and(|name| name.ends_with(end))
                });
                assert!(
                    !is_counter || *value >= before[name],
                    "{name}: {} and then {value}",
                    before[name]
                );
            }
            before = now;
        }
        for name in ["gort_goroutines_started_total", "gort_parks_total"] {
            assert!(before[name] > first[name], "{name} does not grow");
        }
        assert!(before["gort_debug_goroutines"] >= 2.0);
        let kind = get(&place, "/metrics");
        assert_eq!(
            kind.field("Content-Type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        done.store(true, Relaxed);
        load.into_iter().for_each(|one| one.join().unwrap());
        page.close();
    }

    // DP04
    fn the_pages_own_goroutines_have_one_name_and_are_marked() {
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let mut others: Vec<_> = (0..3).map(|_| place.connect()).collect();
        for other in &mut others {
            other.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(other.answer(true).status, 200);
        }
        let list = get(&place, "/goroutines.json").json();
        let marked: Vec<_> = list["goroutines"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["own"] == true)
            .collect();
        // These are the goroutine that accepts, the three idle connections, and the connection of
        // this request.
        assert_eq!(marked.len(), 5);
        assert!(marked.iter().all(|one| one["name"] == "gort-debug"));
        let named = |one: &&Value| one["name"] == "gort-debug";
        assert_eq!(
            list["goroutines"]
                .as_array()
                .unwrap()
                .iter()
                .filter(named)
                .count(),
            5
        );
        let only_main = list["goroutines"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["own"] == false);
        assert_eq!(only_main.count(), 1);
        until(|| own() == 4);
        let groups = get(&place, "/groups.json").json();
        assert_eq!(groups["own"], 5);
        until(|| own() == 4);
        assert_eq!(get(&place, "/metrics.json").json()["own_goroutines"], 5);
        page.close();
        until(|| own() == 0);
    }

    // DP03
    fn answers_have_their_length_or_come_in_chunks() {
        let (tx, rx) = bounded::<()>(0);
        let all: Vec<_> = (0..1000)
            .map(|_| {
                go!(clone(rx), name = "one of very many", {
                    rx.recv().ok();
                })
            })
            .collect();
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let long = get(&place, "/goroutines.json");
        assert_eq!(long.field("Transfer-Encoding"), Some("chunked"));
        assert_eq!(
            names_of(&long.json()["goroutines"])
                .iter()
                .filter(|name| *name == "one of very many")
                .count(),
            1000
        );
        let short = get(&place, "/groups.json");
        assert!(short.field("Content-Length").is_some());
        // Without chunks, the end of the connection ends the body.
        let mut old = place.connect();
        old.send("GET /goroutines.json HTTP/1.0\r\nHost: localhost\r\n\r\n");
        let answer = old.answer(true);
        assert!(
            answer.field("Transfer-Encoding").is_none() && answer.field("Content-Length").is_none()
        );
        assert_eq!(answer.field("Connection"), Some("close"));
        assert_eq!(names_of(&answer.json()["goroutines"]).len(), 1001);
        for path in ["/", "/goroutines", "/metrics"] {
            let mut connection = place.connect();
            let line =
                format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            connection.send(&line);
            assert_eq!(connection.answer(false).status, 200);
            assert_eq!(connection.rest(), "", "{path}");
        }
        page.close();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    // DP03
    fn several_requests_on_one_connection_are_answered_in_order() {
        let page = serve("127.0.0.1:0").unwrap();
        let place = Place::of(&page);
        let mut connection = place.connect();
        let request =
            |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        let body = "Content-Length: 5\r\n\r\nabcd\n";
        connection.send(
            &[
                request("GET /metrics.json", ""),
                request("POST /metrics", body)
                    .trim_end_matches("\r\n")
                    .to_owned(),
                request("GET /nothing", ""),
                request("PUT /", ""),
                request("GET /metrics", "Connection: close\r\n"),
            ]
            .concat(),
        );
        let answers: Vec<_> = (0..5).map(|_| connection.answer(true)).collect();
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 405, 404, 405, 200]);
        assert_eq!(answers[1].field("Allow"), Some("GET, HEAD"));
        assert!(answers[2].text().contains("/goroutines"));
        assert_eq!(connection.rest(), "");
        for (text, status) in [
            ("nonsense\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
                413,
            ),
        ] {
            let mut connection = place.connect();
            connection.send(text);
            assert_eq!(connection.answer(true).status, status, "{text}");
        }
        page.close();
    }
}

#[inline(never)]
fn waits_in_here(rx: &Receiver<()>) {
    std::hint::black_box(rx.recv()).unwrap_err();
}

#[inline(never)]
fn by_the_front_door(rx: &Receiver<()>) {
    waits_in_here(rx);
    std::hint::black_box(());
}

#[inline(never)]
fn by_the_back_door(rx: &Receiver<()>) {
    waits_in_here(rx);
    std::hint::black_box(());
    std::hint::black_box(());
}

/// Returns the samples of a scrape. Parses it as strictly as Prometheus' text format allows.
fn scrape(place: &Place) -> BTreeMap<String, f64> {
    let answer = get(place, "/metrics");
    let text = answer.text();
    assert!(text.ends_with('\n'));
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert!(kinds.insert(name, kind).is_none(), "twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').unwrap().1.len() > 10, "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (bare, labels) = name
                .split_once('{')
                .map_or((name, None), |(bare, rest)| (bare, Some(rest)));
            assert!(
                bare.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{line}"
            );
            if let Some(labels) = labels {
                let (label, value) = labels
                    .strip_suffix("\"}")
                    .unwrap()
                    .split_once("=\"")
                    .unwrap();
                assert!(
                    label.bytes().all(|b| b.is_ascii_lowercase()) && !value.contains(['"', '\\']),
                    "{line}"
                );
            }
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| bare.strip_suffix(end));
            let kind = kinds
                .get(bare)
                .or_else(|| family.and_then(|name| kinds.get(name)));
            assert_eq!(
                *kind.unwrap() == "counter",
                bare.ends_with("_total"),
                "{line}"
            );
            let value: f64 = value.parse().unwrap();
            assert!(value >= 0.0, "{line}");
            assert!(
                samples.insert(name.to_owned(), value).is_none(),
                "twice: {line}"
            );
        }
    }
    let latency = "gort_scheduling_latency_seconds";
    let buckets = text
        .lines()
        .filter(|line| line.starts_with(&format!("{latency}_bucket")));
    let counts: Vec<f64> = buckets
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert!(counts.is_sorted() && counts.len() > 10);
    assert_eq!(counts.last(), samples.get(&format!("{latency}_count")));
    samples
}
