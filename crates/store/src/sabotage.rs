//! Defects on purpose, one at a time: that the tests and the rigs catch each is what shows that they would catch
//! one that nobody made on purpose. Only a build with the feature `sabotage` can have any; elsewhere nothing is
//! ever on, and a compiler that optimises takes away what would be done.

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("the feature `sabotage` puts defects into the server: no release has it");

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A write is acknowledged before its transaction is committed.
    EarlyAnswer,
    /// A commit is not on the disk when it returns.
    SynchronousNormal,
    /// Each record is committed by itself.
    CommitPerRecord,
    /// What a job has written before it met a conflict stays.
    NoSavepoint,
    /// The answer for an idempotency key has a transaction of its own.
    KeyApart,
    /// What has been written since a plan was made is overwritten with what the plan saw.
    LostUpdate,
    /// The list of children does not ask whose they are.
    TenantFilter,
    /// Only records that come before a record can create its parent.
    ParentsInOrder,
    /// Lists may be as they were a second ago.
    CachedList,
    /// An upsert restores the archived group that it means.
    ImplicitRestore,
    /// What is wrong with a record is told of the next one.
    ShiftedError,
    /// What the checksum of a row says is not asked.
    UncheckedRow,
}

/// Whether there is this defect.
#[cfg(not(feature = "sabotage"))]
pub const fn is_on(_: Defect) -> bool {
    false
}

/// Why the defect that is asked for cannot be had.
#[cfg(not(feature = "sabotage"))]
pub const fn check() -> Result<(), String> {
    Ok(())
}

/// A statement as it stands; without the condition of the tenant where [`Defect::TenantFilter`] is on.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn of_any_tenant(sql: &'static str) -> &'static str {
    sql
}

#[cfg(feature = "sabotage")]
pub(crate) use asked::of_any_tenant;
#[cfg(feature = "sabotage")]
pub use asked::{check, is_on};

#[cfg(feature = "sabotage")]
mod asked {
    use std::sync::{LazyLock, OnceLock};

    use super::Defect;

    const VARIABLE: &str = "ROSTERD_SABOTAGE";

    const NAMES: [(&str, Defect); 12] = [
        ("early-answer", Defect::EarlyAnswer),
        ("synchronous-normal", Defect::SynchronousNormal),
        ("commit-per-record", Defect::CommitPerRecord),
        ("no-savepoint", Defect::NoSavepoint),
        ("key-apart", Defect::KeyApart),
        ("lost-update", Defect::LostUpdate),
        ("tenant-filter", Defect::TenantFilter),
        ("parents-in-order", Defect::ParentsInOrder),
        ("cached-list", Defect::CachedList),
        ("implicit-restore", Defect::ImplicitRestore),
        ("shifted-error", Defect::ShiftedError),
        ("unchecked-row", Defect::UncheckedRow),
    ];

    /// What the environment asks for; one that cannot be told apart from none would let every test pass.
    static ASKED: LazyLock<Result<Option<Defect>, String>> = LazyLock::new(|| {
        let Some(asked) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let known = NAMES.iter().find(|(name, _)| asked == *name);
        known.map(|(_, defect)| Some(*defect)).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            format!("{VARIABLE}: there is no defect \"{}\"; there are {names}", asked.display())
        })
    });

    /// Whether there is this defect.
    ///
    /// # Panics
    /// Where one is asked for that is not known: [`check`] says so before.
    pub fn is_on(defect: Defect) -> bool {
        ASKED.as_ref().expect("a defect that is known").is_some_and(|asked| asked == defect)
    }

    /// Why the defect that is asked for cannot be had.
    pub fn check() -> Result<(), String> {
        ASKED.as_ref().map(drop).map_err(Clone::clone)
    }

    /// The statement of one kind of list, without the condition of the tenant if that is the defect.
    pub(crate) fn of_any_tenant(sql: &'static str) -> &'static str {
        static CHANGED: OnceLock<String> = OnceLock::new();
        if !is_on(Defect::TenantFilter) {
            return sql;
        }
        let change =
            || sql.replace("tenant = ?1", "?1 IS NOT NULL").replace("INDEXED BY groups_children", "");
        CHANGED.get_or_init(change)
    }
}
