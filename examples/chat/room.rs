//! The members of the chat, and what is said in it.
//!
//! Each client has a queue of lines to send to it. If a queue is full, the room waits for a short
//! time. A client that still has no room then is too slow, and is expelled. So one client that does
//! not read delays the others for a moment, and the clients that read get every line, all in the
//! same order.

use gort::channel::SendTimeoutError;
use gort::prelude::*;
use gort_examples::stream::Stream;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// How many lines a client may be behind.
const QUEUE: usize = 64;
/// How long a line waits for all full queues together.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a client that leaves may take to read the rest of its queue.
const GRACE: Duration = Duration::from_secs(2);

/// A line, which all its recipients share.
pub(crate) type Line = Arc<str>;

pub(crate) struct Room {
    inside: Mutex<Inside>,
}

struct Inside {
    open: bool,
    guests: u32,
    members: BTreeMap<u32, Member>,
}

struct Member {
    queue: Sender<Line>,
    stream: Arc<Stream>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            inside: Mutex::new(Inside {
                open: true,
                guests: 0,
                members: BTreeMap::new(),
            }),
        }
    }

    /// Adds a client and tells all others. Returns its number and the lines that it will be sent,
    /// or `None` if the room is closed.
    pub(crate) fn enter(&self, stream: &Arc<Stream>) -> Option<(u32, Receiver<Line>)> {
        let mut inside = self.inside.lock();
        if !inside.open {
            return None;
        }
        inside.guests += 1;
        let who = inside.guests;
        let (queue, lines) = bounded(QUEUE);
        let stream = Arc::clone(stream);
        inside.members.insert(who, Member { queue, stream });
        inside.tell(format!("* guest {who} is here\n"));
        Some((who, lines))
    }

    /// Sends a client's line to all, unless the client has been expelled.
    pub(crate) fn say(&self, who: u32, text: &str) {
        let mut inside = self.inside.lock();
        if inside.members.contains_key(&who) {
            inside.tell(format!("guest {who}: {text}\n"));
        }
    }

    /// Removes a client and tells the others. The client still gets what was said before.
    pub(crate) fn leave(&self, who: u32) {
        let mut inside = self.inside.lock();
        if let Some(member) = inside.members.remove(&who) {
            member.part();
            inside.tell(format!("* guest {who} has left\n"));
        }
    }

    /// Removes all clients, and admits no more.
    pub(crate) fn close(&self) {
        let mut inside = self.inside.lock();
        inside.open = false;
        let members = mem::take(&mut inside.members);
        members.into_values().for_each(Member::part);
    }
}

impl Inside {
    fn tell(&mut self, line: String) {
        let mut lines = VecDeque::from([line]);
        while let Some(line) = lines.pop_front() {
            let (line, until) = (Line::from(line), Instant::now() + PATIENCE);
            // A client whose connection is closed, and that has not left yet, is not slow.
            let slow = self.members.extract_if(.., |_, member| {
                let sent = member.queue.send_deadline(line.clone(), until);
                matches!(sent, Err(SendTimeoutError::Timeout(_)))
            });
            lines.extend(slow.map(|(who, member)| {
                member.stream.close();
                format!("* guest {who} was too slow\n")
            }));
        }
    }
}

impl Member {
    /// Ends the queue. What it holds can still be read for a while.
    fn part(self) {
        self.stream.set_deadline(Instant::now() + GRACE);
    }
}
