//! Who is in the chat, and what is said there.
//!
//! Each client has a queue of lines that it is to be told. If a queue is full, the room waits for
//! it, but not for long: who then still has no room is too slow, and is shown out. So one client
//! that does not read costs the others a moment, and those who read get everything, all in the same
//! order.

use gort::channel::SendTimeoutError;
use gort::prelude::*;
use gort_examples::stream::Stream;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// How many lines a client may be behind.
const QUEUE: usize = 64;
/// How long a line waits, all in all, for queues that are full.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long who leaves may take to read what it is still to be told.
const GRACE: Duration = Duration::from_secs(2);

/// What is the same for all who are told it.
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

    /// Lets a client in, and tells everybody: its number, and what it is to be told from now on.
    /// `None` if the room is closed.
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

    /// Tells everybody what a client says, unless that has been shown out.
    pub(crate) fn say(&self, who: u32, text: &str) {
        let mut inside = self.inside.lock();
        if inside.members.contains_key(&who) {
            inside.tell(format!("guest {who}: {text}\n"));
        }
    }

    /// Lets a client go, who is still told what was said before, and tells the others.
    pub(crate) fn leave(&self, who: u32) {
        let mut inside = self.inside.lock();
        if let Some(member) = inside.members.remove(&who) {
            member.part();
            inside.tell(format!("* guest {who} has left\n"));
        }
    }

    /// Lets everybody go, and nobody in any more.
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
            // Who is gone, but has not left yet, is not slow.
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
    /// Nothing more is put into the queue; what is there may still be read, for a while.
    fn part(self) {
        self.stream.set_deadline(Instant::now() + GRACE);
    }
}
