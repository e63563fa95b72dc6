// `?` would leave the goroutine, which returns no `Result` here.
use gort::prelude::*;

fn load() -> Result<u32, String> {
    Ok(1)
}

fn main() {
    go! {
        let loaded = load()?;
        println!("{loaded}");
    };
}
// fix: end the block with `Ok::<_, String>(())` and check it after `join`; or handle the error.
