//! What changes of a group's details.

use super::diff::change;
use crate::directive::{DetailsPatch, Patch};
use crate::model::{Details, Language, Line, Notes};
use crate::outcome::{Change, Detail, Field};

/// The details after a patch; `None` where all of them have their defaults.
pub(super) fn after(patch: Option<&DetailsPatch>, before: Option<&Details>) -> Option<Box<Details>> {
    let after = patched(patch, before);
    (after != Details::default()).then(|| Box::new(after))
}

fn patched(patch: Option<&DetailsPatch>, before: Option<&Details>) -> Details {
    let mut after = before.cloned().unwrap_or_default();
    let Some(patch) = patch else { return after };
    match patch.language {
        Patch::Keep => {}
        Patch::Clear => after.language = None,
        Patch::Set(language) => after.language = Some(language),
    }
    set(&mut after.company, &patch.company);
    set(&mut after.department, &patch.department);
    set(&mut after.office, &patch.office);
    set(&mut after.notes, &patch.notes);
    let options = &mut after.options;
    choose(&mut options.inherit_product_list, patch.inherit_product_list);
    choose(&mut options.inherit_order_list, patch.inherit_order_list);
    choose(&mut options.budget_inherit, patch.budget_inherit);
    choose(&mut options.budget, patch.budget);
    choose(&mut options.order_list_allow_all, patch.order_list_allow_all);
    after
}

fn set<T: Clone + Default>(place: &mut T, patch: &Patch<T>) {
    match patch {
        Patch::Keep => {}
        Patch::Clear => *place = T::default(),
        Patch::Set(value) => place.clone_from(value),
    }
}

const fn choose<T: Copy>(place: &mut T, wanted: Option<T>) {
    if let Some(wanted) = wanted {
        *place = wanted;
    }
}

/// The details that a patch changes, in the order of the contract's table.
pub(super) fn changes(patch: Option<&DetailsPatch>, before: Option<&Details>) -> Vec<Change> {
    if patch.is_none() {
        return Vec::new();
    }
    let after = patched(patch, before);
    let before = before.cloned().unwrap_or_default();
    let (old, new) = (texts(&before), texts(&after));
    let differing = old.into_iter().zip(new).filter(|(old, new)| old != new);
    differing
        .map(|((detail, from), (_, to))| change(Field::Detail(detail), from.as_deref(), to.as_deref()))
        .collect()
}

/// Every detail as a text; `None` is empty.
fn texts(details: &Details) -> [(Detail, Option<String>); 10] {
    let line = |line: &Line| Some(line.as_str().to_owned()).filter(|text| !text.is_empty());
    let notes = |notes: &Notes| Some(notes.as_str().to_owned()).filter(|text| !text.is_empty());
    let options = &details.options;
    let letter = |letter: char| Some(letter.to_string());
    [
        (Detail::Language, details.language.as_ref().map(Language::to_string)),
        (Detail::Company, line(&details.company)),
        (Detail::Department, line(&details.department)),
        (Detail::Office, line(&details.office)),
        (Detail::Notes, notes(&details.notes)),
        (Detail::InheritProductList, letter(options.inherit_product_list.letter())),
        (Detail::InheritOrderList, letter(options.inherit_order_list.letter())),
        (Detail::BudgetInherit, letter(options.budget_inherit.letter())),
        (Detail::Budget, letter(options.budget.letter())),
        (Detail::OrderListAllowAll, letter(options.order_list_allow_all.letter())),
    ]
}
