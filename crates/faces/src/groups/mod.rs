//! Contract 1: groups under `/v3`, JSON on the wire.
//!
//! [`read`] turns a request body into records and [`write()`] an outcome into the answer, [`write_group`],
//! [`write_list`], [`write_found`] and [`write_tree`] serve the reads, [`Refusal`] is every answer to a request that is refused as a
//! whole, and [`openapi`] describes it all. The fields of a record stand in one table (`fields`) that
//! drives the reader, the messages and the description.
//!
//! # Where the publication is silent
//!
//! | decision | test |
//! | --- | --- |
//! | the order in which a broken body is judged, see [`read`] | `bodies::first_fault_wins` |
//! | a byte order mark is a `SYNTAX` error | `bodies::broken_json` |
//! | a doubled `externalReferenceId` leaves the record without a key, and without an echo of one | `records::doubled_members` |
//! | a record cut off by `TOO_MANY_MEMBERS` keeps the key if that came early enough | `records::member_limit` |
//! | unknown members are warned about in failed records too, the first [`MAX_UNKNOWN_NAMED`] by name | `records::unknown_members` |
//! | a record lists at most [`limits::MAX_FAULTS_NAMED`] faults | `records::unknown_members_of_failed_and_strict_records` |
//! | `photoUrl` and `logoUrl` that differ are reported on `photoUrl`, each one's own faults on its own name | `records::one_picture_by_two_names` |
//! | a dry run says so in its first member | `golden/mixed.dry-run` |
//! | error texts hold at most [`MAX_ECHO`] characters of input; a result echoes a key of up to [`MAX_KEY_ECHO`] | `records::echoes_are_short` |
//! | `canonicalKey` accompanies a key whose NFC form differs from what was sent | `golden/canonical-key` |
//! | a group is shown by its first external reference | `answers::groups` |
//! | a group's `ETag` is made of its id and revision | `answers::entity_tags` |
//! | a cursor is good for the list and the conditions that it was made with | `queries::cursors_of_other_lists` |
//! | conditions that cannot be met by any group's fields are refused, an unknown parent is one without children | `queries::conditions` |
//! | a tree's cursor is good for its depth, and for as long as its place is in the tree | `queries::trees` |
//! | a text to search for has 1 to 255 characters, at least one letter or digit, and at most 16 words | `queries::searches` |
//! | a search's cursor is good for the words, however they were written | `queries::searches` |
//! | a misspelt `dryRun` parameter is refused, other unknown parameters of a write are ignored | `queries::upsert` |

mod cursor;
mod etag;
mod fields;
mod found;
mod idempotency;
pub mod limits;
mod listing;
mod openapi;
mod prefer;
mod query;
mod read;
mod refusal;
mod shape;
mod status;
mod wire;
mod write;

pub use etag::{entity_tag, is_known};
pub use idempotency::idempotency_key;
pub use limits::{MAX_ECHO, MAX_KEY_ECHO, MAX_UNKNOWN_NAMED};
pub use listing::{ListQuery, TreeQuery};
pub use openapi::openapi;
pub use prefer::{Handling, handling};
pub use query::{Mode, UpsertQuery};
pub use read::{Note, Reading, read};
pub use refusal::{Bounds, BrokenJson, InvalidRequest, Refusal};
pub use write::{Reply, write, write_found, write_group, write_list, write_tree};
