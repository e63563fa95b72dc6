// A number cannot run.
use gort::prelude::*;

fn main() {
    let answer = go!(1);
    answer.join().unwrap();
}
