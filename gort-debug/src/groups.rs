//! Groups of goroutines in the same state at the same place.

use crate::goroutines::{Place, Search, is_own, state};
use crate::json::{List, Maybe, Text};
use gort::GoroutineId;
use gort::runtime::{GoroutineInfo, WaitReason};
use gort_runtime::{Members, goroutines_with_stacks};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of groups that are shown. The largest are shown first.
const MOST_GROUPS: usize = 500;
/// Maximum number of goroutines of a group that are listed.
const MOST_MEMBERS: usize = 10;
/// Maximum number of goroutines whose stacks are all read. Reading one takes some microseconds. If
/// there are more goroutines, those in the same state at the same source lines are one group, and
/// the stack of one of them is read.
const MOST_STACKS: usize = 10_000;

/// The groups of the goroutines that a search keeps.
pub(crate) struct Groups {
    /// The number of all goroutines, whether kept or not, and how many of them serve pages.
    total: usize,
    own: usize,
    /// The number of goroutines that the search keeps.
    kept: usize,
    groups: Vec<Group>,
    stacks: Vec<String>,
    /// The number of groups that are not in `groups`.
    left_out: usize,
}

/// Goroutines in the same state, for the same reason, at the same source line, spawned at the same
/// source line, and with the same stack.
struct Group {
    state: &'static str,
    reason: WaitReason,
    at: Option<&'static Location<'static>>,
    spawned_at: Option<&'static Location<'static>>,
    own: bool,
    count: usize,
    /// The longest and the shortest wait in the group.
    longest: Duration,
    shortest: Duration,
    /// The first goroutines of the group.
    members: Vec<(GoroutineId, Option<Arc<str>>)>,
    /// The index of the stack, if the stack was read.
    stack: Option<usize>,
}

impl Group {
    fn of(info: &GoroutineInfo) -> Self {
        Self {
            state: state(info),
            reason: info.reason,
            at: info.at,
            spawned_at: info.spawned_at,
            own: is_own(info),
            count: 0,
            longest: Duration::ZERO,
            shortest: Duration::MAX,
            members: Vec::new(),
            stack: None,
        }
    }

    fn add(&mut self, info: &GoroutineInfo) {
        self.count += 1;
        self.longest = self.longest.max(info.since);
        self.shortest = self.shortest.min(info.since);
        if self.members.len() < MOST_MEMBERS {
            self.members.push((info.id, info.name.clone()));
        }
    }
}

/// Returns what the goroutines of a group have in common, except for the stack. The type is ordered
/// for use in a `BTreeMap`, because std's hash maps use thread-locals.
fn common(info: &GoroutineInfo) -> impl Ord + use<> {
    let lines = (info.at, info.spawned_at);
    (state(info), info.reason.words(), lines, is_own(info))
}

impl Groups {
    /// Groups the goroutines that there are now. If a group's stack contains the word that is
    /// searched for, the whole group is kept.
    pub(crate) fn now(search: &Search) -> Self {
        let each = gort::runtime::num_goroutines() <= MOST_STACKS;
        let mut seen = BTreeSet::new();
        let Members { goroutines, stacks } =
            goroutines_with_stacks(|info| each || seen.insert(common(info)));
        let total = goroutines.len();
        let own = goroutines.iter().filter(|(info, _)| is_own(info)).count();
        let is_found: Vec<_> = stacks.iter().map(|stack| search.is_in(stack)).collect();
        let mut groups = BTreeMap::new();
        for (info, stack) in goroutines {
            if search.keeps(&info) || stack.is_some_and(|stack| is_found[stack]) {
                let key = (common(&info), stack.filter(|_| each));
                let group = groups.entry(key).or_insert_with(|| Group::of(&info));
                group.add(&info);
                group.stack = group.stack.or(stack);
            }
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        let kept = groups.iter().map(|group| group.count).sum();
        let left_out = groups.len().saturating_sub(MOST_GROUPS);
        groups.truncate(MOST_GROUPS);
        Self {
            total,
            own,
            kept,
            groups,
            stacks,
            left_out,
        }
    }

    /// Returns the stack of a group, if it was read.
    fn stack(&self, group: &Group) -> Option<&str> {
        let stack = self.stacks.get(group.stack?)?;
        (!stack.is_empty()).then_some(stack.as_str())
    }

    /// Writes the groups as JSON.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        write!(
            out,
            "{{\"total\":{},\"own\":{},\"kept\":{},\"groups_left_out\":{},\"groups\":[",
            self.total, self.own, self.kept, self.left_out
        )?;
        for (i, group) in self.groups.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let ids: Vec<_> = group.members.iter().map(|member| member.0).collect();
            let names = group.members.iter().map(|member| member.1.as_deref());
            let names: Vec<_> = names.map(|name| Maybe(name.map(Text))).collect();
            write!(
                out,
                "{comma}\n{{\"count\":{},\"state\":\"{}\",\"reason\":{},\"at\":{},\"spawned_at\":{},\
                 \"own\":{},\"longest_seconds\":{},\"shortest_seconds\":{},\
                 \"ids\":{},\"names\":{},\"stack\":{}}}",
                group.count,
                group.state,
                Text(group.reason.words()),
                Place(group.at),
                Place(group.spawned_at),
                group.own,
                group.longest.as_secs_f64(),
                group.shortest.as_secs_f64(),
                List(&ids),
                List(&names),
                Maybe(self.stack(group).map(Text)),
            )?;
        }
        out.write_all(b"\n]}\n")
    }

    /// Writes the groups as text.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{} goroutines, {} shown, {} serve this page",
            self.total, self.kept, self.own
        )?;
        for group in &self.groups {
            group.write_text(self.stack(group), out)?;
        }
        if self.left_out > 0 {
            writeln!(out, "\n{} smaller groups are left out", self.left_out)?;
        }
        Ok(())
    }
}

impl Group {
    fn write_text(&self, stack: Option<&str>, out: &mut impl Write) -> io::Result<()> {
        write!(out, "\n{} [{}", self.count, self.state)?;
        if self.state == "waiting" {
            write!(out, ": {}", self.reason)?;
            if self.count > 1 {
                write!(out, ", {:.3?} to {:.3?}", self.shortest, self.longest)?;
            } else {
                write!(out, ", {:.3?}", self.longest)?;
            }
        }
        writeln!(out, "]")?;
        if let Some(at) = self.at {
            writeln!(out, "    waits at {at}")?;
        }
        if let Some(at) = self.spawned_at {
            writeln!(out, "    spawned at {at}")?;
        }
        write!(out, "    goroutines")?;
        for (id, name) in &self.members {
            write!(out, " {id}")?;
            if let Some(name) = name {
                write!(out, " {name:?}")?;
            }
        }
        let more = self.count - self.members.len();
        if more > 0 {
            write!(out, " and {more} more")?;
        }
        writeln!(out)?;
        for line in stack.into_iter().flat_map(str::lines) {
            writeln!(out, "        {line}")?;
        }
        Ok(())
    }
}
