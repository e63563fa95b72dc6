// A select is an expression; its arms have one type.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let answer = select! {
        <-rx => 1,
        default => "nothing",
    };
    println!("{answer}");
}
// fix: arms of one type.
