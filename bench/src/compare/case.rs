//! The cases that are measured, and the programs that take part in each.

use serde::{Deserialize, Serialize};

/// A program that takes part: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum By {
    Gort,
    /// gort, in which each goroutine has its own thread-locals.
    Own,
    Go,
    May,
    Tokio,
    Threads,
    /// The C program in `peers/load`: bare epoll.
    C,
}

impl By {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gort => "gort",
            Self::Own => "gort, own",
            Self::Go => "Go",
            Self::May => "may",
            Self::Tokio => "tokio",
            Self::Threads => "threads",
            Self::C => "C",
        }
    }

    /// Parses the name on the command line.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        const NAMES: [(&str, By); 6] = [
            ("own", By::Own),
            ("go", By::Go),
            ("may", By::May),
            ("tokio", By::Tokio),
            ("threads", By::Threads),
            ("c", By::C),
        ];
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, by)| by).ok_or_else(|| {
            let known = NAMES.map(|(known, _)| known).join(", ");
            format!("no program is called `{name}`; there are: {known}")
        })
    }
}

/// One program's part in a case. A program may have several variants, of which the fastest counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) by: By,
    pub(crate) variant: &'static str,
    /// The size, chosen for a run of some tenths of a second.
    pub(crate) n: u64,
}

/// Which figures a case has besides ns per operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    PerOp,
    Parked,
    Timers,
    CpuHog,
    /// A server on one core and the client of `peers/load` on another. `n` is the number of
    /// connections.
    Tcp,
}

/// A workload.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    pub(crate) entries: Vec<Entry>,
}

impl Case {
    /// Returns the numbers of workers that the case runs on.
    pub(crate) fn workers(&self) -> &'static [usize] {
        match self.kind {
            Kind::Tcp => &[1],
            _ => &[1, 2],
        }
    }

    /// Returns whether the program reads a byte per operation from a pipe.
    pub(crate) fn is_fed(&self) -> bool {
        self.name == "syscall_block"
    }

    /// Returns only gort's part, if it has one.
    pub(crate) fn alone(&self) -> Option<Self> {
        let case = self.of(&[By::Gort]);
        (!case.entries.is_empty()).then_some(case)
    }

    /// Returns only these programs' parts.
    pub(crate) fn of(&self, programs: &[By]) -> Self {
        let mut case = self.clone();
        case.entries.retain(|entry| programs.contains(&entry.by));
        case
    }

    /// Returns whether the case measures goroutines on new stacks. Goroutines with their own
    /// thread-locals then take 5 to 10 times as long, and 9 KB each.
    fn makes_stacks(&self) -> bool {
        matches!(self.kind, Kind::Parked | Kind::Timers) || self.name == "skynet"
    }

    /// Adds to each of gort's entries one for gort with its goroutines' own thread-locals.
    fn in_both_modes(mut self) -> Self {
        let divisor = if self.makes_stacks() { 10 } else { 1 };
        let mut entries = Vec::new();
        for entry in self.entries.drain(..) {
            entries.push(entry);
            if entry.by == By::Gort {
                let (by, n) = (By::Own, entry.n / divisor);
                entries.push(Entry { by, n, ..entry });
            }
        }
        Self { entries, ..self }
    }
}

const K: u64 = 1000;
const M: u64 = 1_000_000;

macro_rules! cases {
    ($($kind:ident $name:ident $about:literal: $($by:ident $(/ $variant:ident)? = $n:expr),*;)*) => {
        vec![$(Case {
            name: stringify!($name),
            about: $about,
            kind: Kind::$kind,
            entries: vec![$(Entry { by: By::$by, variant: concat!($(stringify!($variant))?), n: $n }),*],
        }),*]
    };
}

/// Returns all cases. In `skynet`, `parked_memory` and `timers` the sizes for may are smaller,
/// because its stacks would need more mappings than the kernel gives a process. `bench/NOTES.md`
/// explains the variants.
pub(crate) fn cases() -> Vec<Case> {
    all().into_iter().map(Case::in_both_modes).collect()
}

