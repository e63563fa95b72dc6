// Without the comma `<-` would be an operator in the body.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => print("first")
        <-rx => print("second"),
    }
}

fn print(which: &str) {
    println!("{which}");
}
// fix: `<-rx => print("first"),`
