//! Where work runs that may wait: for the store, which is blocking.

/// Runs it beside what must not wait. Nothing comes of work that panics but a word about it.
pub(crate) async fn wait<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    #[cfg(test)]
    if crate::simulation::is_running() {
        return crate::simulation::wait(work).await;
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}
