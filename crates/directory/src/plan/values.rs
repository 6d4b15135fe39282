//! What becomes of a group's values of attributes (contract 2 §5). Each entry is judged against the definition of
//! its attribute and what the group has; one that asks for what is stored writes nothing.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt as _};

use super::diff::change;
use super::resolve::Target;
use crate::directive::Directive;
use crate::model::{
    AttributeClass, AttributeDefinition, AttributeId, AttributeName, AttributeType, Fault, Language, Unlike,
    ValueText,
};
use crate::outcome::{Change, Failure, Field};
use crate::snapshot::Snapshot;
use crate::values::{
    OwnValues, Parts, RawPart, RawPartValue, RawValue, ValueOutcome, ValuePatch, ValueWrite,
};

/// An entry that can be done.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    attribute: AttributeId,
    name: AttributeName,
    before: Parts,
    after: Parts,
}

/// What the entries of a good record do.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) writes: Vec<ValueWrite>,
    pub(super) changes: Vec<Change>,
    pub(super) outcomes: Vec<ValueOutcome>,
}

/// What each entry of a record comes to.
pub(super) fn judge(
    directive: &Directive,
    target: Target<'_>,
    seen: &Snapshot,
) -> Vec<Result<Judged, Failure>> {
    if directive.values.is_empty() {
        return Vec::new();
    }
    let nothing = OwnValues::default();
    let own = match target {
        Target::Stored(group) => seen.values.get(&group.id).unwrap_or(&nothing),
        Target::Alike(_) | Target::New | Target::Unwanted | Target::Unknown => &nothing,
    };
    let mut judged: Vec<Result<Judged, Failure>> = directive
        .values
        .iter()
        .enumerate()
        .map(|(entry, patch)| judge_one(entry, patch, own, seen))
        .collect();
    reject_same(directive, seen, &mut judged);
    reject_surplus(own.attributes, &mut judged);
    judged
}

fn invalid(entry: usize, fault: Fault) -> Failure {
    Failure::Validation { field: Some(Field::AttributeEntry(entry)), fault }
}

/// A value that is not as it should be. What is wrong with all of it is told of the entry.
fn unfit(entry: usize, kind: AttributeType, fault: Fault) -> Failure {
    let of_date = matches!(kind, AttributeType::Date | AttributeType::DateTime);
    let field = match fault {
        Fault::NotOfType(..) if of_date => Field::AttributeValue(entry),
        Fault::NotOfType(..) | Fault::OtherType(_) | Fault::NotForUsergroups => Field::AttributeEntry(entry),
        _ => Field::AttributeValue(entry),
    };
    Failure::Validation { field: Some(field), fault }
}

fn judge_one(entry: usize, patch: &ValuePatch, own: &OwnValues, seen: &Snapshot) -> Result<Judged, Failure> {
    let mut named = [Some(&patch.attribute), patch.too.as_ref()].into_iter().flatten();
    let found = named.clone().map(|key| seen.attributes.get(key).map(|attribute| attribute.id));
    if found.clone().any(|id| id != seen.attributes.get(&patch.attribute).map(|attribute| attribute.id)) {
        return Err(invalid(entry, Fault::AmbiguousAttribute));
    }
    let Some(attribute) = named.next().and_then(|key| seen.attributes.get(key)) else {
        let (field, key) = (Field::AttributeEntry(entry), patch.attribute.clone());
        return Err(Failure::AttributeNotFound { field, key });
    };
    let before = own.values.get(&attribute.id).cloned().unwrap_or_default();
    let after = after(patch, attribute, &before).map_err(|fault| unfit(entry, attribute.kind, fault))?;
    Ok(Judged { attribute: attribute.id, name: attribute.name.clone(), before, after })
}

