use gort_runtime::*;
use std::time::*;
fn main() {
    let procs = max_procs();
    let r = RuntimeBuilder::new().run(move || {
        println!("hello from {:?} procs {procs}", current());
        let h = spawn(|| 42);
        println!("{:?}", h.join());
        let h = spawn(|| -> i32 { panic!("boom") });
        println!("{:?}", h.join());
        let h = spawn(|| -> i32 { goexit() });
        println!("{:?}", h.join());
        let t = Instant::now();
        sleep(Duration::from_millis(20));
        println!("slept {:?}", t.elapsed());
        println!("{}", on_system_stack(|| 5));
        // yields
        let n = 1_000_000;
        let a = spawn(move || {
            for _ in 0..n {
                yield_now()
            }
        });
        let b = spawn(move || {
            for _ in 0..n {
                yield_now()
            }
        });
        let t = Instant::now();
        a.join().unwrap();
        b.join().unwrap();
        println!("yield {:?} ns", t.elapsed().as_nanos() / (2 * n as u128));
        // spawn seq
        let n = 200_000u128;
        let t = Instant::now();
        for _ in 0..n {
            spawn(|| ()).join().unwrap();
        }
        println!("spawn_seq {} ns", t.elapsed().as_nanos() / n);
        for batch in [100usize, 10000] {
            let t = Instant::now();
            let mut hs = Vec::new();
            let n = 1_000_000;
            for _ in 0..n / batch {
                for _ in 0..batch {
                    hs.push(spawn(|| ()));
                }
                for h in hs.drain(..) {
                    h.join().unwrap()
                }
            }
            println!("spawn_join {} ns", t.elapsed().as_nanos() / n as u128);
        }
        println!("{} live, {:?}", num_goroutines(), goroutines());
        // 100k sleepers
        let hs: Vec<_> = (0..100_000)
            .map(|i| spawn(move || sleep(Duration::from_millis(1 + i % 1000))))
            .collect();
        let t = Instant::now();
        for h in hs {
            h.join().unwrap()
        }
        println!("sleepers {:?}", t.elapsed());
        "done"
    });
    println!("{r} {}", num_goroutines());
}
