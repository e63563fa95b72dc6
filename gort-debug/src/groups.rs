//! Goroutines that do the same, counted.

use crate::goroutines::{Place, Search, is_own, state};
use crate::json::{List, Maybe, Text};
use crate::stacks::stacks_of;
use gort::GoroutineId;
use gort::runtime::{GoroutineInfo, WaitReason};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// The most groups that are shown, the largest first.
const MOST_GROUPS: usize = 500;
/// The most goroutines of a group that are named.
const MOST_MEMBERS: usize = 10;
/// The most groups whose stacks are looked up, since that takes some microseconds for each frame.
const MOST_STACKS: usize = 100;

/// All groups of goroutines that a search keeps.
pub(crate) struct Groups {
    /// How many goroutines there are, kept or not, and how many of them serve pages.
    total: usize,
    own: usize,
    /// How many are kept.
    kept: usize,
    groups: Vec<Group>,
    /// How many groups have been left out of `groups`.
    left_out: usize,
}

/// Goroutines in the same state, for the same reason, at the same source line, started at the same one.
struct Group {
    state: &'static str,
    reason: WaitReason,
    at: Option<&'static Location<'static>>,
    spawned_at: Option<&'static Location<'static>>,
    own: bool,
    count: usize,
    /// How long the first of them has waited, and the last one.
    longest: Duration,
    shortest: Duration,
    /// Some of them.
    members: Vec<(GoroutineId, Option<Arc<str>>)>,
    /// The stack of the first member, if it can be told.
    stack: Option<String>,
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

    fn add(&mut self, info: GoroutineInfo) {
        self.count += 1;
        self.longest = self.longest.max(info.since);
        self.shortest = self.shortest.min(info.since);
        if self.members.len() < MOST_MEMBERS {
            self.members.push((info.id, info.name));
        }
    }
}

impl Groups {
    /// Looks at all goroutines now. A search finds a word in the stack of a group's first member, too: then the group is kept as a
    /// whole.
    pub(crate) fn now(search: &Search) -> Self {
        let all = gort::runtime::goroutines();
        let total = all.len();
        let own = all.iter().filter(|info| is_own(info)).count();
        // A group, and what of it the search keeps. Sorted maps: std's hash maps use a thread-local.
        let mut groups = BTreeMap::new();
        for info in all {
            let key = (
                state(&info),
                info.reason.words(),
                info.at,
                info.spawned_at,
                is_own(&info),
            );
            let keeps = search.keeps(&info);
            let (whole, kept) = groups
                .entry(key)
                .or_insert_with(|| (Group::of(&info), Group::of(&info)));
            if keeps {
                kept.add(info.clone());
            }
            whole.add(info);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|(whole, _)| std::cmp::Reverse(whole.count));
        let first = |group: &Group| group.members.first().map(|member| member.0);
        let wanted: BTreeSet<_> = groups
            .iter()
            .take(MOST_STACKS)
            .flat_map(|(whole, kept)| [first(whole), first(kept)])
            .flatten()
            .collect();
        let stacks = stacks_of(&wanted);
        let mut shown = Vec::new();
        for (whole, kept) in groups {
            let stack_of = |group: &Group| first(group).and_then(|id| stacks.get(&id)).cloned();
            let is_on_stack = || stack_of(&whole).is_some_and(|stack| search.is_in(&stack));
            let mut group = if kept.count < whole.count && is_on_stack() {
                whole
            } else {
                kept
            };
            if group.count > 0 {
                group.stack = stack_of(&group);
                shown.push(group);
            }
        }
        let kept = shown.iter().map(|group| group.count).sum();
        shown.sort_by_key(|group| std::cmp::Reverse(group.count));
        let left_out = shown.len().saturating_sub(MOST_GROUPS);
        shown.truncate(MOST_GROUPS);
        Self {
            total,
            own,
            kept,
            groups: shown,
            left_out,
        }
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
                "{comma}\n{{\"count\":{},\"state\":\"{}\",\"reason\":{},\"at\":{},\"spawned_at\":{},\"own\":{},\
                 \"longest_seconds\":{},\"shortest_seconds\":{},\"ids\":{},\"names\":{},\"stack\":{}}}",
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
                Maybe(group.stack.as_deref().map(Text)),
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
            group.write_text(out)?;
        }
        if self.left_out > 0 {
            writeln!(out, "\n{} smaller groups are left out", self.left_out)?;
        }
        Ok(())
    }
}

impl Group {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
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
        if let (Some(stack), Some((id, _))) = (&self.stack, self.members.first()) {
            writeln!(out, "    stack of goroutine {id}:")?;
            for line in stack.lines() {
                writeln!(out, "        {line}")?;
            }
        }
        Ok(())
    }
}
