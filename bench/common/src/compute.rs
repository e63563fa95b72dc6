//! Computations inside workloads: the same number of the same instructions in every program.

use std::arch::asm;
use std::hint::black_box;
use std::time::{Duration, Instant};

const FACTOR: u64 = 6_364_136_223_846_793_005;
const SUMMAND: u64 = 1_442_695_040_888_963_407;

/// Returns 0 + 1 + … + (n - 1).
pub fn triangle(n: u64) -> u64 {
    n * (n - 1) / 2
}

/// Returns the next number of a linear congruential generator.
pub fn lcg(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(FACTOR).wrapping_add(SUMMAND);
    *state
}

/// Does the same as `lcg`, but the compiler cannot combine several calls.
#[inline(always)]
fn step(mut x: u64) -> u64 {
    lcg(&mut x);
    // SAFETY: there is no instruction, and the value counts as changed.
    unsafe { asm!("/* {0} */", inout(reg) x, options(nomem, nostack, preserves_flags, pure)) };
    x
}

/// Does the small computation that is done while a lock is held.
#[inline(never)]
pub fn work(x: u64) -> u64 {
    (0..8).fold(x, |x, _| step(x))
}

/// Computes `n` steps, starting from `x`. A step takes 1.3 ns on a core of 3 GHz.
#[inline(always)]
pub fn steps(x: u64, n: u64) -> u64 {
    (0..n).fold(x, |x, _| step(x))
}

/// Returns what `work` computes if it is applied to 0 `n` times.
pub fn work_n(n: u64) -> u64 {
    (0..n).fold(0, |x, _| work(x))
}

/// Computes `iterations` steps in a loop without a call or a wait.
#[inline(never)]
pub fn spin(iterations: u64) -> u64 {
    (0..iterations).fold(1, |x, _| step(x))
}

/// Returns how many iterations of `spin` take about `wanted` of CPU time.
pub fn calibrate(wanted: Duration) -> u64 {
    const SAMPLE: u64 = 50_000_000;
    let start = Instant::now();
    black_box(spin(SAMPLE));
    (SAMPLE as f64 * wanted.as_secs_f64() / start.elapsed().as_secs_f64()) as u64
}

/// Returns how many times a sieve that finds `n` primes passes a value over a channel, and the last
/// of these primes.
pub fn sieve_hops(n: usize) -> (u64, u64) {
    let (mut hops, mut primes, mut number) = (0, Vec::new(), 2);
    while primes.len() < n {
        match primes.iter().position(|prime| number % prime == 0) {
            Some(filter) => hops += filter as u64 + 1,
            None => {
                hops += primes.len() as u64 + 1;
                primes.push(number);
            }
        }
        number += 1;
    }
    (hops, primes.last().copied().unwrap_or(0))
}
