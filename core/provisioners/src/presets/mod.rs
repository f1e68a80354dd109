//! The agents that come with `bottle`, as data.
//!
//! Each is what its own command line was seen to need: hosts, headers, files and switches with
//! which it starts without a question, updates nothing, reports nothing, and leaves fencing to
//! the bottle around it.

mod claude;
mod codex;
mod gemini;
mod opencode;
mod parts;
mod recipe;
mod shell;

use bottle_api::AgentSpec;

/// All of them, by name.
pub fn presets() -> Vec<AgentSpec> {
    vec![
        claude::claude(),
        codex::codex(),
        gemini::gemini(),
        opencode::opencode(),
        shell::shell(),
    ]
}

#[cfg(test)]
mod tests;
