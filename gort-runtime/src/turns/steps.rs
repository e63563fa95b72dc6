//! What the goroutines of a schedule do, in order: the last steps, and a checksum of all.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::panic::Location;

/// Number of steps that are kept for the report: more than a reader wants to see.
const MAX_KEPT: usize = 200;

/// One step of a goroutine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The number of the goroutine.
    pub(crate) number: u32,
    /// The operation, in the words of `WaitReason` where there is one.
    pub(crate) what: &'static str,
    pub(crate) site: Option<&'static Location<'static>>,
}

/// The last steps, and a checksum of all.
#[derive(Debug)]
pub(crate) struct Steps {
    last: VecDeque<Step>,
    len: u64,
    sum: u64,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            last: VecDeque::new(),
            len: 0,
            // The constants and the update are FNV's.
            sum: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Steps {
    pub(crate) fn push(&mut self, step: Step) {
        if self.last.len() == MAX_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(step);
        self.len += 1;
        self.note(u64::from(step.number));
        for byte in step.what.bytes() {
            self.note(u64::from(byte));
        }
        if let Some(site) = step.site {
            self.note(u64::from(site.line()));
            self.note(u64::from(site.column()));
        }
    }

    /// Adds a value to the checksum. The value must be the same in each repetition.
    pub(crate) fn note(&mut self, what: u64) {
        self.sum = (self.sum ^ what).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns the checksum, which is never 0.
    pub(crate) fn sum(&self) -> u16 {
        let folded = self.sum ^ self.sum >> 32;
        ((folded ^ folded >> 16) as u16).max(1)
    }

    /// Writes a line for each of the last steps.
    pub(crate) fn write(&self, out: &mut String, name: impl Fn(u32) -> String) -> fmt::Result {
        let left_out = self.len - self.last.len() as u64;
        if left_out != 0 {
            writeln!(out, "  ({left_out} steps before)")?;
        }
        for step in &self.last {
            write!(out, "  {}: {}", name(step.number), step.what)?;
            match step.site {
                Some(site) => writeln!(out, " at {site}")?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }
}
