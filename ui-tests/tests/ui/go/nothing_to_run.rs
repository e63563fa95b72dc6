// Options, and nothing behind them.
use gort::prelude::*;

fn main() {
    go!(name = "idle";);
}
