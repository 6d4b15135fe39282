//! What became of a batch, in the words of the face by which it came in.

use std::sync::Arc;

use bytes::Bytes;
use directory::{Batch, Failures, GroupView, Outcome};
use faces::groups::{self, Mode, Reply};
use faces::usergroups::{self, AddressCall, By, Single};

use super::answer::Dialect;
use crate::service::Written;

/// What a face remembers of the records that it read.
pub(super) enum Notes {
    /// Contract 1.
    Groups(Vec<groups::Note>),
    /// Contract 2.
    Usergroups(Vec<usergroups::Note>),
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A result for each record.
    Batch,
    /// The one group.
    Group,
    /// An entry for each item of a bulk call.
    Bulk(By),
    /// The one usergroup.
    Single(Single),
    /// An entry for each value of an attribute.
    Values,
    /// Addresses of the one usergroup.
    Address(AddressCall),
}

impl Form {
    pub(super) const fn dialect(self) -> Dialect {
        match self {
            Self::Batch | Self::Group => Dialect::Groups,
            Self::Bulk(_) | Self::Single(_) | Self::Values | Self::Address(_) => Dialect::Usergroups,
        }
    }
}

/// All that an answer depends on beside the outcome.
pub(super) struct Wording {
    pub(super) form: Form,
    pub(super) notes: Notes,
    pub(super) batch: Arc<Batch>,
    pub(super) body: Bytes,
    pub(super) mode: Mode,
    pub(super) request_id: String,
}

impl Wording {
    /// The answer.
    pub(super) fn write(&self, outcome: &Outcome, view: Option<&GroupView>) -> Written {
        let (batch, mode) = (&self.batch, self.mode);
        let reply = match (&self.notes, self.form) {
            (Notes::Groups(notes), Form::Group) => {
                groups::write_one(notes, batch, outcome, view, mode, &self.request_id)
            }
            (Notes::Groups(notes), _) => groups::write(notes, batch, outcome, mode),
            (Notes::Usergroups(_), Form::Single(single)) => {
                settled(usergroups::write_single(single, &self.body, batch, outcome, mode))
            }
            (Notes::Usergroups(_), Form::Address(AddressCall::Bulk)) => {
                settled(usergroups::write_addresses(batch, outcome, mode))
            }
            (Notes::Usergroups(_), Form::Address(call)) => {
                settled(usergroups::write_address(call, &self.body, batch, outcome, mode))
            }
            (Notes::Usergroups(_), Form::Values) => match usergroups::write_values(batch, outcome, mode) {
                Ok(reply) => reply,
                Err(refusal) => return Written { status: refusal.status(), body: refusal.body() },
            },
            (Notes::Usergroups(_), form) => {
                let by = if let Form::Bulk(by) = form { by } else { By::Id };
                usergroups::write_bulk(batch, outcome, by, mode)
            }
        };
        Written { status: reply.status, body: reply.body }
    }

    /// What is kept of the records that failed.
    pub(super) fn failures(&self, outcome: &Outcome) -> Failures {
        match &self.notes {
            Notes::Groups(notes) => groups::failures(&self.body, notes, outcome),
            Notes::Usergroups(notes) => usergroups::failures(&self.body, notes, &self.batch, outcome),
        }
    }
}

/// The answer, or what is said instead.
fn settled(reply: Result<Reply, usergroups::Refusal>) -> Reply {
    reply.unwrap_or_else(|refusal| Reply { status: refusal.status(), body: refusal.body() })
}
