//! A program that AddressSanitizer and valgrind must report (`.ci/sanitizers`): a goroutine reads a
//! variable of a function that has returned.

use std::hint::black_box;

#[inline(never)]
fn address_of_a_local() -> *const u64 {
    let local = black_box([7_u64; 8]);
    black_box(&raw const local[3])
}

#[gort::main]
fn main() {
    let reader = gort::spawn(|| {
        let address = address_of_a_local();
        gort::yield_now();
        // SAFETY: none. The variable is gone, and the tool must report it.
        unsafe { address.read() }
    });
    println!("read {:?}", reader.join().ok());
}
