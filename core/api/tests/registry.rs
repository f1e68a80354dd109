//! What a registry refuses, and what it says.

use bottle_api::{
    API_VERSION, ConfigError, EgressEvent, HopContext, HopPlan, ImagePlan, Origin, PluginBuild,
    PluginError, Proxy, Registration, Registry, RegistryError, register_proxy,
};

#[derive(Debug)]
struct Some1;
impl Proxy for Some1 {
    fn name(&self) -> &'static str {
        "some"
    }
    fn chains(&self) -> bool {
        false
    }
    fn plan(&self, _: &HopContext<'_>) -> Result<HopPlan, PluginError> {
        Ok(HopPlan::new(ImagePlan::pull("a", "b"), 1))
    }
    fn parse_log(&self, _: &str) -> Option<EgressEvent> {
        None
    }
}
impl PluginBuild<dyn Proxy> for Some1 {
    const NAME: &'static str = "some";
    const SUMMARY: &'static str = "for tests";
    type Config = ();
    fn build((): ()) -> Result<Box<dyn Proxy>, ConfigError> {
        Ok(Box::new(Self))
    }
}
register_proxy!(Some1);

const fn origin(package: &'static str) -> Origin {
    Origin {
        package,
        version: "1.2.3",
    }
}
static ONE: Registration<dyn Proxy> = Registration::of::<Some1>(origin("acme-some"));
static TWIN: Registration<dyn Proxy> = Registration::of::<Some1>(origin("other-some"));
static OLD: Registration<dyn Proxy> =
    Registration::of::<Some1>(origin("acme-some")).with_api(API_VERSION - 1);
static NEW: Registration<dyn Proxy> =
    Registration::of::<Some1>(origin("acme-some")).with_api(API_VERSION + 1);

#[test]
fn a_plugin_of_another_api_is_refused_with_both_versions_and_its_crate() {
    for (registration, api) in [(&OLD, API_VERSION - 1), (&NEW, API_VERSION + 1)] {
        let mut registry = Registry::empty();
        let error = registry.add_proxy(registration).unwrap_err();
        assert!(matches!(error, RegistryError::ApiMismatch { found, .. } if found == api));
        let text = error.to_string();
        for wanted in [
            "proxy `some` of acme-some 1.2.3".to_owned(),
            format!("plugin API {api}"),
            format!("this binary has {API_VERSION}"),
            "rebuild both against the same bottle-api".to_owned(),
        ] {
            assert!(text.contains(&wanted), "no `{wanted}` in {text}");
        }
        assert_eq!(registry.proxies().count(), 0, "it is not half in");
    }
}

#[test]
fn a_name_that_two_crates_claim_is_refused_with_both() {
    let mut registry = Registry::empty();
    registry.add_proxy(&ONE).unwrap();
    let text = registry.add_proxy(&TWIN).unwrap_err().to_string();
    assert!(
        text.contains("acme-some 1.2.3") && text.contains("other-some 1.2.3"),
        "{text}"
    );
}

#[test]
fn what_is_linked_is_found_with_its_crate_and_an_unknown_name_lists_what_there_is() {
    let registry = Registry::linked().unwrap();
    let found = registry.proxy("some").unwrap();
    assert_eq!(found.origin.package, env!("CARGO_PKG_NAME"));
    assert_eq!(found.api, API_VERSION);
    let text = registry.proxy("sone").unwrap_err().to_string();
    assert_eq!(text, "unknown proxy `sone`; this binary has: some");
}
