// `<-` and nothing.
use gort::prelude::*;

fn main() {
    select! {
        value = <- => println!("{value}"),
    }
}
