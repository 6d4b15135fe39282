//! Indexes count and lead to the page; its rows are checked.

use directory::GroupId;

use super::*;
use crate::sqlite::migrate::database;

/// One instruction of a statement: its name and its first two operands.
type Instruction = (String, i64, i64);

fn instructions(db: &Connection, sql: &str) -> Vec<Instruction> {
    let mut explain = db.prepare(&format!("EXPLAIN {sql}")).expect("prepared");
    let values = rusqlite::params_from_iter(std::iter::repeat_n(1, explain.parameter_count()));
    let read = |row: &Row<'_>| Ok((row.get("opcode")?, row.get("p1")?, row.get("p2")?));
    let rows = explain.query_map(values, read).expect("explained");
    rows.collect::<Result<_, _>>().expect("instructions")
}

/// Where a statement reads rows of groups, not entries of their indexes. A plan does not tell: of an index of some
/// rows only it never says that it covers all that is asked.
fn reads_of_rows(db: &Connection, code: &[Instruction]) -> Vec<usize> {
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'groups'";
    let root: i64 = db.query_row(root, (), |row| row.get(0)).expect("there");
    let opens = code.iter().filter(|(name, _, page)| name == "OpenRead" && *page == root);
    let cursors: Vec<i64> = opens.map(|(_, cursor, _)| *cursor).collect();
    let reads = code.iter().enumerate().filter(|(_, (name, cursor, _))| {
        ["Column", "Rowid", "FinishSeek", "SeekRowid", "NotExists"].contains(&name.as_str())
            && cursors.contains(cursor)
    });
    reads.map(|(place, _)| place).collect()
}

fn steps(db: &Connection, sql: &str) -> Vec<String> {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
    let values = rusqlite::params_from_iter(std::iter::repeat_n(1, explain.parameter_count()));
    let rows = explain.query_map(values, |row| row.get("detail")).expect("explained");
    rows.collect::<Result<_, _>>().expect("texts")
}

#[test]
fn totals_are_told_by_the_indexes_alone() {
    let db = database();
    // What a read of rows looks like.
    let code = instructions(&db, "SELECT count(*) FROM groups WHERE tenant = ?1 AND archived_at IS NULL");
    assert_eq!(reads_of_rows(&db, &code).len(), 1, "{code:?}");
    for place in [Place::Anywhere, Place::Roots, Place::Below(GroupId::MAX)] {
        let (sql, code) = (total(place), instructions(&db, total(place)));
        assert_eq!(reads_of_rows(&db, &code), [0; 0], "{sql}\n{code:?}");
        // No index but those that are named, each by its beginning.
        for step in steps(&db, sql).iter().filter(|step| step.contains(" USING ")) {
            assert!(step.starts_with("SEARCH ") && step.contains(" INDEX groups_"), "{sql}\n{step}");
            assert!(step.contains("(tenant=?"), "{sql}\n{step}");
        }
    }
}

#[test]
fn groups_before_a_page_are_passed_in_the_index() {
    let db = database();
    let below = Place::Below(GroupId::MAX);
    for (place, life, expected) in [
        (Place::Anywhere, Life::Living, "groups_id (tenant=?)"),
        (Place::Anywhere, Life::Any, "groups_id (tenant=?)"),
        (Place::Anywhere, Life::Archived, "groups_archived (tenant=?)"),
        (Place::Roots, Life::Living, "groups_roots (tenant=?)"),
        (below, Life::Living, "groups_children (tenant=? AND parent_id=?)"),
    ] {
        let sql = page(&Filter { place, life, ..Filter::default() });
        let found = steps(&db, sql);
        assert_eq!(found[0], format!("SEARCH groups USING INDEX {expected}"), "{found:?}");
        // No sorter.
        assert!(found.iter().all(|step| !step.contains("B-TREE")), "{found:?}");
        let code = instructions(&db, sql);
        let skips = code.iter().position(|(name, ..)| name == "IfPos").expect("it skips");
        let reads = reads_of_rows(&db, &code);
        assert!(!reads.is_empty() && reads.iter().all(|read| *read > skips), "{sql}\n{code:?}");
    }
}

/// Groups 1 to 9, of which the odd ones are roots and the others lie below 1; 4, 5 and 9 are archived.
fn nine() -> Connection {
    let db = database();
    db.execute_batch(
        "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 9)
         INSERT INTO groups (tenant, id, parent_id, name, created_at, updated_at, archived_at, revision)
         SELECT 1, id, iif(id % 2, NULL, 1), 'n', 1, 2, iif(id IN (4, 5, 9), 2, NULL), 1 FROM n;
         UPDATE groups SET checksum = row_checksum(
           tenant, id, parent_id, source, key, name, description, photo_url, created_at, updated_at, archived_at,
           revision, language, company, department, office, notes, options);
         INSERT INTO tenants (id, name, created_at) VALUES (1, 'a', 1);
         UPDATE tenants SET checksum = row_checksum(
           id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id)",
    )
    .expect("filled");
    db
}

fn page_of(db: &Connection, place: Place, life: Life, skip: usize) -> Result<(Vec<i64>, usize), StoreError> {
    let filter = Filter { place, life, ..Filter::default() };
    let found = slice(db, TenantId(1), &filter, &Slice { name: None, skip, limit: 2 })?;
    Ok((found.views.iter().map(|view| view.group.id.get()).collect(), found.total))
}

#[test]
fn a_row_that_is_shown_is_checked() {
    let db = nine();
    let living = |skip| page_of(&db, Place::Anywhere, Life::Living, skip);
    assert_eq!(living(2), Ok((vec![3, 6], 6)));
    db.execute("UPDATE groups SET name = 'm' WHERE id = 3", ()).expect("damaged");
    assert_eq!(living(0), Ok((vec![1, 2], 6)));
    assert!(matches!(living(2), Err(StoreError::Corrupt(_))));
    assert_eq!(living(4), Ok((vec![7, 8], 6)));
    // The flag that an index tells too.
    db.execute("UPDATE groups SET name = 'n', archived_at = 2 WHERE id IN (3, 7)", ()).expect("damaged");
    assert_eq!(living(2), Ok((vec![6, 8], 4)));
    assert!(matches!(page_of(&db, Place::Anywhere, Life::Archived, 0), Err(StoreError::Corrupt(_))));
}

/// Where an index says something else than the rows, nobody is told a list that is not one.
#[test]
fn an_index_that_is_wrong_is_noticed() {
    let db = nine();
    // Made without the entry of group 5, and then said to be whole.
    let create = |condition| format!("CREATE INDEX groups_archived ON groups (tenant, id) WHERE {condition}");
    let (part, whole) = (create("archived_at IS NOT NULL AND id <> 5"), create("archived_at IS NOT NULL"));
    db.execute_batch(&format!("DROP INDEX groups_archived; {part}")).expect("made");
    db.pragma_update(None, "writable_schema", true).expect("set");
    db.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'groups_archived'", [whole]).expect("changed");
    db.pragma_update(None, "writable_schema", "RESET").expect("read again");
    for place in [Place::Anywhere, Place::Roots] {
        let found: Vec<_> = (0..4).map(|skip| page_of(&db, place, Life::Living, skip)).collect();
        assert!(found.iter().any(|page| matches!(page, Err(StoreError::Corrupt(_)))), "{found:?}");
        assert!(found.iter().flatten().all(|(ids, _)| !ids.contains(&5)), "{found:?}");
    }
}
