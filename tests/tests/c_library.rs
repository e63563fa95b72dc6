//! Tests a C library that has its own sockets: libpq's connections wait in `io::Pollable`. The
//! server is `gort_tests::postgres`. Without the library (Debian's libpq5) the tests print that
//! they are skipped.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::io::Pollable;
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::postgres::server;
use gort_tests::{claims, waiting};
use std::ffi::{CStr, CString, c_char, c_int};
use std::io::{self, ErrorKind};
use std::mem::transmute;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::Instant;

/// libpq's `PGconn` and `PGresult`.
enum Conn {}
enum PgResult {}

macro_rules! functions {
    ($($name:ident: fn($($arg:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the library.
        #[derive(Clone, Copy)]
        #[expect(non_snake_case, reason = "the library's names")]
        struct Library {
            $($name: unsafe extern "C" fn($($arg),*) $(-> $result)?,)*
        }

        impl Library {
            /// Loads the library. Returns `None` if it is not installed.
            fn load() -> Option<Self> {
                // SAFETY: the name is a C string. The library's initialisers may run on any thread.
                let library = unsafe { libc::dlopen(c"libpq.so.5".as_ptr(), libc::RTLD_NOW) };
                if library.is_null() {
                    println!("skipped: there is no libpq.so.5");
                    return None;
                }
                Some(Self {$(
                    $name: {
                        let name = CString::new(stringify!($name)).unwrap();
                        // SAFETY: the library stays loaded, and the name is a C string.
                        let function = unsafe { libc::dlsym(library, name.as_ptr()) };
                        assert!(!function.is_null(), "{name:?}");
                        // SAFETY: these are the library's functions of these names, with the types
                        // that its manual gives.
                        unsafe { transmute::<*mut libc::c_void, unsafe extern "C" fn($($arg),*) $(-> $result)?>(function) }
                    },
                )*})
            }
        }
    };
}

functions! {
    PQconnectStart: fn(*const c_char) -> *mut Conn;
    PQconnectPoll: fn(*mut Conn) -> c_int;
    PQsocket: fn(*const Conn) -> c_int;
    PQerrorMessage: fn(*const Conn) -> *const c_char;
    PQsetnonblocking: fn(*mut Conn, c_int) -> c_int;
    PQsendQuery: fn(*mut Conn, *const c_char) -> c_int;
    PQflush: fn(*mut Conn) -> c_int;
    PQconsumeInput: fn(*mut Conn) -> c_int;
    PQisBusy: fn(*mut Conn) -> c_int;
    PQgetResult: fn(*mut Conn) -> *mut PgResult;
    PQgetvalue: fn(*const PgResult, c_int, c_int) -> *const c_char;
    PQclear: fn(*mut PgResult);
    PQfinish: fn(*mut Conn);
}

/// The socket of a connection. The library owns it.
struct Socket(c_int);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: a connection keeps its socket until `PQfinish` or the next `PQconnectPoll`, and
        // each `Socket` is dropped before these calls.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

/// A connection to the server. Its methods park the goroutine when they have to wait.
struct Connection {
    library: Library,
    conn: NonNull<Conn>,
    socket: Option<Pollable<Socket>>,
}

// SAFETY: any thread may use a connection, one thread at a time. A mutable borrow ensures that.
unsafe impl Send for Connection {}

impl Connection {
    fn open(library: Library, port: u16) -> io::Result<Self> {
        let target = format!(
            "hostaddr=127.0.0.1 port={port} user=gort dbname=gort sslmode=disable gssencmode=disable"
        );
        let target = CString::new(target)?;
        // SAFETY: the target is a C string.
        let conn = unsafe { (library.PQconnectStart)(target.as_ptr()) };
        let conn = NonNull::new(conn).ok_or(ErrorKind::OutOfMemory)?;
        let mut this = Self {
            library,
            conn,
            socket: None,
        };
        // The first wait is as if `PQconnectPoll` had returned PGRES_POLLING_WRITING.
        let mut wanted = 2;
        loop {
            // SAFETY: the connection lives until `drop`.
            let socket = Socket(unsafe { (library.PQsocket)(this.conn.as_ptr()) });
            let socket = Pollable::new(socket)?;
            match wanted {
                1 => socket.readable()?,
                2 => socket.writable()?,
                3 => {
                    this.socket = Some(socket);
                    break;
                }
                _ => return Err(this.error()),
            }
            drop(socket);
            // SAFETY: the connection lives until `drop`, and no goroutine waits for its former
            // socket.
            wanted = unsafe { (library.PQconnectPoll)(this.conn.as_ptr()) };
        }
        // SAFETY: the connection lives until `drop`.
        match unsafe { (library.PQsetnonblocking)(this.conn.as_ptr(), 1) } {
            0 => Ok(this),
            _ => Err(this.error()),
        }
    }

    fn error(&self) -> io::Error {
        // SAFETY: the connection is alive, and the text is valid until the next call.
        let text = unsafe { CStr::from_ptr((self.library.PQerrorMessage)(self.conn.as_ptr())) };
        io::Error::other(text.to_string_lossy().into_owned())
    }

    fn socket(&self) -> &Pollable<Socket> {
        self.socket.as_ref().unwrap()
    }

    fn ask(&mut self, query: &str) -> io::Result<()> {
        let query = CString::new(query)?;
        let (library, conn) = (self.library, self.conn.as_ptr());
        // SAFETY: the connection is alive, and the query is a C string.
        if unsafe { (library.PQsendQuery)(conn, query.as_ptr()) } != 1 {
            return Err(self.error());
        }
        // SAFETY: the connection is alive.
        while unsafe { (library.PQflush)(conn) } == 1 {
            self.socket().writable()?;
        }
        Ok(())
    }

    /// Returns the first value of the answer.
    fn answer(&mut self) -> io::Result<String> {
        let (library, conn) = (self.library, self.conn.as_ptr());
        let mut value = String::new();
        loop {
            // SAFETY: the connection is alive.
            while unsafe { (library.PQisBusy)(conn) } == 1 {
                self.socket().readable()?;
                // SAFETY: the connection is alive.
                if unsafe { (library.PQconsumeInput)(conn) } != 1 {
                    return Err(self.error());
                }
            }
            // SAFETY: the connection is alive. A result lives until it is cleared, and one without
            // a row gives no value.
            unsafe {
                let result = (library.PQgetResult)(conn);
                if result.is_null() {
                    return Ok(value);
                }
                let first = (library.PQgetvalue)(result, 0, 0);
                if !first.is_null() {
                    value = CStr::from_ptr(first).to_string_lossy().into_owned();
                }
                (library.PQclear)(result);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The `Pollable` must not outlive the socket.
        self.socket = None;
        // SAFETY: the connection was alive until now and is not used any more.
        unsafe { (self.library.PQfinish)(self.conn.as_ptr()) };
    }
}

claims! {
    // PO01
    fn libpq_s_connections_park() {
        const CONNECTIONS: usize = 200;
        let Some(library) = Library::load() else { return };
        let (allow, port) = server();
        let asking: Vec<_> = (0..CONNECTIONS).map(|n| go!(move || {
            let mut connection = Connection::open(library, port)?;
            let mut answers = Vec::new();
            for query in ["select", "again"] {
                connection.ask(&format!("{query} {n}"))?;
                answers.push(connection.answer()?);
            }
            io::Result::Ok(answers)
        })).collect();
        // All connections and the listener wait for I/O, and the server's goroutines wait for the
        // channel.
        let all_wait = || {
            waiting(WaitReason::Readable) >= CONNECTIONS
                && waiting(WaitReason::IoWait) > 0
                && waiting(WaitReason::ChanReceive) >= CONNECTIONS
        };
        while !all_wait() {
            assert!(asking.iter().all(|one| !one.is_finished()));
            gort::time::sleep(Duration::from_millis(1));
        }
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        assert!(threads < CONNECTIONS, "{threads} threads");
        drop(allow);
        for (n, one) in asking.into_iter().enumerate() {
            assert_eq!(one.join().unwrap().unwrap(), [format!("SELECT {n}"), format!("AGAIN {n}")]);
        }
    }

    // PO07
    fn deadlines_hold_for_libpq_s_connections() {
        let Some(library) = Library::load() else { return };
        let (allow, port) = server();
        let mut connection = Connection::open(library, port).unwrap();
        connection.ask("select late").unwrap();
        let soon = Instant::now() + Duration::from_millis(5);
        connection.socket().set_read_deadline(Some(soon)).unwrap();
        assert_eq!(connection.answer().unwrap_err().kind(), ErrorKind::TimedOut);
        connection.socket().set_read_deadline(None).unwrap();
        allow.send(()).unwrap();
        assert_eq!(connection.answer().unwrap(), "SELECT LATE");
    }
}
