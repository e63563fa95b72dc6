// The goroutine starts before the value is there (GoKer's order violations).
use gort::prelude::*;

fn main() {
    let address: String;
    go! {
        println!("{address}");
    };
    address = String::from("localhost");
    println!("{address}");
}
// fix: assign first, or send the value over a channel when it is known.
// GK12
