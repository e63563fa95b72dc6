//! Several threads on one channel.

use crate::spawning::{go, join};
use bench_common::{check, triangle};
use crossbeam_channel as cc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) fn fan(
    n: u64,
    np: u64,
    nc: u64,
    (tx, rx): (cc::Sender<u64>, cc::Receiver<u64>),
) -> Duration {
    let per = n / np;
    let sum = Arc::new(AtomicU64::new(0));
    let t = Instant::now();
    let mut hs = vec![];
    for _ in 0..np {
        let tx = tx.clone();
        hs.push(go(move || {
            for i in 0..per {
                tx.send(i).unwrap()
            }
        }));
    }
    drop(tx);
    for _ in 0..nc {
        let (rx, sum) = (rx.clone(), sum.clone());
        hs.push(go(move || {
            sum.fetch_add(rx.iter().sum::<u64>(), Relaxed);
        }));
    }
    join(hs);
    let d = t.elapsed();
    check(sum.load(Relaxed) == triangle(per) * np, ());
    d
}
