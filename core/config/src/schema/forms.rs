//! The written forms of values that can be said in more than one way.

use schemars::{Schema, SchemaGenerator, json_schema};

type Generator = SchemaGenerator;

pub(crate) fn size(_: &mut Generator) -> Schema {
    json_schema!({
        "type": ["string", "integer"],
        "description": "Bytes: `4GiB`, `512MiB`, a whole number, or `unlimited`.",
    })
}

pub(crate) fn number(_: &mut Generator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "number", "minimum": 0.01 }, { "type": "string" }],
        "description": "A number of processors, or `unlimited`.",
    })
}

pub(crate) fn count(_: &mut Generator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "integer", "minimum": 1 }, { "const": "unlimited" }],
    })
}

pub(crate) fn rules(_: &mut Generator) -> Schema {
    json_schema!({
        "type": "array",
        "description": "Hosts that may be reached. Layers add up.",
        "items": { "anyOf": [
            { "type": "string", "description": "`api.example.com`, or `*.example.com` for all names below it." },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["host"],
                "properties": {
                    "host": { "type": "string", "description": "A name, or `*.` and a name." },
                    "ports": {
                        "type": "array", "minItems": 1,
                        "items": { "type": "integer", "minimum": 1, "maximum": 65535 },
                        "description": "Without it 443, and 80 for plain HTTP.",
                    },
                    "methods": {
                        "type": "array", "minItems": 1, "items": { "type": "string" },
                        "description": "HTTP methods; without it all.",
                    },
                    "paths": {
                        "type": "array", "minItems": 1,
                        "items": { "type": "string", "pattern": "^/" },
                        "description": "Path globs: `*` inside a segment, `**` over segments; without it all.",
                    },
                    "class": {
                        "enum": ["inspect", "tunnel", "passthrough"],
                        "description": "How a proxy that ends TLS treats it: scanned whole; only host, method and path; not decrypted.",
                    },
                },
            },
        ] },
    })
}

fn references() -> serde_json::Map<String, serde_json::Value> {
    let value = serde_json::json!({
        "from_env": { "type": "string", "description": "A variable of bottle's own environment." },
        "from_file": { "type": "string", "description": "A file of this machine." },
        "from_command": {
            "type": "array", "minItems": 1, "items": { "type": "string" },
            "description": "A program and its arguments; its output is the value. No shell.",
        },
        "prompt": { "type": "string", "description": "Asked on the terminal with this text." },
    });
    match value {
        serde_json::Value::Object(map) => map,
        _ => serde_json::Map::new(),
    }
}

fn one_source() -> serde_json::Value {
    serde_json::json!([
        { "required": ["from_env"] },
        { "required": ["from_file"] },
        { "required": ["from_command"] },
        { "required": ["prompt"] },
    ])
}

pub(crate) fn secrets(_: &mut Generator) -> Schema {
    let mut properties = references();
    properties.insert(
        "inject".to_owned(),
        serde_json::json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["hosts"],
            "description": "At the proxy: the agent holds a placeholder. Preferred.",
            "properties": {
                "hosts": {
                    "type": "array", "minItems": 1, "items": { "type": "string" },
                    "description": "The only hosts whose requests get the value.",
                },
                "header": { "type": "string", "description": "The header; `authorization` without it." },
                "format": {
                    "type": "string", "pattern": "\\{\\}",
                    "description": "`{}` stands for the value; without it `Bearer {}` for `authorization`, else `{}`.",
                },
                "always": { "type": "boolean", "description": "Add the header even when the agent did not send it." },
                "env": {
                    "type": "array", "items": { "type": "string" },
                    "description": "The agent's variables that hold the placeholder; without it one named as the secret.",
                },
            },
        }),
    );
    properties.insert(
        "env".to_owned(),
        serde_json::json!({
            "type": ["string", "boolean"],
            "description": "Into this variable of the agent; `true` is one named as the secret.",
        }),
    );
    properties.insert(
        "file".to_owned(),
        serde_json::json!({
            "type": "string", "pattern": "^(/|~/)",
            "description": "Into this file of the agent, mode 0600.",
        }),
    );
    json_schema!({
        "type": "object",
        "description": "Secrets by name: exactly one source and one delivery each.",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "allOf": [
                { "oneOf": one_source() },
                { "oneOf": [
                    { "required": ["inject"] }, { "required": ["env"] }, { "required": ["file"] },
                ] },
            ],
        },
    })
}

