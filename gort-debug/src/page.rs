//! The HTML page, with its data filled in.

use crate::goroutines::Search;
use crate::groups::Groups;
use crate::metrics;
use crate::site::Site;
use std::io::{self, Write};

/// The page. `{{nonce}}` and `{{first}}` are placeholders.
const HTML: &str = include_str!("page.html");

/// Returns the page's content security policy: it may run its own script, which has the nonce, and
/// send requests to its own server.
pub(crate) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Writes the page with the current figures and goroutines, so that it is complete when it appears.
pub(crate) fn write(out: &mut impl Write, nonce: &str, site: &Site) -> io::Result<()> {
    for (i, part) in HTML.split("{{").enumerate() {
        let rest = match part.split_once("}}") {
            Some(("nonce", rest)) => {
                out.write_all(nonce.as_bytes())?;
                rest
            }
            Some(("first", rest)) => {
                write_first(out, site)?;
                rest
            }
            _ if i == 0 => part,
            _ => {
                out.write_all(b"{{")?;
                part
            }
        };
        out.write_all(rest.as_bytes())?;
    }
    Ok(())
}

fn write_first(out: &mut impl Write, site: &Site) -> io::Result<()> {
    out.write_all(b"{\"metrics\":")?;
    metrics::write_json(out, site)?;
    out.write_all(b",\"groups\":")?;
    Groups::now(&Search::new("")).write_json(out)?;
    out.write_all(b"}")
}
