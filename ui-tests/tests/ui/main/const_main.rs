// Main cannot run at compile time.
#[gort::main]
const fn main() {}
