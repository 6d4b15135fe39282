//! What is done on the way of a request so that a defect can be put there ([`store::sabotage`]). In a build that
//! can have none, nothing.

#[cfg(feature = "sabotage")]
mod defects;

#[cfg(feature = "sabotage")]
pub(crate) use defects::{as_listed, plan};
#[cfg(not(feature = "sabotage"))]
pub(crate) use directory::plan;

/// What a list shows.
#[cfg(not(feature = "sabotage"))]
pub(crate) fn as_listed<T>(_: &impl std::fmt::Debug, list: impl FnOnce() -> T) -> T {
    list()
}
