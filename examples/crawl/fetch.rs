//! Fetches a page, with as much of HTTP as that needs.

use crate::links::{Url, links};
use gort::context::Context;
use gort::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// Maximum number of bytes that are read of a page.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) size: usize,
    /// The links of the page if it is HTML, or the target if it is a redirection.
    pub(crate) links: Vec<Url>,
}

/// Fetches a page. Gives up when the time limit is over or `ctx` is done.
pub(crate) fn fetch(url: &Url, limit: Duration, ctx: &Context) -> io::Result<Page> {
    let (ctx, _cancel) = ctx.with_timeout(limit);
    let mut stream = TcpStream::connect_context(&ctx, url.host())?;
    stream.set_deadline(ctx.deadline())?;
    let socket = stream.try_clone()?;
    let end = ctx.after_func(move || socket.close());
    gort::defer!({
        end.stop();
    });
    // In HTTP/1.0 the body ends with the connection and is not chunked.
    write!(
        stream,
        "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: gort-crawl\r\n\r\n",
        url.path(),
        url.host_header()
    )?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    page(url, &answer).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP"))
}

fn page(url: &Url, answer: &[u8]) -> Option<Page> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (
        std::str::from_utf8(&answer[..end]).ok()?,
        &answer[end + 4..],
    );
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    let (mut is_html, mut links_found) = (false, Vec::new());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-type") {
            is_html = value.starts_with("text/html");
        } else if name.eq_ignore_ascii_case("location") {
            links_found.extend(url.join(value));
        }
    }
    if is_html && status == 200 {
        links_found.extend(links(url, &String::from_utf8_lossy(body)));
    }
    Some(Page {
        status,
        size: body.len(),
        links: links_found,
    })
}
