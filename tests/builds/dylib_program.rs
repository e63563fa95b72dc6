//! A program that uses the gort of a dylib: generic functions of gort are compiled here, and use
//! the dylib's runtime.

use plugin::gort;
use plugin::gort::prelude::*;

fn main() {
    let total = gort::runtime::run(|| {
        let (tx, rx) = bounded(0);
        let there = gort::spawn(|| plugin::sum(100));
        let here = gort::spawn(move || (0..100).for_each(|i| tx.send(i).unwrap()));
        let total = rx.iter().sum::<u64>() + there.join().unwrap();
        here.join().unwrap();
        total
    });
    println!("total {total}");
}