fn all() -> Vec<Case> {
    cases! {
        PerOp yield_pair "two goroutines take turns":
            Gort = 2 * M, Go = 2 * M, May = M, Tokio = 300 * K, Threads = 300 * K;
        PerOp spawn_join "empty goroutines in batches of 1,000, wait group":
            Gort = M, Go = M, May = 200 * K, Tokio = 500 * K, Threads = 10 * K;
        PerOp spawn_seq "start one, wait for it":
            Gort = M, Go = 300 * K, May = 20 * K, Tokio = 300 * K, Threads = 20 * K;
        PerOp skynet "tree with ten children to a node, per goroutine":
            Gort = M, Gort/join = M, Go = M, May = 10 * K, Tokio = M, Tokio/mpsc1 = M;
        PerOp ring "10,000 goroutines in a ring, per hop":
            Gort = M, Go = M, May = 100 * K, May/native = 200 * K, Tokio = 500 * K, Tokio/mpsc1 = 500 * K,
            Threads = 20 * K;
        PerOp sieve "first 2,500 primes, per channel hop":
            Gort = 2500, Go = 2500, May = 700, Tokio = 2500, Tokio/mpsc1 = 2500, Threads = 300;
        PerOp pingpong_unbuf "round trip over two rendezvous channels":
            Gort = M, Go = 500 * K, May = 100 * K, May/native = 200 * K, Tokio = 200 * K, Threads = 30 * K;
        PerOp pingpong_buf1 "round trip over two channels of 1":
            Gort = M, Go = 500 * K, May = 100 * K, Tokio = 300 * K, Tokio/flume = 300 * K, Threads = 30 * K;
        PerOp spsc_buf128 "one sender, one receiver, channel of 128":
            Gort = 4 * M, Go = 4 * M, May = M, May/native = 2 * M, Tokio = M, Tokio/flume = M,
            Threads = 3 * M;
        PerOp mpmc_buf128 "8 senders, 8 receivers, channel of 128":
            Gort = 4 * M, Go = 4 * M, May = 800 * K, May/native = 800 * K, Tokio = M, Tokio/flume = M,
            Threads = 2 * M;
        PerOp mpsc_unbuf "100 senders, one receiver, rendezvous":
            Gort = 2 * M, Go = M, May = 200 * K, May/native = M, Tokio = 400 * K, Tokio/mpsc1 = M,
            Threads = 50 * K;
        PerOp spsc_unbounded "one sender, one receiver, unbounded channel":
            Gort = 4 * M, May = 2 * M, Tokio = 2 * M, Tokio/flume = 2 * M, Threads = 3 * M;
        PerOp mpmc_unbounded "8 senders, 8 receivers, unbounded channel":
            Gort = 4 * M, May = M, Tokio = M, Tokio/flume = M, Threads = 2 * M;
        PerOp try_uncontended "send and receive, one goroutine, channel of 8":
            Gort = 8 * M, Go = 8 * M, May = M, May/native = 3 * M, Tokio = 3 * M, Tokio/flume = 5 * M,
            Threads = 8 * M;
        PerOp select2 "two rendezvous senders, one select":
            Gort = M, Go = M, May = 200 * K, May/native = 300 * K, Tokio = 300 * K, Tokio/mpsc1 = 500 * K,
            Threads = 100 * K;
        PerOp select8 "eight rendezvous senders, one select":
            Gort = 800 * K, Go = 400 * K, May = 100 * K, May/native = 200 * K, Tokio = 200 * K,
            Tokio/mpsc1 = 300 * K, Threads = 60 * K;
        PerOp select_default "select with default on an empty channel":
            Gort = 20 * M, Go = 40 * M, May = 40 * M, May/native = 40 * M, Tokio = 40 * M,
            Tokio/flume = 20 * M, Threads = 40 * M;
        PerOp mutex_uncontended "lock and unlock":
            Gort = 20 * M, Go = 20 * M, May = 3 * M, Tokio = 4 * M, Threads = 20 * M;
        PerOp mutex_contended "100 goroutines, one mutex":
            Gort = 8 * M, Go = 4 * M, May = 400 * K, Tokio = M, Threads = 4 * M;
        PerOp rwmutex_read "8 readers":
            Gort = 8 * M, Go = 8 * M, May = 400 * K, Tokio = 4 * M, Threads = 8 * M;
        PerOp rwmutex_mostly "8 goroutines, one access in 10,000 is a write":
            Gort = 8 * M, Go = 8 * M;
        PerOp sem_contended "100 goroutines, 4 permits":
            Gort = 4 * M, Go = 4 * M, May = 2 * M, Tokio = M, Threads = 500 * K;
        PerOp sem_yield "100 goroutines, 4 permits, each yields while it holds one":
            Gort = 800 * K, Go = 800 * K, May = 300 * K, Tokio = 500 * K, Threads = 50 * K;
        PerOp timer_reset "create a timer and cancel it":
            Gort = 5 * M, Go = M, Tokio = M;
        PerOp syscall_block "64 goroutines, blocking reads of one byte":
            Gort = 300 * K, Go = 300 * K, May = 300 * K, Tokio = 80 * K, Threads = 200 * K;
        PerOp syscall_sleep "64 goroutines, calls that block for 150 µs":
            Gort = 50 * K, Go = 50 * K;
        PerOp worker_pool "everyday: 37 workers, jobs and results over channels of 111":
            Gort = 400 * K, Go = 400 * K;
        PerOp pool_yield "everyday: the same, one job in ten yields":
            Gort = 600 * K, Go = 600 * K;
        PerOp request_reply "everyday: 8 clients, one server, the request carries the channel for the answer":
            Gort = 200 * K, Go = 200 * K;
        PerOp select_timeout "everyday: 50 receivers, each wait in a select with a time-out":
            Gort = 400 * K, Go = 200 * K;
        PerOp map_mutex "everyday: 100 goroutines, a map behind a mutex":
            Gort = 4 * M, Go = 4 * M;
        PerOp map_rwlock "everyday: the same behind a read-write lock, one access in twenty is a write":
            Gort = 4 * M, Go = 4 * M;
        PerOp merge_sort "everyday: merge sort, a goroutine for each left half":
            Gort = M, Go = M;
        PerOp fan_out "everyday: 100 goroutines with 300 steps of work each, wait group":
            Gort = 400 * K, Go = 400 * K;
        PerOp stages "everyday: a pipeline of ten stages":
            Gort = 100 * K, Go = 50 * K;
        PerOp sem_channel "everyday: a channel of 8 as a semaphore, 150 steps of work":
            Gort = 400 * K, Go = 400 * K;
        PerOp broadcast "everyday: each value to 100 listeners, over a channel each":
            Gort = M, Go = M;
        PerOp select_loop "everyday: a select loop over four producers":
            Gort = 800 * K, Go = 800 * K;
        PerOp map_sharded "everyday: 64 clients, 16 goroutines with a map each":
            Gort = 400 * K, Go = 400 * K;
        Parked parked_memory "goroutines that wait on one channel":
            Gort = M, Go = M, May = 30 * K, Tokio = M, Threads = 10 * K;
        Timers timers "sleeps of 1 to 1,000 ms at once":
            Gort = 100 * K, Go = 100 * K, May = 30 * K, Tokio = 100 * K, Threads = 10 * K;
        CpuHog cpu_hog "a ticker of 1 ms beside two goroutines that compute, 2 s":
            Gort = 2000, Go = 2000, May = 2000, Tokio = 2000, Threads = 2000;
        Tcp tcp_echo "1 connection":
            C = 1, Gort = 1, Go = 1, May = 1, Tokio = 1, Threads = 1;
        Tcp tcp_echo "64 connections":
            C = 64, Gort = 64, Go = 64, May = 64, Tokio = 64, Threads = 64;
        Tcp tcp_echo "512 connections":
            C = 512, Gort = 512, Go = 512, May = 512, Tokio = 512, Threads = 512;
    }
}
