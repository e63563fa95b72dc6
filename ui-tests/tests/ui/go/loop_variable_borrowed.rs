// The goroutine borrows the loop variable through an explicit reference.
use gort::prelude::*;

fn print(id: &u32) {
    println!("{id}");
}

fn main() {
    for id in 0..3 {
        go!(print(&id));
    }
}
// fix: pass the value, not a reference.
// GK12
