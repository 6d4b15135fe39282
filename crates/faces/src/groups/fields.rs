//! The fields of a record: the one table that reader, messages and the `OpenAPI` document share.

use std::collections::HashMap;

use directory::{Description, Field, Name, ParentKey, PhotoUrl, ReferenceKey, Source};

/// A field by its place in [`RULES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Key,
    Source,
    Name,
    Description,
    Parent,
    PhotoUrl,
    /// The published example's name for [`Member::PhotoUrl`].
    LogoUrl,
}

/// What `null` means for a field (rules §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    /// As if the field, which is required, were not there.
    Missing,
    /// An error: the field cannot be empty.
    Refused,
    /// The field becomes empty.
    Clears,
}

/// One line of contract 1 §1.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) null: Null,
    /// Whether the value is a URL.
    pub(super) format: Option<&'static str>,
    /// For people who read the `OpenAPI` document.
    pub(super) about: &'static str,
}

/// In the order in which faults are reported.
pub(super) const RULES: [Rule; 7] = [
    Rule {
        name: "externalReferenceId",
        min: 1,
        max: ReferenceKey::MAX_CHARACTERS,
        null: Null::Missing,
        format: None,
        about: "Your own key for the group, and the only thing it is matched by. Compared after Unicode \
                NFC, case matters. No white space at the ends, no control or invisible characters.",
    },
    Rule {
        name: "externalReferenceType",
        min: 1,
        max: Source::MAX_CHARACTERS,
        null: Null::Refused,
        format: None,
        about: "The system the key comes from. An attribute, not part of the key: another value replaces \
                the stored one, with a warning.",
    },
    Rule {
        name: "name",
        min: 1,
        max: Name::MAX_CHARACTERS,
        null: Null::Refused,
        format: None,
        about: "Shown to people. Required when the group does not exist yet. Not only white space, no \
                control characters.",
    },
    Rule {
        name: "description",
        min: 0,
        max: Description::MAX_CHARACTERS,
        null: Null::Clears,
        format: None,
        about: "Null clears it; an empty text is a value. Tab and line breaks are its only control \
                characters.",
    },
    Rule {
        name: "parentExternalReferenceId",
        min: 1,
        max: ParentKey::MAX_CHARACTERS,
        null: Null::Clears,
        format: None,
        about: "The externalReferenceId of the parent, stored or anywhere in the same request. Null makes \
                the group a root. A key of more than 64 characters can belong to no group.",
    },
    Rule {
        name: "photoUrl",
        min: 1,
        max: PhotoUrl::MAX_CHARACTERS,
        null: Null::Clears,
        format: Some("uri"),
        about: "An absolute http or https URL without credentials. Stored, never fetched. Null clears it.",
    },
    Rule {
        name: "logoUrl",
        min: 1,
        max: PhotoUrl::MAX_CHARACTERS,
        null: Null::Clears,
        format: Some("uri"),
        about: "Another name of photoUrl. Send either; both only with one value.",
    },
];

/// Words that other systems use for our fields, without case, `_`, `-` and spaces.
const SYNONYMS: [(&str, Member); 21] = [
    ("reference", Member::Key),
    ("referenceid", Member::Key),
    ("externalid", Member::Key),
    ("externalref", Member::Key),
    ("externalreference", Member::Key),
    ("referencetype", Member::Source),
    ("externaltype", Member::Source),
    ("source", Member::Source),
    ("type", Member::Source),
    ("title", Member::Name),
    ("label", Member::Name),
    ("groupname", Member::Name),
    ("desc", Member::Description),
    ("parent", Member::Parent),
    ("parentid", Member::Parent),
    ("parentreference", Member::Parent),
    ("parentexternalid", Member::Parent),
    ("parentreferenceid", Member::Parent),
    ("photo", Member::PhotoUrl),
    ("logo", Member::PhotoUrl),
    ("imageurl", Member::PhotoUrl),
];

impl Member {
    /// The field with this name on the wire.
    pub(super) fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Key,
            Self::Source,
            Self::Name,
            Self::Description,
            Self::Parent,
            Self::PhotoUrl,
            Self::LogoUrl,
        ];
        all.into_iter().find(|member| member.rule().name == name)
    }

    pub(super) const fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// The domain's word for the field, in a message about the value that was sent by this name.
    pub(super) fn field(self) -> Field {
        match self {
            Self::Key => Field::Key,
            Self::Source => Field::Source,
            Self::Name => Field::Name,
            Self::Description => Field::Description,
            Self::Parent => Field::Parent,
            Self::PhotoUrl => Field::PhotoUrl,
            Self::LogoUrl => Field::Other(self.rule().name.into()),
        }
    }
}

/// The name of a field on this wire.
pub(super) fn wire_name(field: &Field) -> &str {
    match field {
        Field::Key | Field::References => Member::Key.rule().name,
        Field::Source => Member::Source.rule().name,
        Field::Name => Member::Name.rule().name,
        Field::Description => Member::Description.rule().name,
        Field::Parent => Member::Parent.rule().name,
        Field::PhotoUrl => Member::PhotoUrl.rule().name,
        // This contract has none of them, so that no record of it can be at fault there.
        Field::Detail(_) => "details",
        Field::AttributeEntry(_) | Field::AttributeValue(_) | Field::Attribute(_) => "attributes",
        Field::Address(..) => "addresses",
        Field::Other(name) => name,
    }
}

/// Finds the fields that were probably meant, remembering what it found: the records of a batch tend to
/// have the same unknown members.
#[derive(Debug, Default)]
pub(super) struct Suggestions(HashMap<Box<str>, Option<&'static str>>);

impl Suggestions {
    /// Names worth comparing and worth remembering: a hostile batch holds 256,000 different ones.
    const MAX_NAMES: usize = 2000;
    const MAX_LENGTH: usize = 40;

    pub(super) fn of(&mut self, name: &str) -> Option<&'static str> {
        if name.len() > Self::MAX_LENGTH {
            return None;
        }
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        if self.0.len() == Self::MAX_NAMES {
            return None;
        }
        let found = suggest(name);
        self.0.insert(name.into(), found);
        found
    }
}

fn suggest(name: &str) -> Option<&'static str> {
    let plain: String = name
        .chars()
        .filter(|found| !" _-".contains(*found))
        .map(|found| found.to_ascii_lowercase())
        .collect();
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == plain).map(|(_, member)| member.rule().name);
    synonym.or_else(|| closest(&plain, RULES.iter().map(|rule| rule.name)))
}

/// The candidate within two typing errors of the word, if those are at most a third of it.
pub(super) fn closest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let near = candidates.filter(|candidate| candidate.len().abs_diff(word.len()) <= 2).map(|candidate| {
        (strsim::osa_distance(&candidate.to_ascii_lowercase(), &word.to_ascii_lowercase()), candidate)
    });
    let close = near.filter(|(distance, _)| *distance <= 2 && distance * 3 <= word.chars().count());
    close.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}
/// The fields of a record with the most characters that each may have.
pub fn character_limits() -> impl Iterator<Item = (&'static str, usize)> {
    RULES.iter().map(|rule| (rule.name, rule.max))
}
