//! Contract 1: groups under `/v3`, JSON on the wire.
//!
//! [`read`], [`read_keys`] and [`read_one`] turn a request body into records, [`write()`] and [`write_one`] an outcome into the answer, [`write_group`],
//! [`write_list`], [`write_found`] and [`write_tree`] serve the reads, [`Refusal`] is every answer to a request that is refused as a
//! whole, and [`crate::openapi()`] describes it all. The fields of a record stand in one table (`fields`) that
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
//! | a call for one group fails with a problem that has the main fault's code, reason and field, and all faults | `one_write::what_fails_is_a_problem_with_every_fault` of the server |
//! | a dry run of a call for one group is answered as a batch of one | `archive::subtrees_are_counted_and_rehearsed` of the server |
//! | with `cascade=true` a result counts the groups archived with it that are no records of their own | `archive::subtrees_are_counted_and_rehearsed` of the server |
//! | a place in the feed of changes that is above the tenant's revision is `INVALID_CURSOR`: the data is older than the caller's | `changes::a_place_above_the_revision` |
//! | what is kept of failed records is at most 1 MiB of whole failures; what not every reader of JSON can read is kept as a text | `failures::tests` |
//! | a text to search for has 1 to 255 characters, at least one letter or digit, and at most 16 words | `queries::searches` |
//! | a search's cursor is good for the words, however they were written | `queries::searches` |
//! | a misspelt `dryRun` parameter is refused, other unknown parameters of a write are ignored | `queries::upsert` |

mod changes;
mod cursor;
mod etag;
pub(crate) mod failures;
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
pub(crate) mod shape;
mod status;
pub(crate) mod wire;
mod write;

pub use changes::{ChangesQuery, HEARTBEAT, OPENING, write_changes, write_events};
pub(crate) use cursor::{Thread, read_run, write_run as write_run_cursor};
pub use etag::{entity_tag, expected, is_known};
pub use failures::{failed_csv, failed_ndjson, failures};
pub use fields::character_limits;
pub use idempotency::{MAX_CHARACTERS as MAX_IDEMPOTENCY_KEY, idempotency_key};
pub use limits::{MAX_ECHO, MAX_KEY_ECHO, MAX_UNKNOWN_NAMED};
pub(crate) use listing::{CURSOR, Given, LIMIT, moment};
pub use listing::{ListQuery, TreeQuery};
pub(crate) use openapi::{described, openapi};
pub use prefer::{Handling, handling};
pub(crate) use query::parameters;
pub use query::{Mode, WriteQuery};
pub use read::{Note, Reading, Subject, read, read_keys, read_one};
pub use refusal::{Bounds, BrokenJson, InvalidRequest, Rate, Refusal};
pub use write::{Reply, write, write_found, write_group, write_list, write_one, write_tree};