/// What the group has of an attribute afterwards.
fn after(patch: &ValuePatch, attribute: &AttributeDefinition, before: &Parts) -> Result<Parts, Fault> {
    if attribute.class != AttributeClass::User {
        return Err(Fault::NotForUsergroups);
    }
    if patch.kind.is_some_and(|kind| kind != attribute.kind) {
        return Err(Fault::OtherType(attribute.kind));
    }
    let Some(value) = &patch.value else { return Ok(Parts::new()) };
    match (value, attribute.kind.is_localised()) {
        (RawValue::List(items), true) if items.is_empty() => Ok(before.clone()),
        (RawValue::Localised(parts), true) => localised(parts, attribute.kind, before),
        // A plain text or list is the part of no language.
        (RawValue::Text(text), true) => plain(RawPartValue::Text(text.clone()), attribute.kind, before),
        (RawValue::List(items), true) => plain(RawPartValue::List(items.clone()), attribute.kind, before),
        (_, true) => Err(Fault::NotOfType(attribute.kind, Unlike::Json)),
        (value, false) => {
            let parsed = parse_single(value, attribute.kind, attribute.type_param.as_str())?;
            Ok(parsed.map(|text| (None, text)).into_iter().collect())
        }
    }
}

fn plain(value: RawPartValue, kind: AttributeType, before: &Parts) -> Result<Parts, Fault> {
    localised(&[RawPart { language: "".into(), value }], kind, before)
}

/// Only the languages that are given change; the empty one is that of values without a language.
fn localised(given: &[RawPart], kind: AttributeType, before: &Parts) -> Result<Parts, Fault> {
    let mut changed: BTreeMap<Option<Language>, Option<ValueText>> = BTreeMap::new();
    for part in given {
        let named = Some(&*part.language).filter(|language| !language.is_empty());
        let language = named.map(Language::parse).transpose()?;
        let text = match (&part.value, kind) {
            (RawPartValue::Nothing, _) => None,
            (RawPartValue::Text(text), AttributeType::Text) if text.is_empty() => None,
            (RawPartValue::List(items), AttributeType::List) if items.is_empty() => None,
            (RawPartValue::Text(text), AttributeType::Text) => Some(ValueText::text(text)?),
            (RawPartValue::List(items), AttributeType::List) => Some(list(items)?),
            (RawPartValue::Text(_) | RawPartValue::List(_), _) => {
                return Err(Fault::NotOfType(kind, Unlike::Json));
            }
        };
        if changed.insert(language, text).is_some() {
            return Err(language.map_or(Fault::DuplicateMember, Fault::SameLanguage));
        }
    }
    let mut after = before.clone();
    for (language, text) in changed {
        match text {
            Some(text) => after.insert(language, text),
            None => after.remove(&language),
        };
    }
    let limit = AttributeDefinition::MAX_LANGUAGES;
    if after.len() > limit { Err(Fault::TooManyLanguages { limit }) } else { Ok(after) }
}

/// Whether a value is among those that `typeParam` lists, with bars between them. Without a bar it is the name of
/// a list that is kept elsewhere.
fn is_listed(value: &str, type_param: &str) -> bool {
    !type_param.contains('|') || type_param.split('|').any(|listed| listed == value)
}

/// A value of a type without languages; an empty text and an empty list are none.
pub(super) fn parse_single(
    value: &RawValue,
    kind: AttributeType,
    type_param: &str,
) -> Result<Option<ValueText>, Fault> {
    let unlisted = || Err(Fault::NotOfType(kind, Unlike::Listed));
    Ok(match (value, kind) {
        (RawValue::Text(text), AttributeType::Enum) if text.is_empty() => None,
        (RawValue::List(items), AttributeType::EnumList) if items.is_empty() => None,
        (RawValue::Text(text), AttributeType::Enum) if !is_listed(text, type_param) => return unlisted(),
        (RawValue::List(items), AttributeType::EnumList)
            if items.iter().any(|item| !is_listed(item, type_param)) =>
        {
            return unlisted();
        }
        (RawValue::Text(text), AttributeType::Enum) => Some(ValueText::text(text)?),
        (RawValue::List(items), AttributeType::EnumList) => Some(list(items)?),
        (RawValue::Number(digits), AttributeType::Integer) => Some(ValueText::integer(digits)?),
        (RawValue::Number(digits), AttributeType::Decimal) => Some(ValueText::decimal(digits)?),
        (RawValue::Text(text), AttributeType::Date) => Some(ValueText::date(text)?),
        (RawValue::Text(text), AttributeType::DateTime) => Some(ValueText::date_time(text)?),
        _ => return Err(Fault::NotOfType(kind, Unlike::Json)),
    })
}

