//! What became of each record: results, failures with stable codes, warnings.

use crate::model::{AddressId, AddressLine, AttributeKey, AttributeName, ExternalReference, Fault, GroupId};
use crate::values::ValueOutcome;

/// The code of a failure, in the order of precedence (contract 1 §1, rules §6): the first class that
/// applies to a record gives its main code. Codes are never renamed or reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A field that is needed is not there.
    RequiredFieldMissing,
    /// A value is not as the contract asks; [`Fault`] says how.
    Validation,
    /// Another record of the batch means the same group.
    DuplicateInRequest,
    /// More than one stored group carries the key.
    AmbiguousGroupIdentifier,
    /// The group is to be there, and is not.
    GroupNotFound,
    /// The group is archived.
    ArchivedGroupExists,
    /// The group is in another state than the caller expects.
    PreconditionFailed,
    /// The address is to be there, and is not.
    AddressNotFound,
    /// A reference that the group is to have belongs to another one.
    ReferenceTaken,
    /// The record names itself as its parent.
    ParentIsSelf,
    /// The parent is neither stored nor created by the batch.
    ParentGroupNotFound,
    /// The parent is archived.
    ArchivedParentGroup,
    /// The parent would be created only by a record that fails.
    ParentFailedInRequest,
    /// The record's parent change lies on a cycle.
    HierarchyCycle,
    /// The group, or a group below it, would lie too deep.
    HierarchyTooDeep,
    /// The group to be archived has living children that stay.
    GroupHasChildren,
}

impl Code {
    /// Every code, in the order of precedence.
    pub const ALL: [Self; 16] = [
        Self::RequiredFieldMissing,
        Self::Validation,
        Self::DuplicateInRequest,
        Self::AmbiguousGroupIdentifier,
        Self::GroupNotFound,
        Self::ArchivedGroupExists,
        Self::PreconditionFailed,
        Self::AddressNotFound,
        Self::ReferenceTaken,
        Self::ParentIsSelf,
        Self::ParentGroupNotFound,
        Self::ArchivedParentGroup,
        Self::ParentFailedInRequest,
        Self::HierarchyCycle,
        Self::HierarchyTooDeep,
        Self::GroupHasChildren,
    ];

    /// The code as it stands on the wire and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiredFieldMissing => "REQUIRED_FIELD_MISSING",
            Self::Validation => "VALIDATION_ERROR",
            Self::DuplicateInRequest => "DUPLICATE_IN_REQUEST",
            Self::AmbiguousGroupIdentifier => "AMBIGUOUS_GROUP_IDENTIFIER",
            Self::GroupNotFound => "GROUP_NOT_FOUND",
            Self::ArchivedGroupExists => "ARCHIVED_GROUP_EXISTS",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::AddressNotFound => "ADDRESS_NOT_FOUND",
            Self::ReferenceTaken => "CONFLICT",
            Self::ParentIsSelf => "PARENT_IS_SELF",
            Self::ParentGroupNotFound => "PARENT_GROUP_NOT_FOUND",
            Self::ArchivedParentGroup => "ARCHIVED_PARENT_GROUP",
            Self::ParentFailedInRequest => "PARENT_FAILED_IN_REQUEST",
            Self::HierarchyCycle => "HIERARCHY_CYCLE",
            Self::HierarchyTooDeep => "HIERARCHY_TOO_DEEP",
            Self::GroupHasChildren => "GROUP_HAS_CHILDREN",
        }
    }
}

/// A field of a record. Faces have their own names for these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The lookup key.
    Key,
    /// The source of the reference.
    Source,
    /// The name.
    Name,
    /// The description.
    Description,
    /// The parent.
    Parent,
    /// The picture.
    PhotoUrl,
    /// The references that a record adds.
    References,
    /// One of the details.
    Detail(Detail),
    /// An entry of the record's list of attributes, counted from 0.
    AttributeEntry(usize),
    /// The value of such an entry.
    AttributeValue(usize),
    /// The value of an attribute.
    Attribute(AttributeName),
    /// A field of one entry of the addresses, by the place of that entry in the record.
    Address(usize, AddressField),
    /// A member of the record that the domain does not know, by its name on the wire.
    Other(Box<str>),
}

/// A field of an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressField {
    /// The entry as a whole.
    Whole,
    /// The code.
    Code,
    /// The type.
    Type,
    /// One of the lines.
    Line(AddressLine),
    /// The country.
    Country,
    /// The gender.
    Gender,
    /// `icp`.
    Icp,
    /// Whether it is the default of its type.
    IsDefault,
    /// The notes.
    Notes,
    /// A member of the entry that the domain does not know, by its name on the wire.
    Other(Box<str>),
}

