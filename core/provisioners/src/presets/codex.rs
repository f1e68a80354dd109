//! Codex.

use bottle_api::{AgentSpec, PromptTarget};

use super::{parts, recipe};

const API: &str = "api.openai.com";

/// A provider of its own, because the built-in one wants a login on disk: this one takes the
/// key from the environment, and stays with HTTP, which a proxy can read.
const CONFIG: &str = r#"model_provider = "openai-key"
check_for_update_on_startup = false
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.openai-key]
name = "OpenAI"
base_url = "https://api.openai.com/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
supports_websockets = false

[analytics]
enabled = false

[feedback]
enabled = false

[otel]
metrics_exporter = "none"

[features]
plugins = false

[tui]
show_tooltips = false

[notice]
hide_full_access_warning = true
"#;

pub(super) fn codex() -> AgentSpec {
    AgentSpec {
        image: recipe::image("codex", Some("@openai/codex@0.169.0")),
        files: vec![parts::file("~/.codex/config.toml", CONFIG)],
        allow: vec![parts::allow(API)],
        login: vec![parts::login(
            "OPENAI_API_KEY",
            API,
            "authorization",
            "Bearer {}",
        )],
        prompt: Some(PromptTarget::File("~/.codex/AGENTS.md".into())),
        skills_dir: Some("~/.codex/skills".into()),
        ..parts::agent("codex", "Codex", &["codex"])
    }
}
