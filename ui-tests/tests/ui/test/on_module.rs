// Each test has an attribute of its own.
#[gort::test]
mod tests {}

fn main() {}
