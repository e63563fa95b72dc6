// `<-` and no channel.
use gort::prelude::*;

fn main() {
    select! {
        value = <- => println!("{value}"),
    }
}
