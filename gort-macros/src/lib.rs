//! The macros of gort: `go!`, `select!`, `defer!`, `#[gort::main]` and `#[gort::test]`.
//!
//! Users reach them through the facade `gort`; this crate has no use of its own. Each macro goes the same way:
//!
//! ```text
//! tokens ── parse ──► tree ── valid ──► checked tree ── expand ──► tokens
//!             └─ syntax errors ─┴─ mistakes, collected in a Report ─► compile_error! and a fallback
//! ```
//!
//! Where this is:
//!
//! ```text
//! select/  parse head keyword ast    select!: its arms · an arm's head · heads that begin with a word · the tree
//! select/  tail tokens               what follows an operation · looking at tokens
//! select/  valid operand expand      mistakes · the code around an arm's operands · what it becomes
//! go/      parse valid clones expand  go!
//! entry/   args valid expand         #[gort::main] and #[gort::test]
//! defer                              defer!
//! awaits                             `.await` where nothing can be awaited
//! report paths manifest              where mistakes are collected · the names that an expansion uses · and gort's
//! ```
//!
//! What every expansion keeps to:
//! 1. It names only `::gort::__macro::…` and `::core::…`, so it compiles under `#![no_implicit_prelude]`; `gort` is what
//!    the user's Cargo.toml calls it.
//! 2. It has no `unsafe` token of its own, so it compiles under `#![forbid(unsafe_code)]`.
//! 3. The user's tokens keep their spans, and its own locals have `Span::mixed_site()`: neither can capture the other.
//! 4. An operand is evaluated once, in source order; `?`, `return`, `break` and `continue` in it, or in the body of an
//!    arm of `select!`, act on the function around the macro.
//! 5. After a mistake a compiling fallback follows the error, so that one mistake gives one message.
//! 6. What is half written is in the expansion, in its place where it can be told: a body that syn cannot read is handed
//!    on, rustc says what is wrong with it, and rust-analyzer completes in it.

use proc_macro::TokenStream;

mod awaits;
mod defer;
mod entry;
mod go;
mod manifest;
mod paths;
mod report;
mod select;

/// Starts a goroutine and gives its `JoinHandle`. Go: the `go` statement.
///
/// ```text
/// go!(f(a, b));                    // callee and arguments are evaluated here, now; the call runs in the goroutine
/// go!(conn.serve(db));             // so is the receiver of a method call, which moves into the goroutine
/// go! { … };                       // a block, moved in whole
/// go!(move || …);                  // a closure without parameters
/// go!(clone(tx, wg), …);           // first `let tx = tx.clone();` for each name, then any of the forms above
/// go!(name = "reader", stack = 64 * 1024, …);   // a name for dumps, the size of the stack
/// go!(scope(s), …);                // inside `gort::scope(|s| …)`: may borrow, gives a `ScopedJoinHandle`
/// ```
///
/// Options stand before the body, in any order. With `clone(…)` a closure moves also without the word. So written, rustfmt
/// formats all of it like the arguments of a function. `go!(clone [tx, wg], name = "reader", in s; …)` says the same, with
/// a `;` before the body, which may then be several statements; rustfmt leaves that alone. The macro has a value, so as a statement it ends
/// with `;` in braces too. Dropping the handle lets the goroutine run on by itself.
///
/// `go! { f(x) }` with a single call and no `;` inside is the call form; anything else in braces is a block. Calls and
/// blocks move what they name, inside a scope too: to borrow there, write a closure without `move`, `go!(scope(s), || …)`,
/// or give references. An argument that is itself a closure is written into the call as it stands, so that its
/// parameter types are inferred.
///
/// There is no `async` in a goroutine: it blocks, and only it. A future is waited for with `gort::future::block_on`.
///
/// # Panics
///
/// Like `gort::spawn`: when there is no memory left for a stack.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// fn add(a: i32, b: i32) -> i32 {
///     a + b
/// }
///
/// let (tx, rx) = bounded(0);
/// let sum = go!(add(1, 2));
/// go!(name = "sender", clone(tx), { tx.send(3) });
/// assert_eq!(rx.recv(), Ok(3));
/// assert_eq!(sum.join().unwrap(), 3);
/// ```
#[proc_macro]
pub fn go(input: TokenStream) -> TokenStream {
    let delimiter = go::Delimiter::of_call_site();
    go::go(input.into(), delimiter).into()
}

