//! Everyday programs: maps that goroutines share, and a parallel sort.

use super::join_all;
use bench_common::{Figures, check, lcg};
use gort::prelude::*;
use gort::sync::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

const KEYS: u64 = 1000;
const SHARED_BY: u64 = 100;

/// Returns the next key. It drops the low bits of `lcg`, which repeat too soon.
fn key(state: &mut u64) -> u64 {
    lcg(state) >> 33
}

/// Lets a hundred goroutines count in a map behind a mutex.
pub(super) fn map_mutex(n: u64) -> Figures {
    let each = n / SHARED_BY;
    let map = Arc::new(Mutex::new(HashMap::<u64, u64>::new()));
    let start = Instant::now();
    join_all((0..SHARED_BY).map(|k| {
        go!(clone [map]; {
            let mut state = k;
            for _ in 0..each {
                let key = key(&mut state) % KEYS;
                *map.lock().entry(key).or_default() += 1;
            }
        })
    }));
    let elapsed = start.elapsed();
    let sum = map.lock().values().sum::<u64>();
    check(sum == each * SHARED_BY, sum);
    Figures::per_op(each * SHARED_BY, elapsed)
}

/// Lets a hundred goroutines use a map behind a read-write lock. One access in twenty writes.
pub(super) fn map_rwlock(n: u64) -> Figures {
    let each = n / SHARED_BY;
    let map = Arc::new(RwLock::new(HashMap::<u64, u64>::new()));
    let start = Instant::now();
    let counting: Vec<_> = (0..SHARED_BY)
        .map(|k| {
            go!(clone [map]; {
                let (mut state, mut writes, mut seen) = (k, 0, 0);
                for i in 0..each {
                    let key = key(&mut state) % KEYS;
                    if i % 20 == 0 {
                        *map.write().entry(key).or_default() += 1;
                        writes += 1;
                    } else {
                        seen += map.read().get(&key).copied().unwrap_or(0);
                    }
                }
                std::hint::black_box(seen);
                writes
            })
        })
        .collect();
    let writes: u64 = counting
        .into_iter()
        .map(|one| one.join().unwrap_or(0))
        .sum();
    let elapsed = start.elapsed();
    let sum = map.read().values().sum::<u64>();
    check(sum == writes, (sum, writes));
    Figures::per_op(each * SHARED_BY, elapsed)
}

/// Gives sixteen goroutines a map each, and lets sixty-four others ask them over channels.
pub(super) fn map_sharded(n: u64) -> Figures {
    const SHARDS: u64 = 16;
    const CLIENTS: u64 = 64;
    let each = n / CLIENTS;
    let start = Instant::now();
    let (ask, shards): (Vec<_>, Vec<_>) = (0..SHARDS)
        .map(|_| {
            let (ask, asked) = bounded::<(u64, Sender<u64>)>(32);
            let shard = go!(move || {
                let mut map = HashMap::<u64, u64>::new();
                for (key, answer) in asked {
                    let count = map.entry(key % 64).or_default();
                    *count += 1;
                    assert!(answer.send(*count).is_ok());
                }
                map.values().sum::<u64>()
            });
            (ask, shard)
        })
        .unzip();
    join_all((0..CLIENTS).map(|k| {
        go!(clone [ask]; {
            let (answer, answered) = bounded(1);
            let mut state = k;
            for _ in 0..each {
                let key = key(&mut state);
                assert!(ask[(key % SHARDS) as usize].send((key, answer.clone())).is_ok());
                assert!(answered.recv().is_ok());
            }
        })
    }));
    drop(ask);
    let sum: u64 = shards.into_iter().map(|one| one.join().unwrap_or(0)).sum();
    let elapsed = start.elapsed();
    check(sum == each * CLIENTS, sum);
    Figures::per_op(each * CLIENTS, elapsed)
}

/// Parts that are smaller than this are sorted by insertion, without a goroutine.
const SMALL: usize = 500;

fn insertion_sort(part: &mut [u64]) {
    for i in 1..part.len() {
        let (v, mut at) = (part[i], i);
        while at > 0 && part[at - 1] > v {
            part[at] = part[at - 1];
            at -= 1;
        }
        part[at] = v;
    }
}

fn merge(left: &[u64], right: &[u64]) -> Vec<u64> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if left[i] <= right[j] {
            merged.push(left[i]);
            i += 1;
        } else {
            merged.push(right[j]);
            j += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}

fn sort(all: &mut [u64]) {
    if all.len() < SMALL {
        return insertion_sort(all);
    }
    let half = all.len() / 2;
    let (left, right) = all.split_at_mut(half);
    gort::scope(|s| {
        go!(in s; sort(left));
        sort(right);
    });
    let merged = merge(&all[..half], &all[half..]);
    all.copy_from_slice(&merged);
}

/// Sorts `n` numbers by merging, with a goroutine for each left half. The figure is per number.
pub(super) fn merge_sort(n: u64) -> Figures {
    let mut state = 7;
    let mut all: Vec<_> = (0..n).map(|_| lcg(&mut state)).collect();
    let start = Instant::now();
    sort(&mut all);
    let elapsed = start.elapsed();
    check(all.is_sorted() && all.len() as u64 == n, all.len());
    Figures::per_op(n, elapsed)
}
