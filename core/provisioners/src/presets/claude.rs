//! Claude Code.

use bottle_api::{AgentSpec, PromptTarget};

use super::{parts, recipe};

const API: &str = "api.anthropic.com";

/// Answers the questions of the first start: theme and login are chosen, and the key in the
/// environment may be used. Claude Code knows a key by its last twenty characters, which for a
/// placeholder are always the same.
const STATE: &str = r#"{
  "hasCompletedOnboarding": true,
  "customApiKeyResponses": { "approved": ["or-anthropic-api-key"], "rejected": [] }
}
"#;

/// The warning before its permission checks are skipped was read here.
const SETTINGS: &str = r#"{
  "skipDangerousModePermissionPrompt": true
}
"#;

pub(super) fn claude() -> AgentSpec {
    AgentSpec {
        image: recipe::image("claude", Some("@anthropic-ai/claude-code@2.1.330")),
        env: parts::env(&[
            ("DISABLE_AUTOUPDATER", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1"),
            // The folder is trusted without being asked about.
            ("CLAUDE_CODE_SANDBOXED", "1"),
            // Permission checks may be skipped by uid 0 too.
            ("IS_SANDBOX", "1"),
        ]),
        files: vec![
            parts::file("~/.claude.json", STATE),
            parts::file("~/.claude/settings.json", SETTINGS),
        ],
        allow: vec![parts::allow(API)],
        login: vec![
            parts::login("ANTHROPIC_API_KEY", API, "x-api-key", "{}"),
            parts::login("CLAUDE_CODE_OAUTH_TOKEN", API, "authorization", "Bearer {}"),
        ],
        prompt: Some(PromptTarget::File("~/.claude/CLAUDE.md".into())),
        skills_dir: Some("~/.claude/skills".into()),
        ..parts::agent(
            "claude",
            "Claude Code",
            &["claude", "--dangerously-skip-permissions"],
        )
    }
}
