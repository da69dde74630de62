//! The JSON Schema of the file, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, json_schema};

use serde_json::{Value, json};

use crate::file::File;

/// The JSON Schema (draft 2020-12) of the configuration file.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(Variables);
    let schema = settings.into_generator().into_root_schema_for::<File>();
    format!("{:#}\n", schema.as_value())
}

/// Lets a variable, which is a string, stand where a number, a boolean or a word of a list is expected; and takes
/// out `null`, which TOML does not have.
#[derive(Debug, Clone)]
struct Variables;

impl Transform for Variables {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        drop_null(schema);
        let kind = schema.get("type").and_then(|kind| kind.as_str());
        if let Some(number @ ("integer" | "number" | "boolean")) = kind {
            let kinds = vec![number.to_owned(), "string".to_owned()];
            schema.insert("type".to_owned(), kinds.into());
        }
        if let Some(words) = schema.remove("enum") {
            schema.remove("type");
            let variable = json_schema!({ "type": "string", "pattern": r"\$\{" });
            let either = json_schema!({ "anyOf": [{ "enum": words }, variable] });
            let either = either.as_object().cloned().unwrap_or_default();
            schema.ensure_object().extend(either);
        }
    }
}

/// What schemars adds for an `Option`, in each of its three forms.
fn drop_null(schema: &mut Schema) {
    for list in ["type", "anyOf", "enum"] {
        let Some(Value::Array(items)) = schema.get_mut(list) else {
            continue;
        };
        let null = json!({ "type": "null" });
        items.retain(|item| *item != "null" && *item != null && !item.is_null());
        if let ("type", [only]) = (list, items.as_slice()) {
            let only = only.clone();
            schema.insert(list.to_owned(), only);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_every_section() {
        let schema = schema();
        for text in [
            "\"$schema\"",
            "\"listener\"",
            "\"round_robin\"",
            "Entries of each worker's ring",
            "\"additionalProperties\": false",
        ] {
            assert!(schema.contains(text), "{text}");
        }
        assert!(!schema.contains("null"));
    }
}
