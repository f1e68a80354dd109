//! The order of the built-in provisioners.

/// Their names, in the order they run.
pub const ORDER: &[&str] = &[
    "user",
    "ca",
    "workspace",
    "git",
    "prompt",
    "skills",
    "ssh",
    "files",
    "env",
];

/// Everything before `name`.
pub(crate) fn before(name: &str) -> &'static [&'static str] {
    let at = ORDER.iter().position(|other| *other == name);
    &ORDER[..at.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use bottle_api::{PluginTable, Provisioner, Registry};

    use super::*;

    #[test]
    fn every_name_is_registered_and_declares_the_ones_before_it() {
        let registry = Registry::linked().unwrap();
        let mut linked: Vec<&str> = registry.provisioners().map(|r| r.name).collect();
        let mut wanted = ORDER.to_vec();
        linked.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(linked, wanted);
        for (at, name) in ORDER.iter().enumerate() {
            let registration = registry.provisioner(name).unwrap();
            let built: Box<dyn Provisioner> = registration.build(&PluginTable::empty()).unwrap();
            assert_eq!(built.name(), *name);
            assert_eq!(built.after(), &ORDER[..at]);
        }
    }

    #[test]
    fn unknown_keys_are_refused_everywhere_but_in_the_free_tables() {
        let registry = Registry::linked().unwrap();
        let document = toml::de::DeTable::parse("surely_no_key = 1").unwrap();
        let table = toml::Spanned::new(
            document.span(),
            toml::de::DeValue::Table(document.into_inner()),
        );
        for registration in registry.provisioners() {
            let refused = registration.build(&PluginTable::new(&table)).is_err();
            assert!(refused, "{}", registration.name);
        }
    }
}
