//! What holds for all usergroups of an import: the directives of the contract.

use faces::usergroups::{By, OPERATIONS, SKIP_IF_NOT_EMPTY, known_fields};
use serde_json::json;

/// One wish, as the command line says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::import) struct Directive {
    operation: &'static str,
    fields: Vec<String>,
}

/// Reads a directive from the command line: `skipCreate`, or `skipIfNotEmpty=name,notes`.
pub(in crate::cli::import) fn parse(text: &str) -> Result<Directive, String> {
    let (name, list) = text.split_once('=').map_or((text, None), |(name, list)| (name, Some(list)));
    let Some(operation) = OPERATIONS.into_iter().find(|known| *known == name) else {
        return Err(format!("no directive of this name; known are {}", OPERATIONS.join(", ")));
    };
    let fields = match (operation, list) {
        (SKIP_IF_NOT_EMPTY, list) => fields(list.unwrap_or_default())?,
        (_, None) => Vec::new(),
        (_, Some(_)) => return Err(format!("{operation} takes no fields")),
    };
    Ok(Directive { operation, fields })
}

fn fields(list: &str) -> Result<Vec<String>, String> {
    if list.is_empty() {
        return Err("skipIfNotEmpty needs fields: skipIfNotEmpty=name,notes".to_owned());
    }
    // The server refuses those that the usergroups are matched by.
    let all: Vec<&str> = known_fields(By::Id).collect();
    let known = |name: &str| {
        all.contains(&name).then(|| name.to_owned()).ok_or_else(|| {
            format!("`{name}` is no field that skipIfNotEmpty can keep; known are {}", all.join(", "))
        })
    };
    list.split(',').map(|name| known(name.trim())).collect()
}

/// The canonical form of the contract, each operation once; `None` where nothing is wished.
pub(super) fn canonical(directives: &[Directive]) -> Option<String> {
    let wishes = OPERATIONS.into_iter().filter_map(|operation| {
        let mut same = directives.iter().filter(|directive| directive.operation == operation).peekable();
        same.peek()?;
        let mut fields: Vec<&String> = Vec::new();
        for field in same.flat_map(|directive| &directive.fields) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Some(if fields.is_empty() {
            json!({ "operation": operation })
        } else {
            json!({ "operation": operation, "fields": fields })
        })
    });
    let wishes: Vec<_> = wishes.collect();
    (!wishes.is_empty()).then(|| json!(wishes).to_string())
}

#[cfg(test)]
mod tests {
    use super::{canonical, parse};

    fn check(words: &[&str], expected: Option<&str>) {
        let directives: Vec<_> = words.iter().map(|word| parse(word).expect(word)).collect();
        assert_eq!(canonical(&directives).as_deref(), expected, "{words:?}");
    }

    #[test]
    fn directives_are_sent_in_the_canonical_form() {
        check(&[], None);
        check(&["skipCreate"], Some(r#"[{"operation":"skipCreate"}]"#));
        check(
            &["skipIfNotEmpty=name,notes", "skipMoveOnUpdate", "mergeTranslationsOnUpdate"],
            Some(
                r#"[{"operation":"skipMoveOnUpdate"},{"operation":"mergeTranslationsOnUpdate"},{"fields":["name","notes"],"operation":"skipIfNotEmpty"}]"#,
            ),
        );
        check(
            &["skipIfNotEmpty=name", "skipIfNotEmpty=notes, name"],
            Some(r#"[{"fields":["name","notes"],"operation":"skipIfNotEmpty"}]"#),
        );
    }

    #[test]
    fn what_is_no_directive_is_refused_with_the_known_ones() {
        for (text, expected) in [
            ("", "known are skipCreate, skipMoveOnUpdate, mergeTranslationsOnUpdate, skipIfNotEmpty"),
            ("skipcreate", "no directive of this name; known are skipCreate"),
            ("skipCreate=name", "skipCreate takes no fields"),
            ("skipCreate=", "skipCreate takes no fields"),
            ("skipIfNotEmpty", "skipIfNotEmpty needs fields"),
            ("skipIfNotEmpty=", "skipIfNotEmpty needs fields"),
            ("skipIfNotEmpty=name,", "`` is no field"),
            ("skipIfNotEmpty=colour", "`colour` is no field that skipIfNotEmpty can keep; known are name"),
            ("skipIfNotEmpty=addresses", "`addresses` is no field"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
