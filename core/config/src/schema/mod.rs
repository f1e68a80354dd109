//! One JSON Schema for everything this binary understands.

pub(crate) mod forms;
pub(crate) mod plugin;

use std::sync::LazyLock;

use bottle_api::{AgentSpec, Guarantee, Registry};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::section::Sections;

/// The JSON Schema (draft 2020-12) of a config file: the core's sections, the table of every
/// plugin in `registry`, and the names there are to choose from.
pub fn schema(registry: &Registry, presets: &[AgentSpec]) -> Value {
    let mut root = CORE.clone();
    let backends = registry
        .backends()
        .map(|one| (one.name, one.summary, one.schema()));
    let backends = tables("backends", backends.collect(), &mut root);
    let proxies = registry
        .proxies()
        .map(|one| (one.name, one.summary, one.schema()));
    let proxies = tables("proxies", proxies.collect(), &mut root);
    let provisioners = registry.provisioners();
    let provisioners = provisioners.map(|one| (one.name, one.summary, one.schema()));
    let provisioners = tables("provisioners", provisioners.collect(), &mut root);

    let launch = &mut root["properties"]["launch"]["properties"];
    let agents: Vec<&str> = presets.iter().map(|agent| agent.name.as_str()).collect();
    launch["agent"]["examples"] = json!(agents);
    launch["backend"]["enum"] = names(&backends);
    launch["proxies"]["items"]["enum"] = names(&proxies);
    launch["provisioners"]["items"]["enum"] = names(&provisioners);
    launch["require"]["items"] = json!({
        "enum": Guarantee::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>(),
    });
    let properties = &mut root["properties"];
    properties["backend"] = backends;
    properties["proxy"] = proxies;
    properties["provisioner"] = provisioners;
    without_null(&mut root);
    root
}

/// The section that has a key of this name.
pub(crate) fn section_of(key: &str) -> Option<String> {
    let sections = CORE["properties"].as_object()?;
    let has = |schema: &Value| schema["properties"].get(key).is_some();
    let found = sections.iter().find(|(_, schema)| has(schema));
    found.map(|(name, _)| name.clone())
}

/// Whether some section has a key of this name, or is called so.
pub(crate) fn is_key(name: &str) -> bool {
    CORE["properties"].get(name).is_some() || section_of(name).is_some()
}

/// Made once: every wrong key asks it.
static CORE: LazyLock<Value> = LazyLock::new(|| {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let generator = SchemaGenerator::new(settings);
    generator.into_root_schema_for::<Sections>().to_value()
});

/// The tables of one kind of plugin. Their definitions move to the root, each plugin's under a
/// name of its own, because a reference is looked up from there.
fn tables(
    kind: &str,
    plugins: Vec<(&'static str, &'static str, schemars::Schema)>,
    root: &mut Value,
) -> Value {
    let mut properties = Map::new();
    for (name, summary, schema) in plugins {
        let mut schema = schema.to_value();
        close(&mut schema);
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            let definitions = object.remove("$defs");
            object.insert("description".to_owned(), json!(summary));
            let prefix = format!("{kind}-{name}-");
            if let Some(Value::Object(definitions)) = definitions {
                for (key, mut definition) in definitions {
                    move_references(&mut definition, &prefix);
                    root["$defs"][format!("{prefix}{key}")] = definition;
                }
            }
            move_references(&mut schema, &prefix);
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "description": format!("Settings of {kind}, by name."),
        "additionalProperties": false,
        "properties": properties,
    })
}

/// Unknown keys are refused in every table of a plugin, whatever its author wrote; the schema
/// says so too. Parts that are only together one table (`allOf`) stay as they are.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let table = object.contains_key("properties")
                || object.get("type").is_some_and(|name| name == "object");
            let open = ["allOf", "unevaluatedProperties", "patternProperties"];
            let whole = table && !open.iter().any(|word| object.contains_key(*word));
            if whole {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            let parts = object.iter_mut().filter(|(key, _)| *key != "allOf");
            for (_, part) in parts {
                close(part);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn names(tables: &Value) -> Value {
    let names = tables["properties"].as_object().into_iter().flatten();
    names.map(|(name, _)| name.as_str()).collect()
}

fn move_references(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                let name = value
                    .as_str()
                    .and_then(|text| text.strip_prefix("#/$defs/"));
                match name.filter(|_| key == "$ref") {
                    Some(name) => *value = json!(format!("#/$defs/{prefix}{name}")),
                    None => move_references(value, prefix),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| move_references(item, prefix)),
        _ => {}
    }
}

/// TOML has no null: what Rust calls optional may only be left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object
                .remove("default")
                .filter(|default| !default.is_null())
                .map(|default| object.insert("default".to_owned(), default));
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            for key in ["anyOf", "enum"] {
                if let Some(Value::Array(items)) = object.get_mut(key) {
                    items
                        .retain(|item| !item.is_null() && item.get("type") != Some(&json!("null")));
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}