/// Waits for several channel operations and does exactly one of them. Go: the `select` statement.
///
/// ```text
/// let r = select! {                        // an expression; every arm has its type
///     v = <-rx => …,                       // v: Result<T, RecvError>
///     Ok(v) = <-rx else { break } => …,    // a pattern that can fail, with an else block
///     <-done => …,                         // value not wanted
///     tx <- value => …,                    // send; panics with Go's words if the channel is closed
///     r = tx <- value => …,                // r: Result<(), SendError<T>>, no panic
///     v = <-rx, if ready => …,             // guard: a false guard makes the arm a nil channel
///     after(Duration::from_secs(1)) => …,  // time-out; at most one `after` or `default`
///     default => …,                        // nothing is ready now
/// };
/// select! { biased; … }                    // first ready arm in source order instead of uniform random
/// select! {}                               // blocks for ever
/// ```
///
/// Right of `<-` in a receive stands anything `Selectable`, taken by reference; left of it in a send a `Sender`, or a
/// reference to, an `Option` of or an `Arc` of one. crossbeam's arms `recv(rx) -> v`, `send(tx, m) -> r`, `default` and
/// `default(timeout)` may be mixed in. `#[cfg(…)]` and other attributes may stand on an arm.
///
/// Operands are evaluated once, in source order, before the choice: the guard first, and where it is false the operands
/// of that arm are not evaluated; then the channel, then the value. Temporaries in them live until the choice is made
/// and are gone before the chosen body runs. In an arm with a guard or a `#[cfg]` only those temporaries live as long
/// as those of a `let` would (`<-self.lock().rx, if on` is fine, `<-pick(&make()), if on` is refused by the compiler).
///
/// # What is sent
///
/// A plain variable (`tx <- v`) moves only if its arm is chosen, and can be used in the other arms and after the
/// select. It must have exactly the channel's item type. Every other expression, a parenthesised variable `(v)` too, is
/// a value: it is evaluated before the choice, converted like an argument of a function, and dropped if its arm loses.
/// Only in crossbeam's form, `send(tx, m) -> r`, it is evaluated when the arm has been chosen, as crossbeam does.
/// Functions and lower-case constants have no place to move out of: write `(f)`.
///
/// A right side that compares with a negative number needs a space, `a < -1`, since `<-` is always the arrow.
///
/// # Panics
///
/// "send on closed channel" in a chosen send arm without `r =`; the value is then still in its variable.
///
/// # Examples
/// ```
/// use gort::prelude::*;
///
/// let (tx, rx) = bounded(0);
/// let (_quit, done) = bounded::<()>(0);
/// go!(move || tx.send(1));
/// let got = select! {
///     v = <-rx => v.ok(),
///     <-done => None,
///     after(Duration::from_secs(10)) => panic!("nobody sends"),
/// };
/// assert_eq!(got, Some(1));
///
/// let (tx, _rx) = bounded(1);
/// let job = String::from("a job");
/// select! {
///     tx <- job => println!("it is in the queue"),
///     default => println!("no room for {job}, which is still ours"),
/// }
/// ```
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::select(input.into(), select::Bias::Random).into()
}

/// `select! { biased; … }` under the name that crossbeam-channel gives it.
///
/// The first ready arm in source order is chosen. For the arms and their rules see `select!`; Go has no counterpart.
///
/// # Panics
///
/// As `select!` does.
///
/// # Examples
/// ```
/// use gort::channel::{select_biased, unbounded};
///
/// let (urgent, first) = unbounded();
/// let (normal, second) = unbounded();
/// normal.send("a letter").unwrap();
/// urgent.send("a fire").unwrap();
/// let got = select_biased! {
///     message = <-first => message,
///     message = <-second => message,
/// };
/// assert_eq!(got, Ok("a fire"));
/// ```
#[proc_macro]
pub fn select_biased(input: TokenStream) -> TokenStream {
    select::select(input.into(), select::Bias::Biased).into()
}

