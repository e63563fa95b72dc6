// Main is a goroutine, and cannot await.
#[gort::main]
async fn main() {
    println!("never polled");
}
