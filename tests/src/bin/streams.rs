//! Programs that use the standard streams: `streams WHAT`.
//!
//! Each is a process of its own, because the streams belong to the process. It prints a line on
//! standard error when the test may look or continue.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::io::{stderr, stdin, stdout};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::sleep;
use gort_tests::waiting;
use std::env;
use std::io::{BufRead, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::thread;

/// Waits until `count` goroutines are parked for `reason`.
fn until_waiting(reason: WaitReason, count: usize) {
    while waiting(reason) < count {
        sleep(Duration::from_millis(1));
    }
}

/// Sleeps a hundred times. This would not end while the threads that run goroutines are blocked.
fn tick() {
    for _ in 0..100 {
        sleep(Duration::from_millis(1));
    }
}

/// One goroutine waits for a line while the others run.
fn line() {
    let reader = go!(|| {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    });
    until_waiting(WaitReason::IoWait, 1);
    tick();
    eprintln!("ticked");
    println!("{:?}", reader.join().unwrap().unwrap());
}

/// Reads to the end of the input, and then three more times.
fn all() {
    let mut bytes = Vec::new();
    stdin().read_to_end(&mut bytes).unwrap();
    let again = [(); 3].map(|()| stdin().read(&mut [0; 8]).unwrap());
    println!("{} bytes, then {again:?}", bytes.len());
}

/// Several goroutines take turns at reading lines.
fn shared() {
    let readers: Vec<_> = (0..4)
        .map(|_| {
            go!(|| {
                let mut count = 0;
                let mut line = String::new();
                while stdin().read_line(&mut line).unwrap() > 0 {
                    assert!(line.starts_with('<') && line.ends_with(">\n"), "{line:?}");
                    line.clear();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let sum: i32 = readers.into_iter().map(|r| r.join().unwrap()).sum();
    println!("{sum} lines");
}

/// Returns from main while a goroutine waits for input.
fn abandoned() {
    go!(|| drop(stdin().lines().next()));
    until_waiting(WaitReason::IoWait, 1);
    println!("main has ended");
}

/// One goroutine waits for input for ever, and another one for room in the output.
fn stuck() {
    go!(|| drop(stdin().lock().fill_buf().map(<[u8]>::len)));
    go!(|| loop {
        stdout().write_all(&[b'x'; 512]).unwrap();
        stdout().flush().unwrap();
    });
    until_waiting(WaitReason::IoWait, 2);
    eprintln!("stuck");
    sleep(Duration::from_secs(3600));
}

/// Waits for a line of a terminal, and prints it.
fn terminal() {
    let reader = go!(|| stdin().lines().next().unwrap().unwrap());
    until_waiting(WaitReason::IoWait, 1);
    eprintln!("stuck");
    let line = reader.join().unwrap();
    let is = stdin().as_fd().is_terminal();
    writeln!(stdout(), "{line} from a terminal: {is}").unwrap();
}

/// Eight goroutines and then a plain thread write lines. The test reads nothing before the pipe is
/// full and all the goroutines wait.
fn writers() {
    let lines = env::args().nth(2).unwrap().parse().unwrap();
    let mut writers: Vec<_> = (0..8)
        .map(|id| {
            go!(move || {
                for n in 0..lines {
                    // Some lines are longer than a piece (`io/output.rs`), but shorter than what a
                    // pipe can hold.
                    let long = if n % 500 == 499 { 5000 } else { n % 40 };
                    writeln!(stdout(), "{id} {n} {:x<long$}.", "").unwrap();
                }
            })
        })
        .collect();
    until_waiting(WaitReason::MutexLock, 7);
    until_waiting(WaitReason::IoWait, 1);
    tick();
    writeln!(stderr(), "ticked").unwrap();
    // This thread uses only std's lock.
    thread::spawn(move || {
        for n in 0..lines {
            println!("8 {n} .");
        }
    })
    .join()
    .unwrap();
    writers.drain(..).for_each(|writer| writer.join().unwrap());
    write!(stdout(), "the end").unwrap();
}

/// Prints by gort and by std in turns, without a newline at the end.
fn order() {
    for n in 0..100 {
        write!(stdout(), "a{n}").unwrap();
        print!("b{n}");
        go!(move || writeln!(stdout(), "c{n}").unwrap())
            .join()
            .unwrap();
        println!("d{n}");
    }
    write!(stdout(), "rest").unwrap();
}

/// Writes until a write fails, and prints the error and whether the next write fails with the same.
fn error() {
    let error = loop {
        if let Err(e) = stdout().write_all(b"a line\n") {
            break e;
        }
    };
    let again = stdout().write_all(b"a line\n").map_err(|e| e.kind());
    eprintln!("{:?} {}", error.kind(), again == Err(error.kind()));
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
}

/// `streams clients ADDRESS COUNT`: makes that many connections, and keeps them until the input
/// ends.
fn clients() {
    let args: Vec<_> = env::args().skip(2).collect();
    let count: u64 = args[1].parse().unwrap();
    let limit = libc::rlimit {
        rlim_cur: count + 50,
        rlim_max: count + 50,
    };
    // SAFETY: `limit` lives during the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    let _streams: Vec<_> = (0..count)
        .map(|_| std::net::TcpStream::connect(&args[0]).unwrap())
        .collect();
    assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
}

#[gort::main]
fn main() {
    // Ends the process if it hangs: SIGALRM kills it. SAFETY: the call has no preconditions.
    unsafe { libc::alarm(110) };
    match env::args().nth(1).as_deref() {
        Some("line") => line(),
        Some("all") => all(),
        Some("shared") => shared(),
        Some("abandoned") => abandoned(),
        Some("stuck") => stuck(),
        Some("terminal") => terminal(),
        Some("writers") => writers(),
        Some("order") => order(),
        Some("error") => error(),
        Some("clients") => clients(),
        what => panic!("what is {what:?}?"),
    }
}
