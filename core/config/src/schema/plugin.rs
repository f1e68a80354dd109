//! Reading a plugin's JSON Schema: which keys there are, and what it says about each.

use serde_json::Value;

/// The key of a schema that says "the string (or each string below) is a path of the host".
const PATH: &str = "x-bottle-path";
/// The key of a schema that says "a repository's file may set this without trust".
const REPOSITORY: &str = "x-bottle-repository";

/// A plugin's schema, or a part of it.
#[derive(Clone, Copy)]
pub(crate) struct PluginSchema<'a> {
    root: &'a Value,
    here: &'a Value,
    path: bool,
    repository: bool,
}

impl<'a> PluginSchema<'a> {
    pub(crate) fn new(root: &'a Value) -> Self {
        Self {
            root,
            here: root,
            path: false,
            repository: false,
        }
        .resolved()
    }

    /// The part about one key of a table.
    pub(crate) fn key(self, key: &str) -> Option<Self> {
        let named = self
            .parts()
            .into_iter()
            .find_map(|part| part["properties"].get(key));
        let open = || {
            let parts = self.parts();
            let schemas = parts
                .iter()
                .filter_map(|part| part.get("additionalProperties"));
            let mut schemas = schemas.filter(|schema| **schema != Value::Bool(false));
            schemas.next()
        };
        Some(self.at(named.or_else(open)?))
    }
    /// The part about the items of an array.
    pub(crate) fn item(self) -> Option<Self> {
        let items = self
            .parts()
            .into_iter()
            .find_map(|part| part.get("items"))?;
        Some(self.at(items))
    }
    /// The keys of a table, unless it takes any.
    pub(crate) fn keys(self) -> Option<Vec<&'a str>> {
        let parts = self.parts();
        let open = |part: &&Value| {
            let other = part.get("additionalProperties");
            other.is_some_and(|other| *other != Value::Bool(false))
                || part.get("patternProperties").is_some()
        };
        let tables: Vec<&Value> = parts
            .into_iter()
            .filter(|part| part.get("properties").is_some() || part["type"] == "object")
            .collect();
        if tables.is_empty() || tables.iter().any(open) {
            return None;
        }
        let names = tables
            .iter()
            .filter_map(|part| part["properties"].as_object());
        Some(names.flatten().map(|(name, _)| name.as_str()).collect())
    }
    /// Strings here are paths of the host.
    pub(crate) fn is_path(self) -> bool {
        self.path
    }
    /// A repository's file may set this.
    pub(crate) fn is_free(self) -> bool {
        self.repository
    }

    fn at(self, here: &'a Value) -> Self {
        Self { here, ..self }.resolved()
    }
    /// Follows references, and notes what is said on the way.
    fn resolved(mut self) -> Self {
        // A schema refers to itself at most once per level; more would be a loop.
        for _ in 0..16 {
            self.path |= self.here[PATH] == true;
            self.repository |= self.here[REPOSITORY] == true;
            let Some(name) = self.here["$ref"].as_str() else {
                break;
            };
            let Some(target) = name.strip_prefix('#').and_then(|at| self.root.pointer(at)) else {
                break;
            };
            self.here = target;
        }
        self
    }
    /// This part and its alternatives.
    fn parts(self) -> Vec<&'a Value> {
        let mut parts = vec![self.here];
        for word in ["anyOf", "oneOf", "allOf"] {
            let below = self.here[word].as_array().into_iter().flatten();
            parts.extend(below.map(|part| self.at(part).here));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Sample {
        #[schemars(extend("x-bottle-path" = true))]
        folder: Option<std::path::PathBuf>,
        inner: Option<Inner>,
        map: std::collections::BTreeMap<String, Inner>,
        #[schemars(extend("x-bottle-repository" = true))]
        list: Vec<String>,
    }
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Inner {
        name: String,
    }

    #[test]
    fn keys_annotations_and_references_are_found() {
        let root = schemars::schema_for!(Sample).to_value();
        let schema = PluginSchema::new(&root);
        let mut keys = schema.keys().unwrap();
        keys.sort_unstable();
        assert_eq!(keys, ["folder", "inner", "list", "map"]);
        assert!(schema.key("folder").unwrap().is_path());
        assert!(!schema.key("list").unwrap().is_path());
        assert!(schema.key("list").unwrap().item().unwrap().is_free());
        assert_eq!(schema.key("inner").unwrap().keys().unwrap(), ["name"]);
        let map = schema.key("map").unwrap();
        assert!(map.keys().is_none());
        assert_eq!(map.key("any").unwrap().keys().unwrap(), ["name"]);
        assert!(schema.key("nothing").is_none());
    }
}
