// This is none of the forms of an arm.
use gort::prelude::*;

fn main() {
    select! {
        => println!("nothing"),
    }
}