/// Runs a block at the end of the enclosing scope. Go: the `defer` statement, but per scope, not per function.
///
/// ```text
/// let file = open(path)?;
/// defer!({ log("closed") });       // rustfmt formats this
/// defer! { log("closed"); }        // the same
/// ```
///
/// The block runs when the scope is left in any way: at its end, by `return`, `?` or `break`, by a panic, by
/// `goexit()`. Several in one scope run last first. It borrows what it names until then. The value of the block is
/// thrown away, and `return` and `?` inside it leave the block only. If it panics while a panic is on its way, its
/// payload replaces that one for `gort::recover` and `join`.
///
/// ```
/// use gort::prelude::*;
///
/// fn work(busy: &WaitGroup) -> Result<i32, std::num::ParseIntError> {
///     busy.add(1);
///     defer! { busy.done(); }
///     "not a number".parse()
/// }
///
/// let busy = WaitGroup::new();
/// assert!(work(&busy).is_err());
/// busy.wait();
/// ```
#[proc_macro]
pub fn defer(input: TokenStream) -> TokenStream {
    defer::defer(input.into()).into()
}

/// Runs `fn main` as the main goroutine.
///
/// ```text
/// #[gort::main]                                // or: #[gort::main(procs = 4, stack = 16 << 20)]
/// fn main() -> Result<(), Box<dyn Error + Send + Sync>> { … }
/// ```
///
/// `procs` is the number of goroutines that compute at the same time (Go: `GOMAXPROCS`), `stack` the size in bytes of
/// the main goroutine's stack. `thread_locals = "own"` gives each goroutine thread-locals of its own, so that
/// nothing that a goroutine keeps there can be another's (chapter "Soundness" of the crate). `main` may return anything that implements `Termination`, must be called `main`, takes
/// no arguments and is not `async`. When it returns, the program ends without waiting for goroutines, as in Go.
///
/// ```
/// use gort::prelude::*;
///
/// #[gort::main(procs = 2)]
/// fn main() -> Result<(), RecvError> {
///     let (tx, rx) = bounded(0);
///     go!(move || tx.send("hello"));
///     assert_eq!(rx.recv()?, "hello");
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::main(args.into(), item.into()).into()
}

/// Makes a test of a function and runs it as a goroutine.
///
/// ```text
/// #[gort::test]                                // or: #[gort::test(procs = 2, stack = 1 << 20, leaks = "allow")]
/// fn answers() -> Result<(), Error> { … }      // or: #[gort::test(timeout = "5s")]
/// ```
///
/// `procs`, `stack` and `thread_locals = "own"` are as for `#[gort::main]`. The attribute stands in place of `#[test]` and goes together with `#[should_panic]` and `#[ignore]`. A test that leaves
/// goroutines behind fails and names them, and the timers that are going to start some; `leaks = "allow"` turns that off. The function takes no arguments, has no
/// generic parameters and is not `async`; it may return a `Result`. Its goroutine has the name of the test.
///
/// A test that takes longer than a minute, or than `timeout` (`"500ms"`, `"1.5s"`, `"2m"`, `"1h"`; `"none"` for no limit),
/// fails and shows what its goroutines are doing, and the others in the process. They are left as they are, and the
/// other tests go on. If for some seconds nothing but a plain thread could have woken any goroutine of the process,
/// that is shown on standard error already then. `GORT_TEST_TIMEOUT`, in seconds or `none`, replaces the limits of all
/// tests: for a debugger, or for a slow machine.
///
/// With `bubble` the test runs in `gort::synctest::run`: its clock, and that of the goroutines which it starts, jumps when
/// all of them are blocked. The limit stays one of real time.
///
/// With `explore = 1_000` the test is run under so many schedules, by `gort::explore::Options`, and panics with what is told of the first under
/// which it fails. `GORT_EXPLORE_SEED` runs that one first.
///
/// Failing in one of these ways is no panic for a test that should panic.
///
/// ```
/// use gort::prelude::*;
///
/// #[gort::test]
/// fn hands_it_over() -> Result<(), RecvError> {
///     let (tx, rx) = bounded(0);
///     let sender = go!(move || tx.send(1));
///     assert_eq!(rx.recv()?, 1);
///     sender.join().unwrap().unwrap();
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::test(args.into(), item.into()).into()
}
