//! The attributes that every world knows, and what its groups have of them.

use std::collections::BTreeMap;

use directory::model::{Line, Localised};
use directory::*;

use crate::world::World;

pub(crate) fn id(number: i64) -> AttributeId {
    AttributeId::new(number).expect("a small number")
}

pub(crate) fn name(text: &str) -> AttributeName {
    AttributeName::parse(text).expect("a good name")
}

pub(crate) fn definition(
    number: i64,
    text: &str,
    class: AttributeClass,
    kind: AttributeType,
) -> AttributeDefinition {
    AttributeDefinition {
        id: id(number),
        name: name(text),
        class,
        kind,
        type_param: Line::from_stored(if kind.has_parameter() { "LIST" } else { "" }),
        descriptions: Localised::new(),
        units: Localised::new(),
        group: Line::default(),
        default: None,
        flags: AttributeFlags::default(),
    }
}

/// What every world knows.
pub(crate) fn attributes() -> Vec<AttributeDefinition> {
    let user = AttributeClass::User;
    vec![
        definition(1, "TEXT", user, AttributeType::Text),
        definition(2, "LIST", user, AttributeType::List),
        definition(3, "CHOICE", user, AttributeType::Enum),
        definition(4, "COUNT", user, AttributeType::Integer),
        definition(5, "TEXT", AttributeClass::Product, AttributeType::Text),
    ]
}

/// Adds what the batch needs of attributes to a snapshot.
pub(crate) fn look(world: &World, needs: &Needs<'_>, seen: &mut Snapshot) {
    for (key, attributes) in &needs.values {
        let groups = world.find(key);
        for attribute in attributes {
            let means = |definition: &&AttributeDefinition| match attribute {
                AttributeKey::Id(id) => definition.id == *id,
                AttributeKey::Name { name, class } => definition.name == *name && definition.class == *class,
            };
            let Some(definition) = self::attributes().iter().find(means).cloned() else { continue };
            if let [group] = groups[..] {
                let stored = world.values.get(&group);
                let own = seen.values.entry(group).or_default();
                own.attributes = stored.map_or(0, BTreeMap::len);
                let parts = stored.and_then(|stored| stored.get(&definition.id));
                own.values.extend(parts.map(|parts| (definition.id, parts.clone())));
            }
            seen.attributes.insert(attribute.clone(), definition);
        }
    }
}

/// Does what a write says of values.
pub(crate) fn apply(world: &mut World, group: GroupId, writes: &[ValueWrite]) {
    for ValueWrite { attribute, language, value } in writes {
        let of_group = world.values.entry(group).or_default();
        let parts = of_group.entry(*attribute).or_default();
        let before = match value {
            Some(text) => parts.insert(*language, text.clone()),
            None => parts.remove(language),
        };
        assert_ne!(before, *value, "nothing is written that is stored");
        of_group.retain(|_, parts| !parts.is_empty());
    }
    world.values.retain(|_, of_group| !of_group.is_empty());
}
