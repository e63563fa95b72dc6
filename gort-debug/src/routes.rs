//! Maps paths to answers.

use crate::answer::Responder;
use crate::goroutines::{self, Search};
use crate::groups::Groups;
use crate::metrics;
use crate::page;
use crate::prometheus;
use crate::query;
use crate::recordings;
use crate::request::{Head, Method};
use crate::site::Site;
use gort::runtime::profile;
use std::io;
use std::time::Duration;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers a request that has passed the guard.
///
/// `wait` waits for the given time. It returns `false` if the client has disconnected or the page
/// has ended in that time.
pub(crate) fn answer(
    head: &Head,
    site: &Site,
    wait: &mut dyn FnMut(Duration) -> bool,
    to: &Responder<'_>,
) -> io::Result<()> {
    let path = head.path.as_str();
    match head.method {
        Method::Get | Method::Head if path == "/trace" => to.method_not_allowed("POST"),
        Method::Get | Method::Head => look(head, site, to),
        Method::Post if path == "/trace" => recordings::trace(head, site, wait, to),
        Method::Post if path == "/profile/block" => {
            recordings::waits(profile::block, head, site, wait, to)
        }
        Method::Post if path == "/profile/mutex" => {
            recordings::waits(profile::mutex, head, site, wait, to)
        }
        Method::Post | Method::Other => to.method_not_allowed("GET, HEAD"),
    }
}

/// Answers requests that change nothing.
fn look(head: &Head, site: &Site, to: &Responder<'_>) -> io::Result<()> {
    let search = || Search::new(&query::value(&head.query, "q").unwrap_or_default());
    match head.path.as_str() {
        "/" => {
            let nonce = site.nonce();
            let mut answer = to.begin(200, "text/html; charset=utf-8");
            answer.field("Content-Security-Policy", &page::policy(&nonce));
            page::write(&mut answer, &nonce, site)?;
            answer.finish()
        }
        "/goroutines" => {
            let mut answer = to.begin(200, TEXT);
            goroutines::write_text(&mut answer, &search())?;
            answer.finish()
        }
        "/goroutines.json" => {
            let mut answer = to.begin(200, JSON);
            goroutines::write_json(&mut answer, &search())?;
            answer.finish()
        }
        "/groups" => {
            let mut answer = to.begin(200, TEXT);
            Groups::now(&search()).write_text(&mut answer)?;
            answer.finish()
        }
        "/groups.json" => {
            let mut answer = to.begin(200, JSON);
            Groups::now(&search()).write_json(&mut answer)?;
            answer.finish()
        }
        "/metrics" => {
            let mut answer = to.begin(200, prometheus::KIND);
            prometheus::write(&mut answer)?;
            answer.finish()
        }
        "/metrics.json" => {
            let mut answer = to.begin(200, JSON);
            metrics::write_json(&mut answer, site)?;
            answer.finish()
        }
        "/profile/goroutines" => recordings::profile(profile::goroutines, head, site, to),
        "/profile/block" => recordings::profile(profile::block, head, site, to),
        "/profile/mutex" => recordings::profile(profile::mutex, head, site, to),
        _ => to.text(
            404,
            "there is no such page. There are /, /goroutines, /groups and /metrics, the last three \
             also with .json, /profile/goroutines, /profile/block and /profile/mutex, and /trace for \
             a POST",
        ),
    }
}
