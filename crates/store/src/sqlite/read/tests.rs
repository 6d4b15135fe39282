//! Lists walk along an index, in its order.

use super::*;
use crate::sqlite::migrate::database;

#[test]
fn every_list_walks_along_its_index() {
    let db = database();
    let below = Place::Below(GroupId::MAX);
    for (place, life, expected) in [
        (Place::Anywhere, Life::Living, "groups_id (tenant=? AND id>?)"),
        (Place::Anywhere, Life::Any, "groups_id (tenant=? AND id>?)"),
        (Place::Anywhere, Life::Archived, "groups_archived (tenant=? AND id>?)"),
        (Place::Roots, Life::Living, "groups_roots (tenant=? AND id>?)"),
        (Place::Roots, Life::Archived, "groups_roots (tenant=? AND id>?)"),
        (below, Life::Living, "groups_children (tenant=? AND parent_id=? AND id>?)"),
    ] {
        let sql = statement(&Filter { place, life, ..Filter::default() });
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
        let bound = explain.parameter_count();
        let values = rusqlite::params_from_iter(std::iter::repeat_n(1, bound));
        let steps: Vec<String> = explain
            .query_map(values, |row| row.get("detail"))
            .expect("explained")
            .collect::<Result<_, _>>()
            .expect("texts");
        // One step: no sorter.
        assert_eq!(steps, [format!("SEARCH groups USING INDEX {expected}")], "{place:?} {life:?}");
    }
}

#[test]
fn a_tree_walks_along_the_index_of_children() {
    let db = database();
    let sql = include_str!("../sql/next_child.sql");
    let step: String = db
        .query_row(&format!("EXPLAIN QUERY PLAN {sql}"), (1, 1, 1), |row| row.get("detail"))
        .expect("explained");
    assert_eq!(
        step,
        "SEARCH groups USING COVERING INDEX groups_children (tenant=? AND parent_id=? AND id>?)"
    );
}

#[test]
fn a_page_looks_at_no_more_than_it_may() {
    let db = database();
    let many = 2 * MOST_LOOKED_AT + 1;
    db.execute(
        "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
         INSERT INTO groups (tenant, id, name, created_at, updated_at, revision, checksum)
         SELECT 1, id, 'n', 1, id, 1,
           row_checksum(1, id, NULL, NULL, NULL, 'n', NULL, NULL, 1, id, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL)
         FROM n",
        [i64::try_from(many).expect("small")],
    )
    .expect("filled");
    let last = i64::try_from(many).expect("small");
    let filter = Filter { updated_after: Some(directory::Timestamp(last - 1)), ..Filter::default() };
    let (mut page, mut sizes) = (Page { after: None, limit: 10 }, Vec::new());
    loop {
        let listed = list(&db, TenantId(1), &filter, page).expect("listed");
        sizes.push(listed.views.len());
        page.after = listed.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [0, 0, 1]);
}
