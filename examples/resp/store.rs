//! Keys and values, in shards with a lock each. Commands on different keys seldom wait for each
//! other.

use gort::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// A power of two, and more than there are Ps, so that two commands seldom meet.
const SHARDS: usize = 64;

/// Any bytes.
pub(crate) type Bytes = Arc<[u8]>;

/// The value of a key.
pub(crate) enum Value {
    Text(Bytes),
    List(VecDeque<Bytes>),
}

/// A value and the time when it expires.
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) until: Option<Instant>,
}

/// The entries of a shard.
pub(crate) type Entries = HashMap<Bytes, Entry>;

pub(crate) struct Store {
    hasher: RandomState,
    shards: [Mutex<Entries>; SHARDS],
}

impl Entry {
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
        }
    }

    /// Calls `f` with the shard of `key`, from which `key` was removed if it has expired.
    pub(crate) fn with<R>(&self, key: &[u8], f: impl FnOnce(&mut Entries) -> R) -> R {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        let mut entries = self.shards[shard].lock();
        if entries
            .get(key)
            .is_some_and(|entry| entry.until.is_some() && entry.is_over(Instant::now()))
        {
            entries.remove(key);
        }
        f(&mut entries)
    }

    /// Drops all expired keys.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        for shard in &self.shards {
            shard.lock().retain(|_, entry| !entry.is_over(now));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    pub(crate) fn clear(&self) {
        self.shards.iter().for_each(|shard| shard.lock().clear());
    }
}
