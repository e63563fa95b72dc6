//! What no runtime on this machine can beat, in ns.
//!
//! `floor switch ret|jmp`: a switch between two stacks that saves the callee-saved registers, and
//! goes on by `ret`, whose prediction is always wrong then, or by an indirect jump, whose is right.

mod switch;

use std::env;
use std::process;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ns = match args[..] {
        ["switch", "ret"] => switch::measure(switch::by_ret),
        ["switch", "jmp"] => switch::measure(switch::by_jmp),
        _ => {
            eprintln!("usage: floor switch ret|jmp");
            process::exit(2);
        }
    };
    println!("{ns:.3}");
}
