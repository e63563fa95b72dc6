// There is no channel after `<-`.
use gort::prelude::*;

fn main() {
    select! {
        value = <- => println!("{value}"),
    }
}
