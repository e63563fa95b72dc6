//! Settings of a page.

use crate::guard::{Hosts, is_loopback};
use crate::listener::Listener;
use crate::server::Server;
use crate::site::Limits;
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::Duration;

/// The longest time-out. It is longer than any client waits, and adding it to a time cannot
/// overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Settings for serving the page. [`serve`](crate::serve) and [`serve_unix`](crate::serve_unix) use
/// the defaults.
///
/// ```
/// use gort_debug::Options;
/// use std::time::Duration;
///
/// let page = Options::new()
///     .timeout(Duration::from_secs(60))
///     .max_connections(4)
///     .serve("127.0.0.1:0")?;
/// # page.close();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "this serves nothing before `serve` or `serve_unix` is called"]
pub struct Options {
    hosts: Hosts,
    limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Creates the settings that [`serve`](crate::serve) uses.
    pub fn new() -> Self {
        Self {
            hosts: Hosts::loopback(),
            limits: Limits {
                timeout: Duration::from_secs(10),
                connections: 32,
            },
        }
    }

    /// Allows addresses other than loopback addresses.
    ///
    /// **Everyone who can reach the address can then see the page**, and can record traces: there
    /// is no password. Requests may name the host by any IP address. To allow requests that name it
    /// by a host name, also call [`allow_host`](Self::allow_host).
    ///
    /// # Examples
    /// ```
    /// use gort_debug::Options;
    ///
    /// let page = Options::new()
    ///     .allow_remote()
    ///     .allow_host("build-7.internal")
    ///     .serve("0.0.0.0:0")?;
    /// # page.close();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn allow_remote(mut self) -> Self {
        self.hosts.allow_any_address();
        self
    }

    /// Allows requests that name this host, for example the name under which a proxy serves the
    /// page.
    ///
    /// By default the server answers requests for `localhost` and for loopback addresses. It
    /// refuses others, because a web site whose name suddenly resolves to 127.0.0.1 could make a
    /// visitor's browser read the page (DNS rebinding).
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.allow(name.into());
        self
    }

    /// Sets how long a client may take to send the head of a request, to send the next request on
    /// the same connection, and to receive 64 KiB of an answer. The default is ten seconds, and the
    /// maximum is a day.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout.min(LONGEST_TIMEOUT);
        self
    }

    /// Sets how many connections are served at the same time. The default is 32. Further
    /// connections wait in the kernel's queue.
    ///
    /// # Panics
    /// Panics if `connections` is 0.
    pub fn max_connections(mut self, connections: usize) -> Self {
        assert!(connections > 0, "at least one connection must be served");
        self.limits.connections = connections;
        self
    }

    /// Serves the page at `addr`, like [`serve`](crate::serve), with these settings.
    ///
    /// # Errors
    /// Returns `PermissionDenied` if the address is not a loopback address and
    /// [`allow_remote`](Self::allow_remote) was not called. Otherwise returns the system's errors.
    pub fn serve(self, addr: impl ToSocketAddrs) -> io::Result<Server> {
        // The system's resolver blocks the thread.
        let addrs: Vec<_> = gort::blocking(|| addr.to_socket_addrs())?.collect();
        let foreign = addrs.iter().find(|addr| !is_loopback(addr.ip()));
        if let Some(addr) = foreign.filter(|_| !self.hosts.has_any_address()) {
            let message = format!(
                "{addr} is not a loopback address, and everyone who can reach it would see the \
                 program's goroutines: use 127.0.0.1, [::1] or a Unix socket, or call \
                 gort_debug::Options::allow_remote"
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Server::start(Listener::tcp(&addrs)?, self.hosts, self.limits)
    }

    /// Serves the page at a Unix socket, like [`serve_unix`](crate::serve_unix), with these
    /// settings.
    ///
    /// # Errors
    /// Returns the errors of [`serve_unix`](crate::serve_unix).
    ///
    /// # Examples
    /// ```
    /// use gort_debug::Options;
    ///
    /// let path = std::env::temp_dir().join(format!("gort-options-{}.sock", std::process::id()));
    /// let page = Options::new().max_connections(4).serve_unix(&path)?;
    /// assert_eq!(page.path(), Some(&*path));
    /// # page.close();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn serve_unix(self, path: impl AsRef<Path>) -> io::Result<Server> {
        Server::start(Listener::unix(path.as_ref())?, self.hosts, self.limits)
    }
}
