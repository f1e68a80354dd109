//! The order of provisioners.

use bottle_api::Provisioner;

use super::PlanError;

/// Sorts them so that each comes after those it names, and otherwise in the given order.
pub(super) fn sort(given: &[Box<dyn Provisioner>]) -> Result<Vec<&dyn Provisioner>, PlanError> {
    let mut waiting: Vec<&dyn Provisioner> = given.iter().map(AsRef::as_ref).collect();
    for (n, one) in waiting.iter().enumerate() {
        if waiting[..n].iter().any(|other| other.name() == one.name()) {
            return Err(PlanError::conflict(
                format!("provisioner `{}` is named twice", one.name()),
                "name it once",
            ));
        }
    }
    let mut sorted: Vec<&dyn Provisioner> = Vec::new();
    while !waiting.is_empty() {
        let free = waiting.iter().position(|one| {
            !waiting
                .iter()
                .any(|other| one.after().contains(&other.name()) && other.name() != one.name())
        });
        let Some(at) = free else {
            let names: Vec<_> = waiting.iter().map(|p| format!("`{}`", p.name())).collect();
            return Err(PlanError::conflict(
                format!(
                    "provisioners {} each want to come after another",
                    names.join(", ")
                ),
                "leave one of them out",
            ));
        };
        sorted.push(waiting.remove(at));
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use bottle_api::{AgentPatch, PluginError, ProvisionContext};

    use super::*;

    #[derive(Debug)]
    struct Step(&'static str, &'static [&'static str]);
    impl Provisioner for Step {
        fn name(&self) -> &'static str {
            self.0
        }
        fn after(&self) -> &'static [&'static str] {
            self.1
        }
        fn patch(&self, _: &ProvisionContext<'_>) -> Result<AgentPatch, PluginError> {
            Ok(AgentPatch::default())
        }
    }
    fn sorted(steps: &[(&'static str, &'static [&'static str])]) -> Result<String, String> {
        let boxed: Vec<Box<dyn Provisioner>> = steps
            .iter()
            .map(|(name, after)| Box::new(Step(name, after)) as Box<dyn Provisioner>)
            .collect();
        match sort(&boxed) {
            Ok(sorted) => Ok(sorted
                .iter()
                .map(|p| p.name())
                .collect::<Vec<_>>()
                .join(" ")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn declared_order_wins_over_given_order() {
        assert_eq!(
            sorted(&[("c", &["a", "gone"]), ("b", &[]), ("a", &[]), ("d", &["b"])]).unwrap(),
            "b a c d"
        );
    }

    #[test]
    fn circles_and_doubles_are_refused() {
        let error = sorted(&[("x", &[]), ("a", &["b"]), ("b", &["a"])]).unwrap_err();
        assert!(
            error.contains("`a`, `b`") && !error.contains("`x`"),
            "{error}"
        );
        assert!(
            sorted(&[("a", &[]), ("a", &[])])
                .unwrap_err()
                .contains("twice")
        );
        assert_eq!(sorted(&[("a", &["a"])]).unwrap(), "a");
    }
}
