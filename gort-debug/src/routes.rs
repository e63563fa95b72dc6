//! Which path gives what.

use crate::answer::Responder;
use crate::goroutines::{self, Search};
use crate::groups::Groups;
use crate::metrics;
use crate::page;
use crate::prometheus;
use crate::query;
use crate::request::{Head, Method};
use crate::site::Site;
use std::io;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers a request that may be answered.
pub(crate) fn answer(head: &Head, site: &Site, to: &Responder<'_>) -> io::Result<()> {
    match (head.path.as_str(), head.method) {
        (_, Method::Get | Method::Head) => look(head, site, to),
        _ => to.method_not_allowed("GET, HEAD"),
    }
}

/// Answers with what changes nothing.
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
        _ => to.text(404, "no such page: there are /, /goroutines, /groups and /metrics, the last three with .json too"),
    }
}
