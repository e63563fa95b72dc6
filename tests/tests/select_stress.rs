//! SE: races of selects with their peers (SE25 to SE30, SE40), and a stress test with seeds that
//! accounts for every value.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_tests::{Counted, Random, claims, seed};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

/// Returns the number of rounds: `n`, or fewer in a slow build.
const fn rounds(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

/// Waits without parking until `condition` holds, which is soon.
fn spin_until(condition: impl Fn() -> bool) {
    for spins in 1_u64.. {
        if condition() {
            return;
        }
        yield_now();
        if spins.is_multiple_of(64) {
            thread::yield_now();
        }
    }
}

/// Polls `c1` and `c2` while first `c2` becomes ready and then `c1` stops being ready. The poll may
/// also look at channels that are never ready.
fn one_of_two_is_always_ready(
    make_ready: fn(&Sender<()>),
    poll: impl Fn(&Receiver<()>, &Receiver<()>, &[Receiver<()>]) -> bool + Send + 'static,
) {
    const OVER: usize = usize::MAX;
    let until = Instant::now() + Duration::from_secs(1);
    let channels = Arc::new(Mutex::new(None));
    let (turn, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let poller = spawn({
        let (channels, turn, done) = (channels.clone(), turn.clone(), done.clone());
        move || {
            let mut misses = 0;
            let idle = [0; 6].map(bounded::<()>);
            let idle_rx = idle.each_ref().map(|(_, rx)| rx.clone());
            for round in 1.. {
                spin_until(|| turn.load(SeqCst) >= round);
                if turn.load(SeqCst) == OVER {
                    break;
                }
                let (c1, c2) = channels.lock().take().unwrap();
                misses += usize::from(!poll(&c1, &c2, &idle_rx));
                done.store(round, SeqCst);
            }
            misses
        }
    });
    let mut random = Random::new(1);
    for round in 1..=rounds(100_000) {
        let ((tx1, c1), (tx2, c2)) = (bounded(1), bounded(1));
        tx1.send(()).unwrap();
        *channels.lock() = Some((c1.clone(), c2.clone()));
        turn.store(round, SeqCst);
        (0..random.below(200)).for_each(|_| std::hint::spin_loop());
        make_ready(&tx2);
        select! { <-c1 => {} default => {} }
        spin_until(|| done.load(SeqCst) == round);
        // On a busy machine each turn takes a time slice.
        if Instant::now() > until {
            break;
        }
    }
    turn.store(OVER, SeqCst);
    assert_eq!(poller.join().unwrap(), 0, "polls found nothing ready");
}

claims! {
    // SE25
    fn default_is_not_taken_while_one_channel_becomes_ready_before_another_stops() {
        one_of_two_is_always_ready(
            |tx| tx.send(()).unwrap(),
            |c1, c2, _| select! { <-c1 => true, <-c2 => true, default => false },
        );
    }

    // SE25: the select is biased, so it looks at the first arm long before the last.
    fn the_first_and_the_last_of_many_arms_are_examined_at_one_moment() {
        one_of_two_is_always_ready(
            |tx| tx.send(()).unwrap(),
            |c1, c2, idle| select! {
                biased;
                <-c2 => true,
                <-idle[0] => false,
                <-idle[1] => false,
                <-idle[2] => false,
                <-idle[3] => false,
                <-idle[4] => false,
                <-idle[5] => false,
                <-c1 => true,
                default => false,
            },
        );
    }

    // SE26
    fn default_is_not_taken_while_one_channel_is_closed_before_another_stops_being_ready() {
        one_of_two_is_always_ready(
            |tx| assert!(tx.close()),
            |c1, c2, _| select! { <-c1 => true, <-c2 => true, default => false },
        );
    }

    // SE27
    fn a_zero_timeout_does_not_expire_while_one_channel_is_ready() {
        one_of_two_is_always_ready(
            |tx| tx.send(()).unwrap(),
            |c1, c2, _| select! { <-c1 => true, <-c2 => true, after(Duration::ZERO) => false },
        );
    }

    // SE28: several receivers want what one select sends.
    fn exactly_one_arm_sends_though_several_peers_want_to_receive() {
        for cap in [0, 1] {
            let n = rounds(100_000);
            let (tx, rx): (Vec<_>, Vec<_>) = (0..4).map(|_| bounded(cap)).unzip();
            let (out, collected) = bounded(0);
            for rx in rx {
                let out = out.clone();
                spawn(move || rx.iter().for_each(|v| out.send(v).unwrap()));
            }
            drop(out);
            spawn(move || {
                for i in 0..n {
                    select! { tx[0] <- i => {} tx[1] <- i => {} tx[2] <- i => {} tx[3] <- i => {} }
                }
            });
            let mut seen = vec![false; n];
            for v in collected {
                assert!(!std::mem::replace(&mut seen[v], true), "{v} twice");
            }
            assert!(seen.into_iter().all(|seen| seen), "one is lost");
        }
    }

    // SE28: the receiving side selects too, so both sides race for both selects.
    fn exactly_one_arm_runs_on_both_sides_of_two_selects() {
        let n = rounds(50_000);
        let (tx, rx): (Vec<_>, Vec<_>) = (0..2).map(|_| bounded(0)).unzip();
        let senders: Vec<_> = (0..3)
            .map(|s| {
                let tx = tx.clone();
                spawn(move || {
                    for i in 0..n {
                        select! { tx[0] <- (s, i) => {} tx[1] <- (s, i) => {} }
                    }
                })
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || {
                    let mut all = Vec::new();
                    loop {
                        select! {
                            Ok(v) = <-rx[0] else { return all } => all.push(v),
                            Ok(v) = <-rx[1] else { return all } => all.push(v),
                        }
                    }
                })
            })
            .collect();
        let mut all: Vec<_> = receivers.into_iter().flat_map(|r| r.join().unwrap()).collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        all.sort_unstable();
        assert!(all.into_iter().eq((0..3).flat_map(|s| (0..n).map(move |i| (s, i)))));
    }

    // SE30: at capacity 10 each may get its own value.
    fn two_selects_on_both_ends_of_a_channel_pair_with_each_other() {
        for cap in [0, 10] {
            let (tx, rx) = bounded(cap);
            let both: Vec<_> = (0..2)
                .map(|p| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    spawn(move || {
                        for i in 0..1_000 {
                            let own = if p == 0 || i % 2 == 0 {
                                select! { tx <- p => false, v = <-rx => v == Ok(p) }
                            } else {
                                select! { v = <-rx => v == Ok(p), tx <- p => false }
                            };
                            assert!(cap > 0 || !own, "a goroutine received from itself");
                        }
                    })
                })
                .collect();
            both.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        }
    }

    // SE40, SE15
    fn ten_goroutines_with_direct_operations_and_selects_lose_nothing() {
        let n = rounds(50_000);
        let carried = Arc::new([const { AtomicUsize::new(0) }; 4]);
        let (tx, rx): (Vec<_>, Vec<_>) = [0, 0, 2, 3].into_iter().map(bounded).unzip();
        let mut all = Vec::new();
        for c in 0..4 {
            let (tx, rx, carried) = (tx[c].clone(), rx[c].clone(), carried.clone());
            all.push(spawn(move || (0..n).for_each(|_| tx.send(c).unwrap())));
            all.push(spawn(move || {
                for _ in 0..n {
                    assert_eq!(rx.recv(), Ok(c));
                    carried[c].fetch_add(1, SeqCst);
                }
            }));
        }
        let (select_tx, select_rx) = (tx.clone(), rx.clone());
        all.push(spawn(move || {
            let mut tx: Vec<_> = select_tx.into_iter().map(Some).collect();
            let mut counts = [0; 4];
            for _ in 0..4 * n {
                let c = select! {
                    tx[3] <- 3 => 3,
                    tx[2] <- 2 => 2,
                    tx[0] <- 0 => 0,
                    tx[1] <- 1 => 1,
                };
                counts[c] += 1;
                if counts[c] == n {
                    tx[c] = None;
                }
            }
        }));
        all.push(spawn({
            let carried = carried.clone();
            move || {
                let mut rx: Vec<_> = select_rx.into_iter().map(Some).collect();
                let mut counts = [0; 4];
                for _ in 0..4 * n {
                    let c = select! {
                        v = <-rx[0] => (0, v),
                        v = <-rx[1] => (1, v),
                        v = <-rx[2] => (2, v),
                        v = <-rx[3] => (3, v),
                    };
                    assert_eq!(c.1, Ok(c.0));
                    carried[c.0].fetch_add(1, SeqCst);
                    counts[c.0] += 1;
                    if counts[c.0] == n {
                        rx[c.0] = None;
                    }
                }
            }
        }));
        all.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        assert!(carried.iter().all(|carried| carried.load(SeqCst) == 2 * n));
        assert!(rx.iter().all(Receiver::is_empty));
    }
}

