//! A lower bound for every runtime on this machine, in ns.
//!
//! `floor switch ret|jmp`: a switch between two stacks that saves the callee-saved registers. It
//! continues by `ret`, which the processor always predicts wrongly here, or by an indirect jump,
//! which it predicts correctly.

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
