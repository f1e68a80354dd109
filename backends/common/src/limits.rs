//! Time limits, as the tables of all backends write them.

use bottle_api::ConfigError;

/// Refuses limits that are none.
pub fn check_limits(timeout_secs: u64, image_timeout_secs: u64) -> Result<(), ConfigError> {
    for (key, value) in [
        ("timeout_secs", timeout_secs),
        ("image_timeout_secs", image_timeout_secs),
    ] {
        if !(1..=86_400).contains(&value) {
            return Err(ConfigError::new(format!(
                "`{key}` must lie between 1 and 86400"
            )));
        }
    }
    Ok(())
}
