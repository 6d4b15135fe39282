//! The contract for callers that wait for one answer.

use std::sync::mpsc;

use crate::{ReadFor, Reader, Store, StoreError, Transaction, Turn};

/// Reads something from a view of one moment.
pub fn read<T>(
    store: &dyn Store,
    job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    read_for(store, ReadFor::Answers, job)
}

/// The same, where it is known what for.
pub fn read_for<T>(
    store: &dyn Store,
    purpose: ReadFor,
    mut job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut answer = None;
    store.read_for(purpose, &mut |reader| {
        answer = Some(job(reader)?);
        Ok(())
    })?;
    answer.ok_or_else(|| StoreError::Internal("a read ended without an answer".into()))
}

/// Writes something that concerns no tenant's groups, and waits until it is durable. The job may run more than
/// once; the answer of its last run is returned.
pub fn write<T: Send + 'static>(
    store: &dyn Store,
    job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    write_for(store, Turn::Common, job)
}

/// The same in this turn.
pub fn write_for<T: Send + 'static>(
    store: &dyn Store,
    turn: Turn,
    mut job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answers, answer) = mpsc::channel();
    let (fates, fate) = mpsc::channel();
    store.write(
        turn,
        Box::new(move |transaction| {
            let answer = job(transaction)?;
            // The receiver outlives the job, unless its caller has panicked.
            drop(answers.send(answer));
            Ok(())
        }),
        Box::new(move |result| drop(fates.send(result))),
    )?;
    let silent = || StoreError::OutcomeUnknown("the writer ended without an answer".into());
    fate.recv().map_err(|_| silent())??;
    answer.try_iter().last().ok_or_else(silent)
}
