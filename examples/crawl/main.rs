//! Follows the links of a web site, several pages at a time, and prints which pages exist and which
//! links are broken. SIGINT or SIGTERM ends it early. Go: the crawler of the tour, with a
//! coordinator instead of a mutex.
//!
//! This file has the coordinator, which knows the pages that were seen. `fetch.rs` fetches a page,
//! and `links.rs` finds its links.

#![forbid(unsafe_code)]

mod fetch;
mod links;

use fetch::{Page, fetch};
use gort::prelude::*;
use gort::signal::{Signal, notify_context};
use gort_examples::args::{Arg, Args, duration, unknown};
use gort_examples::{Failure, Outcome, number, print, program};
use links::Url;
use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "crawl [--pages N] [--workers N] [--limit TIME] http://HOST[:PORT][/PATH]";

struct Options {
    /// Maximum number of pages.
    pages: usize,
    /// Maximum number of pages that are fetched at the same time.
    workers: usize,
    /// How long one page may take.
    limit: Duration,
    url: Url,
}

#[gort::main]
fn main() -> ExitCode {
    program(USAGE, |args| crawl(&parse(args)?))
}

fn parse(args: &[OsString]) -> Outcome<Options> {
    let (mut pages, mut workers, mut limit) = (1_000, 8, Duration::from_secs(10));
    let (mut args, mut url) = (Args::new(args), None);
    while let Some(arg) = args.take()? {
        match arg {
            Arg::Option(name @ "pages") => pages = number(args.value(name)?)?,
            Arg::Option(name @ "workers") => workers = number(args.value(name)?)?,
            Arg::Option(name @ "limit") => limit = duration(args.value(name)?)?,
            Arg::Option(name) => return Err(unknown(name)),
            Arg::Word(word) if url.is_none() => url = Some(word),
            Arg::Word(_) => return Err(Failure::usage("expected one address")),
        }
    }
    let url = url.ok_or_else(|| Failure::usage("expected an address"))?;
    let parsed = Url::parse(&url.to_string_lossy());
    match parsed.filter(|_| pages > 0 && workers > 0) {
        Some(url) => Ok(Options {
            pages,
            workers,
            limit,
            url,
        }),
        None => Err(Failure::usage(format!(
            "cannot begin with {url:?}: expected an http address, and at least one page and worker"
        ))),
    }
}

/// Fetches pages until none is left that can be reached, or the maximum number has been fetched.
fn crawl(options: &Options) -> Outcome {
    let (ctx, _stop) = notify_context(&Context::background(), &[Signal::SIGINT, Signal::SIGTERM]);
    let (jobs, todo) = bounded::<Url>(0);
    let (pages, found) = bounded(0);
    for _ in 0..options.workers {
        let (limit, ctx) = (options.limit, ctx.clone());
        go!(clone(todo, pages), {
            for url in todo {
                let page = fetch(&url, limit, &ctx);
                // After a signal there is no receiver.
                if pages.send((url, page)).is_err() {
                    break;
                }
            }
        });
    }
    drop((todo, pages));
    let mut seen = HashSet::from([options.url.clone()]);
    let mut queue = VecDeque::from([options.url.clone()]);
    let (mut asked, mut under_way, mut broken) = (0, 0, 0);
    while under_way > 0 || (!queue.is_empty() && asked < options.pages) {
        // The page that the next free worker gets. If the queue is empty, the guard turns the arm
        // off, and no worker gets this page.
        let next = queue
            .front()
            .cloned()
            .unwrap_or_else(|| options.url.clone());
        select! {
            jobs <- next, if !queue.is_empty() && asked < options.pages => {
                queue.pop_front();
                asked += 1;
                under_way += 1;
            },
            Ok((url, page)) = <-found else { break } => {
                under_way -= 1;
                match page {
                    Ok(Page { status, size, links }) => {
                        broken += usize::from(status >= 400);
                        print([format!("{status} {size:>8} {url}")])?;
                        let new = links.into_iter().filter(|link| link.has_host_of(&url));
                        queue.extend(new.filter(|link| seen.insert(link.clone())));
                    }
                    Err(e) => {
                        broken += 1;
                        print([format!("--- {e}: {url}")])?;
                    }
                }
            },
            <-ctx => return Err(Failure::Failed(format!("stopped after {asked} pages"))),
        }
    }
    print([format!(
        "{asked} pages, {broken} broken, {} not asked for",
        queue.len()
    )])?;
    match broken {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!("{broken} broken pages"))),
    }
}
