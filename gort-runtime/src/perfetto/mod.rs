//! Writing a trace in the format that ui.perfetto.dev opens: from the rings of `traced/` to a file.
//!
//! ```text
//! session   starts, stops, and the thread that looks at the rings
//! story     what happens, event by event
//! slices    what each goroutine and each P does
//! packets   that, as packets
//! proto     the encoding of packets
//! quick     hashing
//! ```
//!
//! # Why Perfetto's protobuf, and why an encoder of our own
//! The viewer reads several formats. Chrome's JSON is simple, but it knows only processes and threads, takes five times the
//! room, and a file without its last bracket is read by luck. Perfetto's own format has tracks of any kind, flows and interned
//! strings. A file is a sequence of packets, each with its length. So it needs no end: what has been
//! written when the process is killed is a whole trace.
//!
//! The crates that write it bring a protobuf library and generated code for all of Perfetto's messages. What a trace of
//! goroutines needs is six messages with some thirty fields, of three wire types. `proto.rs` writes these in
//! a hundred lines, and keeps a program that uses gort at the crates that it has. The tests read the files with a
//! decoder that shares nothing with it.

mod packets;
mod proto;
mod quick;
pub(crate) mod session;
mod slices;
mod story;