/// One of the details of a group, in the order of contract 2 §1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// The language.
    Language,
    /// The company.
    Company,
    /// The department.
    Department,
    /// The office.
    Office,
    /// The notes.
    Notes,
    /// Whether product lists are inherited.
    InheritProductList,
    /// Whether order lists are inherited.
    InheritOrderList,
    /// Whether budgets are inherited.
    BudgetInherit,
    /// Whether orders stay within a budget.
    Budget,
    /// What may be ordered beside the order list.
    OrderListAllowAll,
}

/// Why a record was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// See [`Code::RequiredFieldMissing`].
    RequiredFieldMissing(Field),
    /// See [`Code::Validation`]. No field when the record as a whole is at fault.
    Validation {
        /// The field at fault.
        field: Option<Field>,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An entry names an attribute that there is not; see [`Code::Validation`].
    AttributeNotFound {
        /// The entry.
        field: Field,
        /// The attribute that it means.
        key: AttributeKey,
    },
    /// See [`Code::DuplicateInRequest`].
    DuplicateInRequest {
        /// The first [`Failure::MAX_PEERS`] other records that mean the group, in order.
        peers: Vec<usize>,
        /// How many other records there are.
        others: usize,
    },
    /// See [`Code::AmbiguousGroupIdentifier`].
    AmbiguousGroupIdentifier {
        /// The key or the parent.
        field: Field,
        /// How many groups carry it.
        groups: usize,
    },
    /// See [`Code::GroupNotFound`].
    GroupNotFound,
    /// See [`Code::ArchivedGroupExists`].
    ArchivedGroupExists {
        /// The archived group.
        id: GroupId,
    },
    /// See [`Code::PreconditionFailed`].
    PreconditionFailed,
    /// See [`Code::AddressNotFound`].
    AddressNotFound {
        /// The entry.
        field: Field,
        /// The id that no address of the group has.
        id: AddressId,
    },
    /// Two entries of a record mean one address; see [`Code::DuplicateInRequest`].
    DuplicateAddress {
        /// The entry.
        field: Field,
        /// The other entries of the record that mean the address, in order.
        peers: Vec<usize>,
    },
    /// See [`Code::ReferenceTaken`].
    ReferenceTaken {
        /// The group that has it.
        id: GroupId,
    },
    /// See [`Code::ParentIsSelf`].
    ParentIsSelf,
    /// See [`Code::ParentGroupNotFound`].
    ParentGroupNotFound {
        /// The length of a key that is too long to belong to any group.
        unmatchable_length: Option<usize>,
    },
    /// See [`Code::ArchivedParentGroup`].
    ArchivedParentGroup,
    /// See [`Code::ParentFailedInRequest`].
    ParentFailedInRequest {
        /// The record that would have created the parent.
        parent: usize,
    },
    /// See [`Code::HierarchyCycle`].
    HierarchyCycle {
        /// From the record's group up to itself again; at most [`Failure::MAX_PATH`] steps are named
        /// one by one, the rest of a longer cycle is counted.
        path: CyclePath,
    },
    /// See [`Code::HierarchyTooDeep`].
    HierarchyTooDeep {
        /// The level that the deepest group concerned would have; a root is level 1.
        level: usize,
        /// The deepest level allowed.
        limit: usize,
    },
    /// See [`Code::GroupHasChildren`].
    GroupHasChildren {
        /// How many living children stay; counted up to [`Failure::MAX_CHILDREN`].
        children: usize,
    },
}

/// A cycle, named from one of its members upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CyclePath {
    /// The callers' own words for the groups, starting with the record's own.
    pub steps: Vec<String>,
    /// How many further groups lie between the last step and the start.
    pub omitted: usize,
}

impl Failure {
    /// How many other records a duplicate names: 1000 equal keys must not make an answer of a million.
    pub const MAX_PEERS: usize = 10;
    /// How many groups of a cycle are named, for the same reason.
    pub const MAX_PATH: usize = 10;
    /// How many children are counted: more than all records of a batch can archive.
    pub const MAX_CHILDREN: usize = crate::batch::Batch::MAX_RECORDS + 1;

    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::RequiredFieldMissing(_) => Code::RequiredFieldMissing,
            Self::Validation { .. } | Self::AttributeNotFound { .. } | Self::DuplicateAddress { .. } => {
                Code::Validation
            }
            Self::DuplicateInRequest { .. } => Code::DuplicateInRequest,
            Self::AddressNotFound { .. } => Code::AddressNotFound,
            Self::AmbiguousGroupIdentifier { .. } => Code::AmbiguousGroupIdentifier,
            Self::GroupNotFound => Code::GroupNotFound,
            Self::ArchivedGroupExists { .. } => Code::ArchivedGroupExists,
            Self::PreconditionFailed => Code::PreconditionFailed,
            Self::ReferenceTaken { .. } => Code::ReferenceTaken,
            Self::ParentIsSelf => Code::ParentIsSelf,
            Self::ParentGroupNotFound { .. } => Code::ParentGroupNotFound,
            Self::ArchivedParentGroup => Code::ArchivedParentGroup,
            Self::ParentFailedInRequest { .. } => Code::ParentFailedInRequest,
            Self::HierarchyCycle { .. } => Code::HierarchyCycle,
            Self::HierarchyTooDeep { .. } => Code::HierarchyTooDeep,
            Self::GroupHasChildren { .. } => Code::GroupHasChildren,
        }
    }

    /// The field at fault, unless the record as a whole is.
    pub fn field(&self) -> Option<&Field> {
        match self {
            Self::Validation { field, .. } => field.as_ref(),
            Self::RequiredFieldMissing(field)
            | Self::AttributeNotFound { field, .. }
            | Self::AmbiguousGroupIdentifier { field, .. }
            | Self::AddressNotFound { field, .. }
            | Self::DuplicateAddress { field, .. } => Some(field),
            Self::PreconditionFailed => None,
            Self::ReferenceTaken { .. } => Some(&Field::References),
            Self::DuplicateInRequest { .. }
            | Self::GroupNotFound
            | Self::ArchivedGroupExists { .. }
            | Self::GroupHasChildren { .. } => Some(&Field::Key),
            Self::ParentIsSelf
            | Self::ParentGroupNotFound { .. }
            | Self::ArchivedParentGroup
            | Self::ParentFailedInRequest { .. }
            | Self::HierarchyCycle { .. }
            | Self::HierarchyTooDeep { .. } => Some(&Field::Parent),
        }
    }
}

