//! The face of contract 2: usergroups, matched by `id` or by `sourceId` and `source`.

mod answer;
mod attributes;
mod columns;
mod directive;

use serde::Deserialize;

pub(super) use self::attributes::learn;
pub(super) use self::columns::Columns;
pub(super) use self::directive::{Directive, parse as parse_directive};
use super::answer::Outcome;
use super::face::{Face, Identity, Reference, Refusal, Table};
use super::record::Record;
use super::summary::Summary;

/// What usergroups are matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Key {
    /// By `id`; a usergroup that is not there is created with that id
    #[value(name = "id")]
    Id,
    /// By `sourceId` together with `source`
    #[value(name = "sourceId")]
    SourceId,
}

/// The face of usergroups, with what holds for all calls of one import.
#[derive(Debug)]
pub(super) struct Usergroups {
    key: Key,
    /// What follows the records in a body.
    after: String,
}

impl Usergroups {
    /// The face with this lookup key and these directives.
    pub(super) fn new(key: Key, directives: &[Directive]) -> Self {
        let after = match directive::canonical(directives) {
            Some(directives) => format!("],\"directives\":{directives}}}"),
            None => "]}".to_owned(),
        };
        Self { key, after }
    }
}

impl Face for Usergroups {
    fn path(&self) -> &'static str {
        match self.key {
            Key::Id => "/usergroups/bulk/id",
            Key::SourceId => "/usergroups/bulk/sourceId",
        }
    }

    fn frame(&self) -> (&str, &str) {
        ("{\"usergroups\":[", &self.after)
    }

    fn outcomes(&self, answer: &[u8], records: &[&Record]) -> Result<Vec<Outcome>, String> {
        answer::read(answer, self.key, records)
    }

    fn refusal(&self, answer: &[u8], records: usize) -> Refusal {
        answer::refusal(answer, records)
    }

    fn identity(&self, object: &str) -> Option<Identity> {
        let Names { id, key, parent } = serde_json::from_str(object).ok()?;
        let own = id.map(Reference::Id).into_iter().chain(key.in_any_source()).chain(key.in_its_source());
        let parent = parent.and_then(|ParentNames { id, key }| {
            id.map(Reference::Id).or_else(|| key.in_its_source()).or_else(|| key.in_any_source())
        });
        Some(Identity { own: own.collect(), parent })
    }

    fn knows(&self, column: &str) -> bool {
        columns::knows(column)
    }

    fn columns(&self) -> Vec<String> {
        columns::names()
    }

    fn table(&self, names: &[Option<&str>]) -> Result<Table, String> {
        if self.key == Key::SourceId && names.contains(&Some(columns::ID)) {
            return Err("the column `id`: with --key sourceId the server gives the ids".to_owned());
        }
        Columns::new(names).map(Table::Nested)
    }

    fn summary(&self) -> Summary {
        Summary { skipped: Some(0), ..Summary::default() }
    }
}

#[derive(Deserialize)]
struct Names {
    id: Option<u64>,
    #[serde(flatten)]
    key: KeyNames,
    parent: Option<ParentNames>,
}

#[derive(Deserialize)]
struct ParentNames {
    id: Option<u64>,
    #[serde(flatten)]
    key: KeyNames,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyNames {
    source_id: Option<String>,
    source: Option<String>,
}

impl KeyNames {
    fn in_its_source(&self) -> Option<Reference> {
        let (key, source) = self.source_id.clone().zip(self.source.clone())?;
        Some(Reference::Key { key, source: Some(source) })
    }

    fn in_any_source(&self) -> Option<Reference> {
        self.source_id.clone().map(|key| Reference::Key { key, source: None })
    }
}

#[cfg(test)]
mod tests {
    use super::{Face, Identity, Key, Reference, Usergroups};
    use crate::cli::import::usergroups::parse_directive;

    fn key(key: &str, source: Option<&str>) -> Reference {
        Reference::Key { key: key.into(), source: source.map(Into::into) }
    }

    #[test]
    fn a_usergroup_is_known_by_its_id_and_by_its_key() {
        let face = Usergroups::new(Key::Id, &[]);
        let check = |object: &str, own: Vec<Reference>, parent| {
            assert_eq!(face.identity(object), Some(Identity { own, parent }), "{object}");
        };
        check(r#"{"id":7,"name":"x"}"#, vec![Reference::Id(7)], None);
        check(
            r#"{"id":7,"sourceId":"a","source":"S","parent":{"id":3}}"#,
            vec![Reference::Id(7), key("a", None), key("a", Some("S"))],
            Some(Reference::Id(3)),
        );
        let mine = vec![key("a", None)];
        let in_source = r#"{"sourceId":"a","parent":{"sourceId":"b","source":"S"}}"#;
        check(in_source, mine.clone(), Some(key("b", Some("S"))));
        check(r#"{"sourceId":"a","parent":{"sourceId":"b"}}"#, mine, Some(key("b", None)));
        assert_eq!(face.identity(r#"{"id":"7"}"#), None);
    }

    #[test]
    fn an_id_of_its_own_is_for_usergroups_that_are_matched_by_it() {
        let names = [Some("id"), Some("sourceId")];
        assert!(Usergroups::new(Key::Id, &[]).table(&names).is_ok());
        let error = Usergroups::new(Key::SourceId, &[]).table(&names).expect_err("refused");
        assert!(error.contains("the column `id`"), "{error}");
    }

    #[test]
    fn directives_follow_the_records() {
        assert_eq!(Usergroups::new(Key::SourceId, &[]).frame(), ("{\"usergroups\":[", "]}"));
        let directives = ["skipCreate"].map(|text| parse_directive(text).expect("known"));
        assert_eq!(
            Usergroups::new(Key::SourceId, &directives).frame().1,
            r#"],"directives":[{"operation":"skipCreate"}]}"#
        );
    }
}
