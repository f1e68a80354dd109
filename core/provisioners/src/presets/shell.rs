//! A shell.

use bottle_api::AgentSpec;

use super::parts;

/// No agent: a shell in a bottle. Arguments are a command to run instead of it.
pub(super) fn shell() -> AgentSpec {
    AgentSpec {
        replace_command: true,
        ..parts::agent("shell", "a shell, or any command", &["/bin/bash"])
    }
}
