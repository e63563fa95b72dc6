// A select is an expression; all its arms have the same type.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let answer = select! {
        <-rx => 1,
        default => "nothing",
    };
    println!("{answer}");
}
// fix: use arms of one type.
