//! The records of a tenant: the same for both programs.

/// Records in a batch.
pub(crate) const BATCH: usize = 1000;
/// The group below which all lie.
pub(crate) const ROOT: usize = 0;

/// A tenant's records, in an order in which their keys lie apart.
pub(crate) struct Records {
    /// No two tenants of a run have the same.
    pub(crate) tenant: i64,
    /// Numbers of records, in the order in which they are sent.
    order: Vec<usize>,
}

impl Records {
    pub(crate) fn new(round: usize, connections: usize, tenant: usize, count: usize) -> Self {
        let tenant = i64::try_from((round * 100 + connections) * 100 + tenant).unwrap_or(i64::MAX);
        // The root first; the others by what a multiplication makes of them.
        let mut order: Vec<usize> = (1..count).collect();
        order.sort_unstable_by_key(|number| (*number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        order.insert(0, ROOT);
        Self { tenant, order }
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &[usize]> {
        self.order.chunks(BATCH)
    }
}

/// 20 characters.
pub(crate) fn key(number: usize) -> String {
    format!("{:020}", (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Another one for every hundredth record, where these are to change.
pub(crate) fn name(number: usize, is_changed: bool) -> String {
    let version = if is_changed && number.is_multiple_of(100) { 2 } else { 1 };
    format!("Group number {number} in its version {version}")
}

/// 60 characters.
pub(crate) fn description(number: usize) -> String {
    format!("{number:010} what this group is there for, in sixty characters.")
}

/// 60 characters.
pub(crate) fn url(number: usize) -> String {
    format!("https://pictures.example.org/of/groups/in/size/large/{number:07}")
}
