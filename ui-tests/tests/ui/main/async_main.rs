// Main is a goroutine and blocks.
#[gort::main]
async fn main() {
    println!("never polled");
}
