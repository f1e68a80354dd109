//! Gemini CLI.

use bottle_api::{AgentSpec, PromptTarget};

use super::{parts, recipe};

const API: &str = "generativelanguage.googleapis.com";

const SETTINGS: &str = r#"{
  "general": { "enableAutoUpdate": false, "enableAutoUpdateNotification": false },
  "privacy": { "usageStatisticsEnabled": false },
  "security": {
    "auth": { "selectedType": "gemini-api-key" },
    "folderTrust": { "enabled": false }
  },
  "ide": { "hasSeenNudge": true }
}
"#;

pub(super) fn gemini() -> AgentSpec {
    AgentSpec {
        image: recipe::image("gemini", Some("@google/gemini-cli@0.61.0")),
        env: parts::env(&[("GEMINI_SANDBOX", "false")]),
        files: vec![parts::file("~/.gemini/settings.json", SETTINGS)],
        allow: vec![parts::allow(API)],
        login: vec![parts::login("GEMINI_API_KEY", API, "x-goog-api-key", "{}")],
        prompt: Some(PromptTarget::File("~/.gemini/GEMINI.md".into())),
        skills_dir: Some("~/.gemini/skills".into()),
        ..parts::agent("gemini", "Gemini CLI", &["gemini", "--yolo"])
    }
}
