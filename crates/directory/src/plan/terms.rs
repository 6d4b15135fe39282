//! What a batch does not do although its records ask for it (contract 2 §4). The records are rewritten before
//! anything is judged, so that what is suppressed is not even resolved.

use std::borrow::Cow;

use super::resolve::{Resolution, Target};
use crate::batch::{Batch, Terms};
use crate::directive::{DetailsPatch, Directive, Patch};
use crate::model::{Details, Group};
use crate::outcome::{Detail, Field};

/// The batch as its terms leave it, and for each record the fields that were suppressed.
pub(super) fn apply<'b>(batch: &'b Batch, resolution: &Resolution<'_>) -> (Cow<'b, Batch>, Vec<Vec<Field>>) {
    if !batch.terms.suppress() {
        return (Cow::Borrowed(batch), vec![Vec::new(); batch.records.len()]);
    }
    let mut held = batch.clone();
    let suppressed = held.records.iter_mut().zip(&resolution.records).map(|(record, resolved)| {
        let (Ok(directive), Target::Stored(group)) = (record, resolved.target) else { return Vec::new() };
        suppress(directive, group, &batch.terms)
    });
    let suppressed = suppressed.collect();
    (Cow::Owned(held), suppressed)
}

/// Takes out of a directive what the terms do not let it do to a stored group.
fn suppress(directive: &mut Directive, group: &Group, terms: &Terms) -> Vec<Field> {
    let mut suppressed = Vec::new();
    let mut note = |field: &Field, was: bool| {
        if was {
            suppressed.push(field.clone());
        }
    };
    if terms.keep_place {
        note(&Field::Parent, std::mem::take(&mut directive.parent) != Patch::Keep);
        directive.parent_too = None;
    }
    for field in &terms.keep {
        let taken = match field {
            Field::Name if !group.name.as_str().is_empty() => {
                directive.name.take().is_some_and(|name| name != group.name)
            }
            Field::Description => keep(&mut directive.description, group.description.as_ref()),
            Field::PhotoUrl => keep(&mut directive.photo_url, group.photo_url.as_ref()),
            Field::Parent if group.parent.is_some() => std::mem::take(&mut directive.parent) != Patch::Keep,
            Field::Key | Field::Source | Field::References if !group.references.is_empty() => {
                let known = |reference| group.references.contains(reference);
                let news = !directive.references.iter().all(known);
                directive.references.clear();
                directive.source.take().is_some() || news
            }
            Field::Detail(detail) => directive.details.as_mut().is_some_and(|patch| {
                keep_detail(patch, *detail, group.details.as_deref().unwrap_or(&Details::default()))
            }),
            Field::Name
            | Field::Parent
            | Field::Key
            | Field::Source
            | Field::References
            | Field::AttributeEntry(_)
            | Field::AttributeValue(_)
            | Field::Attribute(_)
            | Field::Address(..)
            | Field::Other(_) => false,
        };
        note(field, taken);
    }
    suppressed
}

/// Leaves a field as it is if it has a value. Whether that suppressed a change.
fn keep<T: PartialEq>(patch: &mut Patch<T>, stored: Option<&T>) -> bool {
    let Some(stored) = stored else { return false };
    match std::mem::take(patch) {
        Patch::Keep => false,
        Patch::Clear => true,
        Patch::Set(value) => value != *stored,
    }
}

/// The same for a text that is empty where it has no value.
fn keep_text<T: PartialEq + Default>(patch: &mut Patch<T>, stored: &T) -> bool {
    keep(patch, Some(stored).filter(|stored| **stored != T::default()))
}

/// The same for a choice, which always has a value.
fn keep_choice<T: PartialEq>(wanted: &mut Option<T>, stored: &T) -> bool {
    wanted.take().is_some_and(|wanted| wanted != *stored)
}

fn keep_detail(patch: &mut DetailsPatch, detail: Detail, stored: &Details) -> bool {
    let options = &stored.options;
    match detail {
        Detail::Language => keep(&mut patch.language, stored.language.as_ref()),
        Detail::Company => keep_text(&mut patch.company, &stored.company),
        Detail::Department => keep_text(&mut patch.department, &stored.department),
        Detail::Office => keep_text(&mut patch.office, &stored.office),
        Detail::Notes => keep_text(&mut patch.notes, &stored.notes),
        Detail::InheritProductList => {
            keep_choice(&mut patch.inherit_product_list, &options.inherit_product_list)
        }
        Detail::InheritOrderList => keep_choice(&mut patch.inherit_order_list, &options.inherit_order_list),
        Detail::BudgetInherit => keep_choice(&mut patch.budget_inherit, &options.budget_inherit),
        Detail::Budget => keep_choice(&mut patch.budget, &options.budget),
        Detail::OrderListAllowAll => {
            keep_choice(&mut patch.order_list_allow_all, &options.order_list_allow_all)
        }
    }
}
