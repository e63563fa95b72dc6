// The body must give what the signature says.
#[gort::main]
fn main() -> Result<(), String> {
    "done"
}
// fix: a body of the signature's type.