pub(crate) fn variables(_: &mut Generator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "Variables by name.",
        "additionalProperties": { "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "additionalProperties": false,
                "properties": references(),
                "oneOf": one_source(),
            },
        ] },
    })
}

pub(crate) fn mounts(_: &mut Generator) -> Schema {
    json_schema!({
        "type": "array",
        "description": "Further folders and files of the host. Layers add up.",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["source", "target"],
            "properties": {
                "source": { "type": "string", "description": "On the host; relative to this file." },
                "target": { "type": "string", "pattern": "^/", "description": "Inside." },
                "read_only": { "type": "boolean", "default": true },
            },
        },
    })
}

fn image() -> serde_json::Value {
    let arguments = serde_json::json!({
        "type": "object", "additionalProperties": { "type": "string" },
        "description": "Build arguments.",
    });
    serde_json::json!({
        "description": "The image: a reference, a folder to build, or a recipe.",
        "anyOf": [
            { "type": "string" },
            {
                "type": "object", "additionalProperties": false, "required": ["reference"],
                "properties": {
                    "reference": { "type": "string" },
                    "pull": { "enum": ["missing", "always", "never"] },
                },
            },
            {
                "type": "object", "additionalProperties": false, "required": ["build"],
                "properties": {
                    "build": { "type": "string", "description": "The folder; relative to this file." },
                    "dockerfile": { "type": "string", "description": "Relative to the folder." },
                    "target": { "type": "string", "description": "The stage." },
                    "args": arguments,
                },
            },
            {
                "type": "object", "additionalProperties": false, "required": ["recipe"],
                "properties": {
                    "recipe": { "type": "string", "description": "The text of a Dockerfile." },
                    "args": arguments,
                },
            },
        ],
    })
}

fn prompt() -> serde_json::Value {
    serde_json::json!({
        "description": "Where a standing instruction goes.",
        "oneOf": [
            {
                "type": "object", "additionalProperties": false, "required": ["file"],
                "properties": { "file": { "type": "string", "description": "A file it reads by itself." } },
            },
            {
                "type": "object", "additionalProperties": false, "required": ["args"],
                "properties": { "args": {
                    "type": "array", "items": { "type": "string" },
                    "description": "Arguments; `{}` stands for the text's path inside.",
                } },
            },
        ],
    })
}

fn files() -> serde_json::Value {
    serde_json::json!({
        "type": "array",
        "description": "Files it wants before it starts.",
        "items": {
            "type": "object", "additionalProperties": false, "required": ["path"],
            "oneOf": [{ "required": ["text"] }, { "required": ["source"] }],
            "properties": {
                "path": { "type": "string", "pattern": "^(/|~/)" },
                "mode": { "type": "string", "pattern": "^0?[0-7]{3}$" },
                "text": { "type": "string" },
                "source": { "type": "string", "description": "A file of this machine." },
            },
        },
    })
}

pub(crate) fn agents(generator: &mut Generator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "Agents by name; the name of a preset changes that preset.",
        "propertyNames": { "pattern": "^[a-z0-9][a-z0-9-]*$" },
        "additionalProperties": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "extends": { "type": "string", "description": "The preset or agent it begins as." },
                "summary": { "type": "string", "description": "One line for people." },
                "image": image(),
                "command": {
                    "type": "array", "minItems": 1, "items": { "type": "string" },
                    "description": "The program and its arguments.",
                },
                "replace_command": {
                    "type": "boolean",
                    "description": "Arguments behind `--` replace the command instead of following it.",
                },
                "env": variables(generator),
                "file": files(),
                "allow": rules(generator),
                "login": secrets(generator),
                "prompt": prompt(),
                "skills_dir": { "type": "string", "pattern": "^(/|~/)", "description": "Where skills go inside." },
            },
        },
    })
}