fn list(items: &[Box<str>]) -> Result<ValueText, Fault> {
    ValueText::list(items.iter().map(AsRef::as_ref))
}

/// An attribute has one entry in a record. Several fail, whatever else is wrong with them.
fn reject_same(directive: &Directive, seen: &Snapshot, judged: &mut [Result<Judged, Failure>]) {
    let mut entries: HashMap<AttributeId, Vec<usize>> = HashMap::new();
    for (entry, patch) in directive.values.iter().enumerate() {
        if let Some(attribute) = seen.attributes.get(&patch.attribute) {
            entries.entry(attribute.id).or_default().push(entry);
        }
    }
    for same in entries.values().filter(|same| same.len() > 1) {
        for (place, &entry) in same.iter().enumerate() {
            let other = if place == 0 { same[1] } else { same[0] };
            if judged[entry].is_ok() {
                judged[entry] = Err(invalid(entry, Fault::SameAttribute { other }));
            }
        }
    }
}

/// A group has values of so many attributes. One that has more already, by an earlier limit, can lose some.
fn reject_surplus(stored: usize, judged: &mut [Result<Judged, Failure>]) {
    let limit = AttributeDefinition::MAX_OF_GROUP;
    let done = || judged.iter().flatten();
    let lost = done().filter(|it| !it.before.is_empty() && it.after.is_empty()).count();
    let mut room = (limit + lost).saturating_sub(stored);
    for (entry, judged) in judged.iter_mut().enumerate() {
        if !judged.as_ref().is_ok_and(|it| it.before.is_empty() && !it.after.is_empty()) {
            continue;
        }
        match room.checked_sub(1) {
            Some(left) => room = left,
            None => *judged = Err(invalid(entry, Fault::TooManyAttributes { limit })),
        }
    }
}

impl Settled {
    /// What entries do. Those that fail are here only where they fail alone.
    pub(super) fn new(judged: Vec<Result<Judged, Failure>>) -> Self {
        let mut settled = Self::default();
        for judged in judged {
            let outcome = match judged {
                Err(failure) => ValueOutcome::Failed(failure),
                Ok(judged) if judged.before == judged.after => ValueOutcome::Unchanged(judged.attribute),
                Ok(judged) => settled.add(&judged),
            };
            settled.outcomes.push(outcome);
        }
        settled
    }

    fn add(&mut self, judged: &Judged) -> ValueOutcome {
        let Judged { attribute, name, before, after } = judged;
        let gone = before.keys().filter(|language| !after.contains_key(language));
        let gone = gone.map(|language| (*language, None));
        let new = after.iter().filter(|(language, text)| before.get(language) != Some(text));
        let new = new.map(|(language, text)| (*language, Some(text.clone())));
        let changed: Vec<(Option<Language>, Option<ValueText>)> = gone.chain(new).collect();
        let shown = |parts: &Parts| shown(parts, &changed);
        let (from, to) = (shown(before), shown(after));
        self.changes.push(change(Field::Attribute(name.clone()), from.as_deref(), to.as_deref()));
        let write = |(language, value)| ValueWrite { attribute: *attribute, language, value };
        self.writes.extend(changed.into_iter().map(write));
        if after.is_empty() { ValueOutcome::Deleted(*attribute) } else { ValueOutcome::Put(*attribute) }
    }
}

/// The parts that change, for people: a line a language. `None` where there are none.
fn shown(parts: &Parts, changed: &[(Option<Language>, Option<ValueText>)]) -> Option<String> {
    let line = |(language, _): &(Option<Language>, Option<ValueText>)| {
        let text = parts.get(language)?.items().collect::<Vec<_>>().join(", ");
        Some(language.map_or_else(|| text.clone(), |language| format!("{language}: {text}")))
    };
    let lines: Vec<String> = changed.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