/// Something a caller should look at although the record was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The created key looks like a stored one (rules §1).
    SimilarReferenceExists {
        /// The stored reference.
        existing: ExternalReference,
    },
    /// The given source replaced another one (contract 1 §1).
    SourceChanged {
        /// The reference before.
        from: ExternalReference,
        /// The reference from now on.
        to: ExternalReference,
    },
    /// What the record asks of this field was not done, because the batch says so.
    Suppressed {
        /// Which field.
        field: Field,
    },
}

/// The value of a field before or after a change; `None` is empty.
pub type Value = Option<Box<str>>;

/// One field that a record changed. A parent is named by its external key, or by its id if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which field.
    pub field: Field,
    /// Before.
    pub from: Value,
    /// After.
    pub to: Value,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// A group was created.
    Created {
        /// Its id.
        id: GroupId,
    },
    /// A group was changed.
    Updated {
        /// Its id.
        id: GroupId,
        /// What changed; never empty.
        changes: Vec<Change>,
    },
    /// A group was archived.
    Archived {
        /// Its id.
        id: GroupId,
        /// How many living groups below it were archived with it, without those that other records of the
        /// batch mean or bring along.
        descendants: usize,
    },
    /// A group was restored.
    Restored {
        /// Its id.
        id: GroupId,
    },
    /// There is no such group, and the batch says that none is to be created.
    Skipped,
    /// The group already was as the record asks.
    Unchanged {
        /// Its id.
        id: GroupId,
    },
    /// Nothing was done; at least one failure, the main one first.
    Failed(Vec<Failure>),
}

impl RecordResult {
    /// The group, unless the record failed.
    pub const fn id(&self) -> Option<GroupId> {
        match self {
            Self::Created { id }
            | Self::Updated { id, .. }
            | Self::Archived { id, .. }
            | Self::Restored { id }
            | Self::Unchanged { id } => Some(*id),
            Self::Skipped | Self::Failed(_) => None,
        }
    }
}

/// What became of one entry of a record's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressOutcome {
    /// An address was added.
    Created {
        /// Its id.
        id: AddressId,
    },
    /// An address was changed.
    Updated {
        /// Its id.
        id: AddressId,
    },
    /// The address already was as the entry asks.
    Unchanged {
        /// Its id.
        id: AddressId,
    },
    /// An address was taken away.
    Deleted {
        /// The id that it had.
        id: AddressId,
    },
    /// Nothing was done.
    Failed {
        /// The stored address that the entry means, if there is one.
        meant: Option<AddressId>,
        /// Why; never empty.
        failures: Vec<Failure>,
    },
}

/// The result of one record, with its warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOutcome {
    /// What became of it.
    pub result: RecordResult,
    /// What to look at.
    pub warnings: Vec<Warning>,
    /// The stored group that an upsert or update means, also where it failed; `None` where none is stored, or
    /// where it cannot be told which.
    pub meant: Option<GroupId>,
    /// What became of the entries of its list of attributes, in order; empty where it failed.
    pub values: Vec<ValueOutcome>,
    /// What became of the entries of its addresses, in their order; empty where it has none, and where nothing
    /// was done.
    pub addresses: Vec<AddressOutcome>,
}

impl RecordOutcome {
    /// A result, with nothing more to say.
    pub const fn of(result: RecordResult) -> Self {
        Self { result, warnings: Vec::new(), meant: None, values: Vec::new(), addresses: Vec::new() }
    }
}

/// The results of a batch: as many as records, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// One for each record.
    pub records: Vec<RecordOutcome>,
}
