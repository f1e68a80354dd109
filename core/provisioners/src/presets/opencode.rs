//! opencode.

use bottle_api::{AgentSpec, PromptTarget};

use super::{parts, recipe};

const ANTHROPIC: &str = "api.anthropic.com";
const OPENAI: &str = "api.openai.com";

const CONFIG: &str = r#"{
  "$schema": "https://opencode.ai/config.json",
  "autoupdate": false,
  "share": "disabled",
  "permission": "allow"
}
"#;

pub(super) fn opencode() -> AgentSpec {
    AgentSpec {
        image: recipe::image("opencode", Some("opencode-ai@1.18.33")),
        env: parts::env(&[
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            // It has a list of models built in.
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ]),
        files: vec![parts::file("~/.config/opencode/opencode.json", CONFIG)],
        allow: vec![parts::allow(ANTHROPIC), parts::allow(OPENAI)],
        login: vec![
            parts::login("ANTHROPIC_API_KEY", ANTHROPIC, "x-api-key", "{}"),
            parts::login("OPENAI_API_KEY", OPENAI, "authorization", "Bearer {}"),
        ],
        prompt: Some(PromptTarget::File("~/.config/opencode/AGENTS.md".into())),
        skills_dir: Some("~/.config/opencode/skills".into()),
        ..parts::agent("opencode", "opencode", &["opencode"])
    }
}
