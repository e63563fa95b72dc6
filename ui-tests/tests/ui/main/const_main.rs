// Goroutines run at run time.
#[gort::main]
const fn main() {}
