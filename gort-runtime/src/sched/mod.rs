//! What runs next, and who is woken or sleeps: `README.md` argues it.

#[cfg(not(loom))]
pub(crate) mod allp;
#[cfg(not(loom))]
pub(crate) mod due;
#[cfg(not(loom))]
pub(crate) mod find;
#[cfg(not(loom))]
pub(crate) mod found;
#[cfg(not(loom))]
pub(crate) mod g0call;
#[cfg(not(loom))]
pub(crate) mod hand;
#[cfg(not(loom))]
pub(crate) mod held;
#[cfg(not(loom))]
pub(crate) mod hold;
pub(crate) mod idle;
#[cfg(not(loom))]
pub(crate) mod inside;
#[cfg(not(loom))]
pub(crate) mod migrate;
#[cfg(not(loom))]
pub(crate) mod mstart;
#[cfg(not(loom))]
pub(crate) mod newm;
#[cfg(not(loom))]
pub(crate) mod pinned;
#[cfg(not(loom))]
pub(crate) mod retire;
#[cfg(not(loom))]
pub(crate) mod run;
#[cfg(not(loom))]
pub(crate) mod state;
#[cfg(not(loom))]
pub(crate) mod steal;
#[cfg(not(loom))]
pub(crate) mod stop;
#[cfg(not(loom))]
pub(crate) mod submit;
#[cfg(not(loom))]
pub(crate) mod turn;
#[cfg(not(loom))]
pub(crate) mod wire;
#[cfg(not(loom))]
pub(crate) mod wired;
