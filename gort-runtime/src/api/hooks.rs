//! The hooks of a `run` as the program sets them, and how they are called.

use crate::api::goroutine::Goroutine;
use crate::api::handle::try_current;
use crate::base::hook::{Hook, Hooks, expect_some, refuse};
use crate::panics::panicking::is_goexit;
use crate::panics::unwind;
use crate::proc::hooks::running;
use std::fmt;
use std::sync::Arc;

type Function = Arc<dyn Fn(&Goroutine) + Send + Sync>;

/// The functions that a program has set as hooks.
#[derive(Clone, Default)]
pub(crate) struct HookSet {
    start: Option<Function>,
    park: Option<Function>,
    resume: Option<Function>,
    end: Option<Function>,
}

impl HookSet {
    /// Sets `f` as this hook, replacing an earlier one.
    pub(crate) fn set(&mut self, hook: Hook, f: impl Fn(&Goroutine) + Send + Sync + 'static) {
        let place = match hook {
            Hook::Start => &mut self.start,
            Hook::Park => &mut self.park,
            Hook::Resume => &mut self.resume,
            Hook::End => &mut self.end,
        };
        *place = Some(Arc::new(f));
    }

    fn get(&self, hook: Hook) -> Option<&Function> {
        match hook {
            Hook::Start => self.start.as_ref(),
            Hook::Park => self.park.as_ref(),
            Hook::Resume => self.resume.as_ref(),
            Hook::End => self.end.as_ref(),
        }
    }

    /// Returns the hooks as goroutines store them, or `None` if there is nothing to call.
    pub(crate) fn into_hooks(self) -> Option<Arc<Hooks>> {
        let all = [Hook::Start, Hook::Park, Hook::Resume, Hook::End];
        if all.iter().all(|&hook| self.get(hook).is_none()) {
            return None;
        }
        expect_some(running);
        Some(Arc::new(move |hook| {
            if let Some(f) = self.get(hook) {
                call(f, hook);
            }
        }))
    }
}

/// Calls `f` for the goroutine that runs here.
fn call(f: &Function, hook: Hook) {
    let Some(goroutine) = try_current() else {
        return;
    };
    let Err(payload) = unwind::catch(|| f(&goroutine)) else {
        return;
    };
    debug_assert!(!is_goexit(&*payload), "`goexit` is refused in a hook");
    // The panic hook has printed the message.
    refuse(hook, format_args!("panic"));
}

impl fmt::Debug for HookSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookSet")
            .field("on_start", &self.start.is_some())
            .field("on_park", &self.park.is_some())
            .field("on_resume", &self.resume.is_some())
            .field("on_end", &self.end.is_some())
            .finish()
    }
}
