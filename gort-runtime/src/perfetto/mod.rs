//! Writes a trace in the format that ui.perfetto.dev opens: from the logs of `traced/` to a file.
//!
//! ```text
//! session   starting and stopping, and the thread that reads the logs
//! story     events in, slices and instant events out
//! slices    the slices that are open on each track
//! packets   encoding slices and events as packets
//! proto     the encoding of packets
//! quick     hashing
//! ```
//!
//! # Why Perfetto's protobuf, and why an encoder of our own
//! The viewer reads several formats. Chrome's JSON is simple, but it knows only processes and
//! threads, and its files are five times as large. Nothing promises that a file without its closing
//! bracket can be read. Perfetto's own format has tracks of any kind, flows and interned strings. A
//! file is a sequence of packets, each with its length, and needs no end. So if the process is
//! killed, what it has written is a valid trace.
//!
//! The crates that write this format bring a protobuf library and generated code for all of
//! Perfetto's messages. A trace of goroutines needs only six messages with about thirty fields, of
//! three wire types. `proto.rs` writes these in a hundred lines, and adds no dependency to programs
//! that use gort. The tests read the files with a decoder that shares no code with it.

mod packets;
mod proto;
mod quick;
pub(crate) mod session;
mod slices;
mod story;
