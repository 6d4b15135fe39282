//! Definitions of attributes: what a caller asks of them, what was seen, what is written and what is told.

use std::collections::{HashMap, HashSet};

use crate::directive::Patch;
use crate::model::{
    AttributeClass, AttributeDefinition, AttributeId, AttributeKey, AttributeName, AttributeType, Fault,
    Language, Line, TenantId,
};
use crate::values::RawValue;

/// The records of one request about definitions, in order, for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionBatch {
    /// Whose attributes these are.
    pub tenant: TenantId,
    /// What is asked, of each definition once.
    pub records: Vec<DefinitionRecord>,
}

/// What one record asks of one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefinitionRecord {
    /// A definition of the name and class of the patch, which is not there yet.
    Create(DefinitionPatch),
    /// A definition that is there takes what the patch holds.
    Update(AttributeKey, DefinitionPatch),
    /// The same, and it is created where it is not there.
    Upsert {
        /// Its name.
        name: AttributeName,
        /// Its class.
        class: AttributeClass,
        /// What it takes.
        patch: DefinitionPatch,
    },
    /// A definition goes, with all its values.
    Delete(AttributeKey),
}

/// What a definition is to become. What is absent stays, or has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionPatch {
    /// Its name, which cannot change.
    pub name: Option<AttributeName>,
    /// Its class, which cannot change.
    pub class: Option<AttributeClass>,
    /// Its type, which cannot change.
    pub kind: Option<AttributeType>,
    /// The name of the list that values are from.
    pub type_param: Option<Line>,
    /// Names for people.
    pub descriptions: LinesPatch,
    /// Units.
    pub units: LinesPatch,
    /// Where it is shown.
    pub group: Option<Line>,
    /// The value where none is set.
    pub default: Patch<RawValue>,
    /// Whether it is shown to the public.
    pub is_public: Option<bool>,
    /// Whether it can be searched for.
    pub is_searchable: Option<bool>,
    /// Whether it belongs to the system.
    pub is_system: Option<bool>,
    /// Whether it is hidden.
    pub is_hidden: Option<bool>,
}

/// What lines of languages are to become: only those that are given change; an empty one goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinesPatch {
    /// Whether all that are not given go.
    pub clear: bool,
    /// The languages that are given.
    pub lines: Vec<(Language, Line)>,
}

/// What a plan of definitions has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionSnapshot {
    /// The tenant's revision at that moment.
    pub revision: i64,
    /// The definitions asked for; one that is not there is absent.
    pub known: HashMap<AttributeKey, AttributeDefinition>,
    /// How many definitions the tenant has.
    pub count: usize,
    /// The lowest id that was never assigned.
    pub next_id: i64,
}

/// One change to one definition. Engines obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefinitionWrite {
    /// Adds one, with the lowest id that was never assigned.
    Create(AttributeDefinition),
    /// Replaces what a stored one holds.
    Update(AttributeDefinition),
    /// Takes a stored one away, with every value of every group.
    Delete(AttributeId),
}

/// A field of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefinitionField {
    /// The name.
    Name,
    /// The class.
    Class,
    /// The type.
    Kind,
    /// The type's parameter.
    TypeParam,
    /// The default.
    Default,
    /// The descriptions.
    Descriptions,
    /// The units.
    Units,
}

/// Why a record about a definition was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefinitionFailure {
    /// A field that is needed is not there.
    Missing(DefinitionField),
    /// A value is not as it has to be.
    Invalid {
        /// The field.
        field: DefinitionField,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A value of a field that never changes differs from what is stored.
    Immutable(DefinitionField),
    /// Other records of the request mean the same definition.
    Duplicate {
        /// The first of them.
        peer: usize,
    },
    /// There is no such definition.
    NotFound,
    /// There is one of this name and class already.
    Exists {
        /// Its id.
        id: AttributeId,
    },
    /// The tenant would have more than it can.
    TooMany {
        /// How many it can have.
        limit: usize,
    },
}

impl DefinitionFailure {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "REQUIRED_FIELD_MISSING",
            Self::Invalid { .. } => "VALIDATION_ERROR",
            Self::Immutable(_) => "FIELD_IMMUTABLE",
            Self::Duplicate { .. } => "DUPLICATE_IN_REQUEST",
            Self::NotFound => "ATTRIBUTE_NOT_FOUND",
            Self::Exists { .. } => "ATTRIBUTE_EXISTS",
            Self::TooMany { .. } => "TOO_MANY_ATTRIBUTES",
        }
    }

    /// The field at fault, unless the record as a whole is.
    pub const fn field(&self) -> Option<DefinitionField> {
        match self {
            Self::Missing(field) | Self::Invalid { field, .. } | Self::Immutable(field) => Some(*field),
            Self::Exists { .. } => Some(DefinitionField::Name),
            Self::Duplicate { .. } | Self::NotFound | Self::TooMany { .. } => None,
        }
    }
}

/// What became of a record about a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefinitionOutcome {
    /// It was created.
    Created(AttributeDefinition),
    /// It was changed.
    Updated(AttributeDefinition),
    /// It already was as asked.
    Unchanged(AttributeDefinition),
    /// It is gone.
    Deleted(AttributeId),
    /// Nothing was done.
    Failed(DefinitionFailure),
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionPlan {
    /// At most one for each record. Empty when nothing changes.
    pub writes: Vec<DefinitionWrite>,
    /// One for each record, in the same order.
    pub outcomes: Vec<DefinitionOutcome>,
}

/// Which definitions a list shows: those that meet every condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionFilter {
    /// Of this name only.
    pub name: Option<AttributeName>,
    /// Of this class only.
    pub class: Option<AttributeClass>,
    /// Of this type only.
    pub kind: Option<AttributeType>,
    /// Shown here only.
    pub group: Option<Line>,
}

impl DefinitionFilter {
    /// Whether a definition is shown.
    pub fn admits(&self, definition: &AttributeDefinition) -> bool {
        let Self { name, class, kind, group } = self;
        name.as_ref().is_none_or(|name| *name == definition.name)
            && class.is_none_or(|class| class == definition.class)
            && kind.is_none_or(|kind| kind == definition.kind)
            && group.as_ref().is_none_or(|group| *group == definition.group)
    }
}

impl DefinitionRecord {
    /// How the record names its definition, as far as it does.
    pub fn key(&self) -> Option<AttributeKey> {
        match self {
            Self::Create(patch) => {
                let (name, class) = (patch.name.clone()?, patch.class?);
                Some(AttributeKey::Name { name, class })
            }
            Self::Upsert { name, class, .. } => {
                Some(AttributeKey::Name { name: name.clone(), class: *class })
            }
            Self::Update(key, _) | Self::Delete(key) => Some(key.clone()),
        }
    }
}

/// Which definitions the plan of this batch must look at.
pub fn needs_definitions(batch: &DefinitionBatch) -> HashSet<AttributeKey> {
    batch.records.iter().filter_map(DefinitionRecord::key).collect()
}
