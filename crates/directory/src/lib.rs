//! The domain of rosterd, pure: no serde, SQL, HTTP, async, clock or randomness.
//!
//! A face turns a request into a [`Batch`]. [`needs`] and [`needs_hierarchy`] say what must be looked
//! at, an engine answers with a [`Snapshot`], and [`plan()`] decides everything: it returns the
//! [`Write`]s that an engine applies without thinking, and the [`Outcome`] that the face sends back.
//! The rules are those of the contract both faces share; each is decided in one place:
//!
//! | rule | home |
//! | --- | --- |
//! | what a value may look like | [`model`] |
//! | which stored group a record means, duplicates, ambiguity, archived matches | `plan::resolve` |
//! | parents, cycles, depth | `plan::hierarchy` |
//! | what changes, and that nothing changes | `plan::diff` |
//! | what a batch does not do although its records ask for it | `plan::terms` |
//! | what values of attributes a group may have | `plan::values` |
//! | what definitions of attributes may become | `plan::definitions` |
//! | addresses: matched, defaults, limits | `plan::addresses` |
//! | which groups may be archived and restored | `plan::life` |
//! | codes and their precedence | [`outcome`] |
//! | which groups a text finds | [`search`] |

pub mod batch;
pub mod clock;
pub mod definitions;
pub mod directive;
pub mod model;
pub mod outcome;
pub mod plan;
pub mod query;
pub mod run;
pub mod search;
pub mod snapshot;
pub mod values;
pub mod write;

pub use batch::{Batch, BatchError, Expected, Intent, Reach, Record, Rejection, Terms};
pub use clock::{Clock, IdSource, Timestamp};
pub use definitions::{
    DefinitionBatch, DefinitionFailure, DefinitionField, DefinitionFilter, DefinitionOutcome,
    DefinitionPatch, DefinitionPlan, DefinitionRecord, DefinitionSnapshot, DefinitionWrite, LinesPatch,
    needs_definitions,
};
pub use directive::{
    AddressDirective, AddressKey, AddressPatch, DetailsPatch, Directive, LookupKey, ParentKey, Patch,
};
pub use model::{
    Address, AddressCode, AddressContent, AddressId, AddressLine, AddressType, AttributeClass,
    AttributeDefinition, AttributeFlags, AttributeId, AttributeKey, AttributeName, AttributeType,
    Description, Details, ExternalReference, Fault, Group, GroupId, Name, PhotoUrl, ReferenceKey, Source,
    TenantId, ValueText,
};
pub use outcome::{
    AddressField, AddressOutcome, Change, Code, Detail, Failure, Field, Outcome, RecordOutcome, RecordResult,
    Value, Warning,
};
pub use plan::{DEPTH_LIMIT, Plan, PlanContext, plan, plan_definitions};
pub use query::{
    ChangePlace, Changes, Filter, GroupView, Life, Listed, Page, Place, Slice, Sliced, Tree, TreePage,
    TreePlace,
};
pub use run::{Counts, Failures, RecordedRun, Run, RunFilter, RunId, RunList, RunPage, Success};
pub use search::{Found, Search, SearchFault, SearchPage, SearchPlace, Stamp, Words};
pub use snapshot::{Ancestor, FreeIds, HierarchyNeeds, Needs, Plain, Snapshot, needs, needs_hierarchy};
pub use values::{
    EffectiveValue, Numbered, NumberedPage, Origin, OwnValues, Parts, RawPart, RawPartValue, RawValue,
    ValueOutcome, ValuePatch, ValueWrite, effective,
};
pub use write::{AddressWrite, IdOrigin, Write};
