//! The goroutines that serve the page, and how they end.

use crate::connection;
use crate::guard::Hosts;
use crate::listener::Listener;
use crate::site::{Limits, NAME, Serving, Site};
use crate::stream::Stream;
use gort::context::{Cancel, Context};
use gort::select;
use gort::sync::{Mutex, Permit, Semaphore, WaitGroup};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The stack size of each goroutine, even if `GORT_STACK` asks for smaller stacks.
const STACK: usize = 256 * 1024;
/// How long to wait if the system has no descriptor for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A page that is being served. Dropping it ends the page.
///
/// ```
/// use std::io::{Read, Write};
///
/// let page = gort_debug::serve("127.0.0.1:0")?;
/// let mut client = gort::net::TcpStream::connect(page.local_addr().unwrap())?;
/// client.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.contains("gort_goroutines_started_total"));
/// page.close();
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the page ends when this is dropped: keep it, or call `detach`"]
pub struct Server {
    listener: Listener,
    shared: Arc<Shared>,
    cancel: Cancel,
}

/// What the goroutines of a page share with its [`Server`].
struct Shared {
    site: Site,
    /// One permit for each connection that may be served.
    permits: Semaphore,
    open: Mutex<Open>,
    running: WaitGroup,
}

/// The connections that are being served.
#[derive(Default)]
struct Open {
    next: u64,
    streams: BTreeMap<u64, Stream>,
    /// Whether the page has ended, so that there will be no more connections.
    ended: bool,
}

impl Server {
    /// Starts accepting connections.
    pub(crate) fn start(listener: Listener, hosts: Hosts, limits: Limits) -> io::Result<Self> {
        let (ctx, cancel) = Context::background().with_cancel();
        let shared = Arc::new(Shared {
            site: Site::new(hosts, limits, ctx),
            permits: Semaphore::new(limits.connections),
            open: Mutex::new(Open::default()),
            running: WaitGroup::new(),
        });
        let server = Self {
            listener: listener.try_clone()?,
            shared: Arc::clone(&shared),
            cancel,
        };
        spawn(&server.shared, move || accept_all(&listener, &shared))?;
        Ok(server)
    }

    /// Returns the address at which the page is served, or `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Tcp(_, addr) => Some(*addr),
            Listener::Unix(..) => None,
        }
    }

    /// Returns the absolute path of the Unix socket at which the page is served, or `None` for TCP.
    ///
    /// # Examples
    /// ```
    /// let page = gort_debug::serve("127.0.0.1:0")?;
    /// assert!(page.path().is_none() && page.local_addr().is_some());
    /// # page.close();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.listener {
            Listener::Tcp(..) => None,
            Listener::Unix(_, file) => Some(&file.path),
        }
    }

    /// Ends the page, and blocks until its goroutines have nothing left to do.
    ///
    /// Answers that are being sent are cut off. A trace that the page is recording is stopped.
    /// Dropping a `Server` does the same without waiting.
    pub fn close(self) {
        self.end();
        self.shared.running.wait();
    }

    /// Leaves the page up until the process ends.
    ///
    /// # Examples
    /// ```
    /// gort_debug::serve("127.0.0.1:0")?.detach();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn detach(self) {
        let _never_dropped = ManuallyDrop::new(self);
    }

    /// Wakes every goroutine of the page that waits: for connections, for clients, or for the end
    /// of a trace.
    fn end(&self) {
        self.cancel.cancel();
        self.listener.close();
        let streams = {
            let mut open = self.shared.open.lock();
            open.ended = true;
            std::mem::take(&mut open.streams)
        };
        streams.values().for_each(Stream::close);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Displays the page's address: `http://127.0.0.1:6060/`, or `unix:/run/program.sock`.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listener {
            Listener::Tcp(_, addr) => write!(f, "http://{addr}/"),
            Listener::Unix(_, file) => write!(f, "unix:{}", file.path.display()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.to_string()).finish()
    }
}

/// Starts a goroutine of the page. `close` waits for it.
fn spawn(shared: &Arc<Shared>, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let running = shared.running.clone();
    running.add(1);
    let builder = gort::Builder::new().name(NAME).stack_size(STACK);
    let spawned = builder.spawn(move || {
        gort::defer!({
            running.done();
        });
        let _serving = Serving::begin();
        f();
    });
    if spawned.is_err() {
        shared.running.done();
    }
    spawned.map(drop)
}

/// Accepts connections until the page ends, and serves several at the same time.
fn accept_all(listener: &Listener, shared: &Arc<Shared>) {
    let ctx = &shared.site.ctx;
    loop {
        let permit = select! {
            permit = <-shared.permits.acquire_request(1) => permit,
            <-ctx => return,
        };
        match listener.accept() {
            Ok(stream) => begin(shared, stream, permit),
            Err(_) if ctx.err().is_some() => return,
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            // Most likely too many descriptors are open. The client stays in the kernel's queue.
            Err(_) => drop(ctx.sleep(PAUSE)),
        }
    }
}

/// Serves a connection in a goroutine of its own. If there is no memory for its stack, the client
/// is disconnected.
fn begin(shared: &Arc<Shared>, stream: Stream, permit: Permit) {
    let Ok(handle) = stream.try_clone() else {
        return;
    };
    let number = {
        let mut open = shared.open.lock();
        if open.ended {
            return;
        }
        let number = open.next;
        open.next += 1;
        open.streams.insert(number, handle);
        number
    };
    let for_it = Arc::clone(shared);
    let spawned = spawn(shared, move || {
        let _permit = permit;
        gort::defer!({
            for_it.open.lock().streams.remove(&number);
        });
        // An error on a connection concerns only its client.
        connection::serve(&stream, &for_it.site).ok();
    });
    if spawned.is_err() {
        shared.open.lock().streams.remove(&number);
    }
}
