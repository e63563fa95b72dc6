// The body must return the type in the signature.
#[gort::main]
fn main() -> Result<(), String> {
    "done"
}
// fix: return a value of the signature's type.
