//! A page that shows what the goroutines of a [gort](https://docs.rs/gort) program do. The program
//! itself serves it.
//!
//! ```
//! #[gort::main]
//! fn main() -> std::io::Result<()> {
//!     // Port 0 means any free port. A program would name one: "127.0.0.1:6060".
//!     let page = gort_debug::serve("127.0.0.1:0")?;
//!     println!("debug page: {page}");
//!     // … the program's work. The page is up until `page` is dropped or closed.
//!     page.close();
//!     Ok(())
//! }
//! ```
//!
//! The page has live charts of goroutines, Ps, run queues, threads and scheduling latency. Below
//! the charts is a list of all goroutines. Goroutines with the same stack that wait for the same
//! thing share one line, which says how many there are, what they wait for, where, and since when.
//! A search field filters the list. Buttons record a trace and download profiles.
//!
//! # For curl and for Prometheus
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /goroutines` | every goroutine, as [`dump`](gort::runtime::dump) writes it |
//! | `GET /goroutines.json` | every goroutine, as JSON |
//! | `GET /groups`, `GET /groups.json` | the lines of the page's list |
//! | `GET /metrics` | [`metrics`](gort::runtime::metrics) in Prometheus' text format |
//! | `GET /metrics.json` | the same figures as JSON |
//! | `GET /profile/goroutines` | [`profile::goroutines`](gort::runtime::profile::goroutines) |
//! | `GET /profile/block`, `GET /profile/mutex` | what was recorded since [`set_rate`] was called |
//! | `POST /profile/block?seconds=5`, and `mutex` | records waits for 5 s, and returns them |
//! | `POST /trace?seconds=5` | records a [`trace`](gort::runtime::trace) for 5 s, and returns it |
//!
//! `?q=WORD` keeps the goroutines whose number, name, state, reason or source lines contain the
//! word. All requests for goroutines accept it. Profiles are in the format of Go's pprof. With
//! `?format=folded` they are lines for flame graphs.
//!
//! ```text
//! curl http://127.0.0.1:6060/groups?q=reader
//! curl -X POST -o trace.pftrace http://127.0.0.1:6060/trace?seconds=5   # for ui.perfetto.dev
//! go tool pprof -http=: http://127.0.0.1:6060/profile/goroutines
//! ```
//!
//! # Who can see the page
//! The page shows names, source lines and stacks, so it is not for the public.
//!
//! - [`serve`] accepts loopback addresses only, and [`serve_unix`] creates a socket that only the
//!   program's user may open. [`Options::allow_remote`] allows other addresses. There is no
//!   password, so the network must then keep strangers out. Any user of the same machine can
//!   connect to a loopback address. If that is too much, use a Unix socket.
//! - A web site that is open in the same browser can neither read the page nor start a trace. The
//!   server refuses requests for another host name (DNS rebinding) and requests that a script, a
//!   form or an image of another site makes. It never sends `Access-Control-Allow-Origin`. Requests
//!   that change something must be POSTs.
//! - Names of goroutines are shown as text, whatever they contain.
//!
//! # What the page costs
//! It costs nothing until a client connects. Then it runs in goroutines named `gort-debug`, which
//! the page marks as its own, and their number is limited. A client that is slow to send or to
//! receive is cut off after ten seconds ([`Options::timeout`]).
//!
//! Above 10,000 goroutines the page does not read all stacks: it reads the stack of one goroutine
//! for each source line.
//!
//! While the page is up, gort does not report a deadlock of the other goroutines: a goroutine waits
//! for clients, so the program is never entirely blocked. The page shows what each goroutine waits
//! for.
//!
//! If goroutines are threads (on macOS, or with `--cfg gort_threads`) the page works, but has no
//! figures of Ps, run queues and latency, since there are none.
//!
//! [`set_rate`]: gort::runtime::profile::set_rate

// ```text
// options server           settings · the goroutines that serve, and how they end
// stream listener          a connection · a listening socket: TCP or Unix
// site connection          the state that all connections share · requests on a connection
// request query guard      the head of a request · the part after the `?` · which ones to answer
// answer                   sends the head and the body of an answer
// routes                   maps paths to answers
// page recordings          the HTML file, filled in · traces and profiles
// goroutines groups        what goroutines do: one by one · counted
// metrics prometheus       the scheduler's figures, as JSON · as Prometheus reads them
// json                     writes JSON
// ```

#![forbid(unsafe_code)]

mod answer;
mod connection;
mod goroutines;
mod groups;
mod guard;
mod json;
mod listener;
mod metrics;
mod options;
mod page;
mod prometheus;
mod query;
mod recordings;
mod request;
mod routes;
mod server;
mod site;
mod stream;

pub use options::Options;
pub use server::Server;

use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;

/// Serves the page at a loopback address until the [`Server`] is closed or dropped.
///
/// # Errors
/// Returns `PermissionDenied` if the address is not a loopback address (see
/// [`Options::allow_remote`]). Otherwise returns the system's errors.
///
/// # Examples
/// ```
/// let page = gort_debug::serve("127.0.0.1:0")?;
/// println!("{page}"); // http://127.0.0.1:41217/
/// # page.close();
/// assert!(gort_debug::serve("0.0.0.0:0").is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve(addr: impl ToSocketAddrs) -> io::Result<Server> {
    Options::new().serve(addr)
}

/// Serves the page at a Unix socket until the [`Server`] is closed or dropped, which also removes
/// the file at `path`.
///
/// Only the program's user may open the socket. To see the page in a browser on another machine,
/// run `ssh -L 6060:/run/program.sock HOST` there, and open `http://localhost:6060/`.
///
/// # Errors
/// Returns `AddrInUse` if there is a file at `path`, for example the socket of a killed program.
/// Otherwise returns the system's errors.
///
/// # Examples
/// ```
/// let path = std::env::temp_dir().join(format!("gort-debug-{}.sock", std::process::id()));
/// let page = gort_debug::serve_unix(&path)?;
/// // curl --unix-socket PATH http://localhost/goroutines
/// page.close();
/// assert!(!path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve_unix(path: impl AsRef<Path>) -> io::Result<Server> {
    Options::new().serve_unix(path)
}
