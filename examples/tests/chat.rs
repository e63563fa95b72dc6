//! Tests the example `chat` with real clients, which are not goroutines.
//!
//! The program is built by a command that builds all of this package: `cargo test -p
//! gort-examples`, not `--test chat` alone.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A test that takes longer than this counts as hanging.
const WATCHDOG: Duration = Duration::from_secs(60);
/// More than fits into the buffers of any socket.
const MANY: usize = 100_000;

/// A running `chat`, which is killed when this is dropped.
struct Chat {
    child: Child,
    tcp: String,
    unix: PathBuf,
}

impl Chat {
    fn start(procs: &str) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Relaxed);
        // The socket is not in the target folder, because its address has room for only 107 bytes.
        let unix = env::temp_dir().join(format!("gort-chat-{}-{number}", std::process::id()));
        let program = env::current_exe()
            .unwrap()
            .with_file_name("../examples/chat");
        let mut command = Command::new(program);
        command.arg("127.0.0.1:0").arg(&unix);
        command.env("GORT_MAXPROCS", procs).stdout(Stdio::piped());
        // SAFETY: the function may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // A script's background jobs ignore the signal.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut serving = || {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix("serving ").unwrap().to_owned()
        };
        let tcp = serving();
        assert_eq!(Path::new(&serving()), unix);
        Self { child, tcp, unix }
    }

    /// Connects a client over TCP, and returns it once it has seen itself enter.
    fn by_tcp(&self) -> Client {
        let stream = TcpStream::connect(&self.tcp).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        let output = stream.try_clone().unwrap();
        let end = stream.try_clone().unwrap();
        Client::new(stream, output, move || {
            if let Err(e) = end.shutdown(Shutdown::Write) {
                // The other end has closed before.
                assert_eq!(e.kind(), ErrorKind::NotConnected);
            }
        })
    }

    /// Connects a client over the Unix socket, and returns it once it has seen itself enter.
    fn by_unix(&self) -> Client {
        let stream = UnixStream::connect(&self.unix).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        let output = stream.try_clone().unwrap();
        let end = stream.try_clone().unwrap();
        Client::new(stream, output, move || {
            if let Err(e) = end.shutdown(Shutdown::Write) {
                // The other end has closed before.
                assert_eq!(e.kind(), ErrorKind::NotConnected);
            }
        })
    }

    fn signal(&self, signal: i32) {
        let pid = self.child.id().try_into().unwrap();
        // SAFETY: the call takes no pointers. The child has not been reaped, so no other process
        // has its id.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < WATCHDOG, "it does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.unix).ok();
    }
}

struct Client {
    name: String,
    input: Box<dyn BufRead>,
    output: Box<dyn Write + Send>,
    end: Box<dyn Fn()>,
}

impl Client {
    fn new(
        input: impl Read + 'static,
        output: impl Write + Send + 'static,
        end: impl Fn() + 'static,
    ) -> Self {
        let mut client = Self {
            name: String::new(),
            input: Box::new(BufReader::new(input)),
            output: Box::new(output),
            end: Box::new(end),
        };
        let line = client.hear();
        let name = line.strip_prefix("* ").unwrap().strip_suffix(" is here");
        name.unwrap().clone_into(&mut client.name);
        client
    }

    fn say(&mut self, text: &str) {
        self.output
            .write_all(format!("{text}\n").as_bytes())
            .unwrap();
    }

    /// Reads the next line.
    #[track_caller]
    fn hear(&mut self) -> String {
        self.line().expect("more to hear")
    }

    /// Reads the next line. Returns `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) => None,
            // An expelled client may have got part of a line.
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => None,
            Err(e) => panic!("{e}"),
        }
    }

    /// Reads a goodbye, and then the end.
    #[track_caller]
    fn hear_the_end(&mut self) {
        assert_eq!(self.hear(), "* goodbye");
        assert_eq!(self.line(), None);
    }
}

/// Lets both read in turn, so that neither is slow, until a line is not what `speaker` has said.
/// Returns that line, and what was said before it.
fn say_until_something_else_comes(speaker: &mut Client, other: &mut Client) -> (String, usize) {
    let text = "x".repeat(1000);
    let said = format!("{}: {text}", speaker.name);
    for n in 0..MANY {
        speaker.say(&text);
        let line = speaker.hear();
        assert_eq!(line, other.hear());
        if line != said {
            // The line comes between two lines of the speaker.
            assert_eq!((speaker.hear(), other.hear()), (said.clone(), said));
            return (line, n);
        }
    }
    panic!("nothing else comes");
}

/// Runs `test` with 1, 2 and 8 Ps, side by side, because it mostly waits.
fn on_1_2_and_8_procs(test: impl Fn(&str) + Sync) {
    thread::scope(|s| {
        for procs in ["1", "2", "8"] {
            s.spawn(|| test(procs));
        }
    });
}

