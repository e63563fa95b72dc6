//! Tests the example `resp` with clients that are not goroutines. `.ci/examples` runs redis-cli and
//! redis-benchmark.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Folder, PROCS, Program, WATCHDOG, ask, connect};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;

/// Formats a command as clients send it.
fn command(words: &[&str]) -> String {
    let word = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    format!(
        "*{}\r\n{}",
        words.len(),
        words.iter().map(word).collect::<String>()
    )
}

/// Sends the commands all at once, and returns all answers.
fn say(address: &str, commands: &[&[&str]]) -> String {
    let text: String = commands.iter().map(|words| command(words)).collect();
    ask(address, text + &command(&["QUIT"]))
}

#[test]
fn commands_do_what_redis_does() {
    let mut program = Program::start("resp", "2", ["127.0.0.1:0"]);
    let address = program.address();
    for (words, expected) in [
        (&["PING"][..], "+PONG\r\n"),
        (&["ECHO", "a\r\nb"], "$4\r\na\r\nb\r\n"),
        (&["GET", "k"], "$-1\r\n"),
        (&["SET", "k", "v"], "+OK\r\n"),
        (&["get", "k"], "$1\r\nv\r\n"),
        (&["SET", "k", "w", "NX"], "$-1\r\n"),
        (&["SET", "other", "w", "XX"], "$-1\r\n"),
        (&["SET", "k", "w", "XX", "EX", "100"], "+OK\r\n"),
        (&["TTL", "k"], ":100\r\n"),
        (
            &["SET", "k", "v", "EX", "0"],
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (&["SET", "k", "v", "EX"], "-ERR syntax error\r\n"),
        (&["TTL", "none"], ":-2\r\n"),
        (&["MSET", "a", "1", "b", "2"], "+OK\r\n"),
        (&["TTL", "a"], ":-1\r\n"),
        (&["INCRBY", "a", "41"], ":42\r\n"),
        (&["DECR", "new"], ":-1\r\n"),
        (
            &["INCR", "k"],
            "-ERR value is not an integer or out of range\r\n",
        ),
        (&["SET", "most", "9223372036854775807"], "+OK\r\n"),
        (
            &["INCR", "most"],
            "-ERR value is not an integer or out of range\r\n",
        ),
        (&["RPUSH", "l", "1", "2"], ":2\r\n"),
        (&["LPUSH", "l", "0"], ":3\r\n"),
        (
            &["LRANGE", "l", "0", "-1"],
            "*3\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n",
        ),
        (
            &["LRANGE", "l", "-2", "100"],
            "*2\r\n$1\r\n1\r\n$1\r\n2\r\n",
        ),
        (&["LRANGE", "l", "2", "1"], "*0\r\n"),
        (&["LRANGE", "l", "5", "-1"], "*0\r\n"),
        (&["LRANGE", "none", "0", "-1"], "*0\r\n"),
        (
            &["MGET", "a", "l", "none"],
            "*3\r\n$2\r\n42\r\n$-1\r\n$-1\r\n",
        ),
        (
            &["GET", "l"],
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            &["LPOP", "k"],
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (&["RPOP", "l"], "$1\r\n2\r\n"),
        (&["LPOP", "l"], "$1\r\n0\r\n"),
        (&["LPOP", "l"], "$1\r\n1\r\n"),
        (&["LPOP", "l"], "$-1\r\n"),
        (&["EXISTS", "l", "a", "a"], ":2\r\n"),
        (&["EXPIRE", "a", "-1"], ":1\r\n"),
        (&["DEL", "a", "b", "c"], ":1\r\n"),
        (&["DBSIZE"], ":3\r\n"),
        (&["GET"], "-ERR wrong number of arguments\r\n"),
        (&["NO-SUCH-COMMAND-AT-ALL"], "-ERR unknown command\r\n"),
        (&["FLUSHALL"], "+OK\r\n"),
        (&["DBSIZE"], ":0\r\n"),
    ] {
        assert_eq!(
            say(&address, &[words]),
            format!("{expected}+OK\r\n"),
            "{words:?}"
        );
    }
    assert_eq!(
        ask(&address, "ping\r\n\r\nset a  b\r\nget a\r\nquit\r\n"),
        "+PONG\r\n+OK\r\n$1\r\nb\r\n+OK\r\n"
    );
    assert_eq!(
        ask(&address, "*1\r\n$x\r\n"),
        "-ERR Protocol error: invalid bulk length\r\n"
    );
}

#[test]
fn clients_at_once_lose_nothing() {
    for procs in PROCS {
        let folder = Folder::new();
        let path = folder.path().join("socket");
        let mut program = Program::start("resp", procs, ["127.0.0.1:0".as_ref(), path.as_os_str()]);
        let address = program.address();
        program.address();
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let address = address.clone();
                thread::spawn(move || {
                    // This sends many commands at once, one of them large.
                    let large = "x".repeat(200_000);
                    let mut commands = vec![&["INCR", "n"][..]; 500];
                    let (set, get) = (["SET", "large", &large], ["GET", "large"]);
                    commands.extend([&set[..], &get[..]]);
                    let answers = say(&address, &commands);
                    assert_eq!(answers.matches(':').count(), 500);
                    assert!(answers.ends_with(&format!("+OK\r\n$200000\r\n{large}\r\n+OK\r\n")));
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.write_all(b"get n\r\nquit\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "$4\r\n4000\r\n+OK\r\n");
    }
}

#[test]
fn keys_go_when_their_time_is_over() {
    let mut program = Program::start("resp", "2", ["127.0.0.1:0"]);
    let address = program.address();
    say(
        &address,
        &[
            &["SET", "asked", "v", "PX", "1"],
            &["SET", "swept", "v", "PX", "1"],
            &["SET", "stays", "v"],
        ],
    );
    while say(&address, &[&["GET", "asked"]]) != "$-1\r\n+OK\r\n" {}
    while say(&address, &[&["DBSIZE"]]) != ":1\r\n+OK\r\n" {}
}

#[test]
fn at_the_end_what_has_been_asked_is_answered() {
    for procs in PROCS {
        let mut program = Program::start("resp", procs, ["127.0.0.1:0"]);
        let address = program.address();
        let large = "x".repeat(200_000);
        say(&address, &[&["SET", "large", &large]]);
        // The answer is larger than the buffers between the two, so it is still under way when the
        // end comes.
        let mut stream = BufReader::new(connect(&address));
        let text = command(&["GET", "large"]).repeat(100);
        stream.get_mut().write_all(text.as_bytes()).unwrap();
        stream.fill_buf().unwrap();
        program.signal(libc::SIGTERM);
        // When no more clients are accepted, the server has begun to end.
        while TcpStream::connect(&address).is_ok() {}
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(
            rest == format!("$200000\r\n{large}\r\n").repeat(100),
            "{} bytes",
            rest.len()
        );
        assert_eq!(program.wait().code(), Some(0));
    }
}
