// The goroutine starts before the variable has a value (GoKer's order violations).
use gort::prelude::*;

fn main() {
    let address: String;
    go! {
        println!("{address}");
    };
    address = String::from("localhost");
    println!("{address}");
}
// fix: assign first, or send the value through a channel when it is known.
// GK12
