//! The page in a browser: Chromium without a window. If there is no Chromium, the test prints that
//! it is skipped.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_debug::serve;
use gort_tests::run_program;
use std::path::PathBuf;
use std::process::Command;

/// A name that would become an element and change the title if the page took it for HTML.
const NASTY: &str = "needle <img src=x onerror=\"document.title='owned'\">";

/// Returns the name of the browser's program, if there is one.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
}

/// An empty folder for the browser's files. Dropping it removes it.
struct Profile(PathBuf);

impl Profile {
    fn new() -> Self {
        let name = format!("gort-debug-browser-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Returns the elements of a page after some seconds of the browser's virtual time.
fn dom(chromium: &str, url: &str) -> String {
    let profile = Profile::new();
    let mut command = Command::new(chromium);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--window-size=1400,1000",
        "--virtual-time-budget=6000",
        "--dump-dom",
    ]);
    command.arg(format!("--user-data-dir={}", profile.0.display()));
    let ended = run_program(command.arg(url), "chromium");
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout
}

/// Returns the parts of `text` that begin with `begin`, each up to `end`.
fn parts<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin)
        .skip(1)
        .map(|part| part.split(end).next().unwrap())
        .collect()
}

// DP03
#[test]
fn a_browser_shows_charts_and_a_list_that_can_be_searched() {
    let Some(chromium) = chromium() else {
        eprintln!(
            "SKIPPED: the page in a browser: there is no chromium here (apt-get install chromium)"
        );
        return;
    };
    gort::runtime::run(move || {
        let page = serve("127.0.0.1:0").unwrap();
        let (tx, rx) = bounded::<()>(0);
        let wait = |name: &str| {
            let rx = rx.clone();
            let wait = move || {
                rx.recv().ok();
            };
            gort::Builder::new().name(name).spawn(wait).unwrap()
        };
        let mut all = vec![wait(NASTY)];
        all.extend((0..40).map(|_| wait("hay")));
        all.push(go!(clone(rx), name = "sleeper", {
            while rx.try_recv() == Err(gort::channel::TryRecvError::Empty) {
                sleep(Duration::from_millis(1));
            }
        }));

        let shown = gort::blocking(|| dom(chromium, &page.to_string()));
        // Each chart has its curves, which go through more than the first sample, and figures
        // beside their names.
        let charts = parts(&shown, "<figure", "</figure>");
        assert_eq!(charts.len(), 6);
        for chart in charts {
            let curves = parts(chart, "<path class=\"curve", "</path>");
            assert!(!curves.is_empty(), "{chart}");
            let legend = parts(chart, "<b>", "</b>");
            assert_eq!(legend.len(), curves.len(), "{chart}");
            let is_stacked = chart.contains("class=\"area");
            let lines = curves.iter().filter(|curve| curve.contains('L'));
            assert!(!is_stacked || lines.count() > 0, "{chart}");
            for (curve, figure) in curves.iter().zip(&legend) {
                // A figure that is always 0 has no line.
                let has_line = curve.matches('L').count() >= 2;
                assert!(!is_stacked || has_line || *figure == "0", "{curve}");
                assert!(
                    !is_stacked || figure.starts_with(|c: char| c.is_ascii_digit()),
                    "{figure}"
                );
            }
        }
        let list = parts(&shown, "<tbody", "</tbody>")[0];
        let rows = parts(list, "<tr class=\"group\"", "</tr>");
        let hay: Vec<_> = rows.iter().filter(|row| row.contains("hay")).collect();
        assert_eq!(hay.len(), 1, "{list}");
        // These goroutines wait at one line, together with one that has another name.
        assert!(
            hay[0].contains(">41<") && hay[0].contains("chan receive"),
            "{}",
            hay[0]
        );
        assert!(rows.iter().any(|row| row.contains("sleeper")), "{list}");
        // The page's own goroutines are hidden by default.
        assert!(!list.contains("gort-debug/src"), "{list}");
        // The name is shown as text.
        assert!(
            !shown.contains("<img") && shown.contains("needle &lt;img src=x"),
            "{list}"
        );
        assert_eq!(
            parts(&shown, "<title>", "</title>")[0].split('-').next(),
            Some("browser")
        );

        let found = gort::blocking(|| dom(chromium, &format!("{page}#q=needle")));
        assert!(found.contains("data-searched=\"needle\""), "{found}");
        let list = parts(&found, "<tbody", "</tbody>")[0];
        let rows = parts(list, "<tr class=\"group\"", "</tr>");
        assert_eq!(rows.len(), 1, "{list}");
        assert!(
            rows[0].contains(">1<") && rows[0].contains("needle &lt;img"),
            "{list}"
        );
        assert!(!list.contains("hay") && !list.contains("sleeper"), "{list}");
        let none = gort::blocking(|| dom(chromium, &format!("{page}#q=no%20such%20thing")));
        assert!(parts(&none, "<tbody", "</tbody>")[0].matches("<tr").count() == 0);
        assert!(!none.contains("id=\"empty\" hidden"), "{none}");

        page.close();
        drop(tx);
        all.into_iter().for_each(|one| one.join().unwrap());
    });
}