/// The sender of a value in the stress test, and the value's number at that sender.
type Id = (usize, u64);

#[derive(Debug)]
struct Item {
    id: Id,
    channel: usize,
    _counted: Counted,
}

/// What a random select did.
enum Outcome {
    Nothing,
    Received(usize, Result<Item, RecvError>),
    Sent(Id, Result<(), SendError<Item>>),
}

/// The capacities of the channels in the stress test.
const CAPS: [usize; 4] = [0, 0, 1, 3];
/// The number of workers: main, five goroutines and two threads.
const WORKERS: usize = 8;

/// One participant of the stress test. The channels of an epoch are closed at its end.
struct Worker {
    me: usize,
    random: Random,
    next: u64,
    alive: Arc<AtomicUsize>,
    sent: Vec<Id>,
    received: Vec<Id>,
    /// The last number that came from each sender through each channel.
    last: [[u64; WORKERS]; CAPS.len()],
}

impl Worker {
    fn new(me: usize, seed: u64, alive: &Arc<AtomicUsize>) -> Self {
        let random = Random::new(
            seed.wrapping_add(me as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        let (sent, received, last) = (Vec::new(), Vec::new(), Default::default());
        Self {
            me,
            random,
            next: 1,
            alive: alive.clone(),
            sent,
            received,
            last,
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        self.random.below(n as u64) as usize
    }

    /// Makes a value for a channel, or for none.
    fn item(&mut self, channel: Option<usize>) -> Item {
        let id = (self.me, self.next);
        self.next += 1;
        Item {
            id,
            channel: channel.unwrap_or(usize::MAX),
            _counted: Counted::new(&self.alive),
        }
    }

    /// Runs a random select with 2 to 6 arms. In main, none of these selects may wait for ever,
    /// because main ends the epoch.
    fn step(&mut self, tx: &[Sender<Item>], rx: &[Receiver<Item>]) {
        let mut arms = [None; 6];
        while arms.iter().flatten().count() < 2 {
            arms = arms.map(|_| Some(self.pick(CAPS.len())).filter(|_| self.pick(2) == 0));
        }
        let [from @ .., to0, to1, to2] = arms;
        let from: [_; 3] = from;
        let r = from.map(|c| c.map(|c| &rx[c]));
        let t = [to0, to1, to2].map(|c| c.map(|c| &tx[c]));
        let (a, b) = (self.item(to0), self.item(to1));
        let ids = [a.id, b.id, (self.me, self.next)];
        let limit = Duration::from_micros(self.random.below(100));
        macro_rules! random_select {
            ($($last:tt)*) => {
                select! {
                    v = <-r[0] => Outcome::Received(from[0].unwrap(), v),
                    v = <-r[1] => Outcome::Received(from[1].unwrap(), v),
                    v = <-r[2] => Outcome::Received(from[2].unwrap(), v),
                    r = t[0] <- a => Outcome::Sent(ids[0], r),
                    r = t[1] <- b => Outcome::Sent(ids[1], r),
                    r = t[2] <- self.item(to2) => Outcome::Sent(ids[2], r),
                    $($last)*
                }
            };
        }
        let outcome = match self.pick(4) {
            0 => random_select!(default => Outcome::Nothing),
            1 => random_select!(after(limit) => Outcome::Nothing),
            _ if self.me == 0 => random_select!(default => Outcome::Nothing),
            _ => random_select!(),
        };
        match outcome {
            Outcome::Nothing | Outcome::Received(_, Err(RecvError)) => {}
            Outcome::Received(channel, Ok(item)) => {
                let own = item.id.0 == self.me;
                assert!(!own || CAPS[channel] > 0, "a select paired with itself");
                self.received(channel, &item);
            }
            Outcome::Sent(id, Ok(())) => self.sent.push(id),
            Outcome::Sent(id, Err(SendError(item))) => assert_eq!(item.id, id, "another's value"),
        }
    }

    fn received(&mut self, channel: usize, item: &Item) {
        assert_eq!(
            item.channel, channel,
            "{item:?} came through another channel"
        );
        let (sender, n) = item.id;
        let last = std::mem::replace(&mut self.last[channel][sender], n);
        assert!(last < n, "{item:?} was overtaken by {last}");
        self.received.push(item.id);
    }

    fn until(mut self, stop: &AtomicBool, tx: &[Sender<Item>], rx: &[Receiver<Item>]) -> Self {
        while !stop.load(SeqCst) {
            self.step(tx, rx);
            if self.pick(8) == 0 {
                yield_now();
            }
        }
        self
    }
}

/// Runs workers on new channels, which are closed one after the other while all work. Returns how
/// many values were received.
fn epoch(seed: u64) -> usize {
    let (alive, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (tx, rx): (Vec<_>, Vec<_>) = CAPS.into_iter().map(bounded).unzip();
    let mut main = Worker::new(0, seed, &alive);
    let others: Vec<_> = (1..WORKERS)
        .map(|me| {
            let (worker, stop) = (Worker::new(me, seed, &alive), stop.clone());
            let (tx, rx) = (tx.clone(), rx.clone());
            let (result, wait) = bounded(1);
            let run = move || drop(result.send(worker.until(&stop, &tx, &rx)));
            if me < WORKERS - 2 {
                drop(spawn(run));
            } else {
                drop(thread::spawn(run));
            }
            wait
        })
        .collect();
    let mut open: Vec<_> = tx.iter().collect();
    for step in 0..main.pick(300) {
        main.step(&tx, &rx);
        if step % 4 == 0 {
            yield_now();
        }
    }
    while !open.is_empty() {
        let closing = open.swap_remove(main.pick(open.len()));
        assert!(closing.close());
        (0..main.pick(8)).for_each(|_| main.step(&tx, &rx));
    }
    stop.store(true, SeqCst);
    let others: Vec<_> = others.iter().map(|worker| worker.recv().unwrap()).collect();
    for (channel, rx) in rx.iter().enumerate() {
        rx.try_iter().for_each(|item| main.received(channel, &item));
    }
    let (mut sent, mut received) = (main.sent, main.received);
    for worker in others {
        sent.extend(worker.sent);
        received.extend(worker.received);
    }
    sent.sort_unstable();
    received.sort_unstable();
    assert_eq!(sent, received);
    assert_eq!(alive.load(SeqCst), 0, "each value is dropped once");
    received.len()
}

claims! {
    // SE28, SE24, RU08, all at once: random selects of goroutines and threads.
    fn random_selects_account_for_every_value() {
        let seed = seed();
        eprintln!("GORT_TEST_SEED={seed}");
        let until = Instant::now() + Duration::from_secs(1);
        let mut carried = 0;
        for number in 0.. {
            carried += epoch(seed.wrapping_add(number << 32));
            if Instant::now() > until {
                break;
            }
        }
        assert!(carried > 1_000, "only {carried} values");
    }
}
