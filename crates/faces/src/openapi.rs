//! The description of the whole server for programs.

use serde_json::{Value, json};

/// The `OpenAPI` document of a server of this version: every face.
pub fn openapi(version: &str) -> Value {
    let mut document = crate::groups::openapi(version);
    for (path, item) in crate::usergroups::paths() {
        document["paths"][path] = item;
    }
    for (name, schema) in crate::usergroups::schemas() {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["responses"] = crate::usergroups::shared_responses().into_iter().collect();
    if let Some(tags) = document["tags"].as_array_mut() {
        let about =
            "The same groups as contract 2 knows them. Errors have its envelope; served under /v2 too.";
        tags.insert(1, json!({ "name": "usergroups", "description": about }));
    }
    document
}
