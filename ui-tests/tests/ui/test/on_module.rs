// Each test needs its own attribute.
#[gort::test]
mod tests {}

fn main() {}