#[test]
fn all_members_hear_the_same_by_either_kind_of_socket() {
    on_1_2_and_8_procs(|procs| {
        let chat = Chat::start(procs);
        let mut ann = chat.by_tcp();
        let mut bob = chat.by_unix();
        assert_eq!(ann.hear(), format!("* {} is here", bob.name));
        for n in 0..100 {
            let (speaker, listener) = match n % 2 {
                0 => (&mut ann, &mut bob),
                _ => (&mut bob, &mut ann),
            };
            speaker.say(&format!("number {n}\r"));
            let line = format!("{}: number {n}", speaker.name);
            assert_eq!((speaker.hear(), listener.hear()), (line.clone(), line));
        }
        // A line that is too long comes in parts, and an empty one does not come.
        bob.say("");
        bob.say(&"x".repeat(1500));
        let parts = [1024, 476].map(|n| format!("{}: {}", bob.name, "x".repeat(n)));
        assert_eq!([ann.hear(), ann.hear()], parts);
        assert_eq!([bob.hear(), bob.hear()], parts);
        // A client may say its last words and still listen.
        bob.say("I must go");
        (bob.end)();
        assert_eq!(bob.hear(), format!("{}: I must go", bob.name));
        bob.hear_the_end();
        assert_eq!(ann.hear(), format!("{}: I must go", bob.name));
        assert_eq!(ann.hear(), format!("* {} has left", bob.name));
        // This client does not wait for a goodbye.
        let name = chat.by_unix().name;
        assert_eq!(ann.hear(), format!("* {name} is here"));
        assert_eq!(ann.hear(), format!("* {name} has left"));
    });
}

#[test]
fn a_member_that_is_too_slow_is_removed_and_the_others_continue() {
    on_1_2_and_8_procs(|procs| {
        let chat = Chat::start(procs);
        let mut ann = chat.by_tcp();
        let mut bob = chat.by_unix();
        ann.hear();
        for come in [Chat::by_unix, Chat::by_tcp] {
            let mut slow = come(&chat);
            let here = format!("* {} is here", slow.name);
            assert_eq!((ann.hear(), bob.hear()), (here.clone(), here));
            let (line, said) = say_until_something_else_comes(&mut ann, &mut bob);
            assert_eq!(line, format!("* {} was too slow", slow.name));
            assert!(said > 64, "it had a queue");
            // The slow client gets what fitted into its socket, and not the rest.
            let had = std::iter::from_fn(|| slow.line()).count();
            assert!(had <= said, "{had} of {said}");
        }
        bob.say("still here");
        let line = format!("{}: still here", bob.name);
        assert_eq!((ann.hear(), bob.hear()), (line.clone(), line));
    });
}

#[test]
fn a_signal_ends_it_in_good_order() {
    on_1_2_and_8_procs(|procs| {
        let mut chat = Chat::start(procs);
        let mut ann = chat.by_tcp();
        let mut bob = chat.by_unix();
        ann.hear();
        // This finds out how much can be sent to a client that does not read.
        let slow = chat.by_unix();
        ann.hear();
        bob.hear();
        let (_, limit) = say_until_something_else_comes(&mut ann, &mut bob);
        drop(slow);
        // So this client's socket is full when the signal comes, and so is part of its queue.
        let _blocked = chat.by_unix();
        ann.hear();
        bob.hear();
        let text = "x".repeat(1000);
        for _ in 0..limit - 32 {
            ann.say(&text);
            ann.hear();
            bob.hear();
        }
        // These lines are said, but not read by all clients.
        for n in 0..16 {
            ann.say(&format!("number {n}"));
            assert_eq!(ann.hear(), format!("{}: number {n}", ann.name));
        }
        chat.signal(libc::SIGINT);
        ann.hear_the_end();
        for n in 0..16 {
            assert_eq!(bob.hear(), format!("{}: number {n}", ann.name));
        }
        bob.hear_the_end();
        // The server waits for the client that does not read, and accepts no new ones.
        assert!(TcpStream::connect(&chat.tcp).is_err());
        assert!(UnixStream::connect(&chat.unix).is_err());
        assert!(!chat.unix.exists());
        assert_eq!(chat.wait().code(), Some(0));
    });
}

#[test]
fn a_member_that_talks_to_the_very_end_still_hears_goodbye() {
    on_1_2_and_8_procs(|procs| {
        let mut chat = Chat::start(procs);
        let mut ann = chat.by_tcp();
        let over = AtomicBool::new(false);
        let said = format!("{}: y", ann.name);
        let (heard, goodbye) = thread::scope(|s| {
            let mut output = mem::replace(&mut ann.output, Box::new(io::sink()));
            s.spawn({
                let over = &over;
                move || {
                    while !over.load(Relaxed) && output.write_all(&b"y\n".repeat(1000)).is_ok() {}
                }
            });
            let heard = std::iter::from_fn(|| ann.line())
                .take(5000)
                .filter(|line| *line == said)
                .count();
            chat.signal(libc::SIGTERM);
            let goodbye = std::iter::from_fn(|| ann.line()).find(|line| *line != said);
            over.store(true, Relaxed);
            (heard, goodbye)
        });
        assert_eq!(heard, 5000);
        assert_eq!(goodbye.as_deref(), Some("* goodbye"));
        assert_eq!(ann.line(), None);
        (ann.end)();
        assert_eq!(chat.wait().code(), Some(0));
    });
}
