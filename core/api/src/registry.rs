//! Plugin registration: `inventory` at the edge, a [`Registry`] value everywhere else.

use std::{collections::BTreeMap, fmt};

use crate::{Backend, ConfigError, PluginTable, Provisioner, Proxy};

/// Raised by every breaking change to a trait of this crate.
pub const API_VERSION: u32 = 1;

/// Implemented by the type a plugin crate registers.
pub trait PluginBuild<T: ?Sized>: Sized {
    /// The name config selects it by: lower case, digits, hyphens.
    const NAME: &'static str;
    /// One line for people.
    const SUMMARY: &'static str;
    /// Its table in the config; every field needs a default.
    type Config: serde::de::DeserializeOwned + schemars::JsonSchema;
    /// Checks and stores. Pure: connects to nothing, reads no file.
    fn build(config: Self::Config) -> Result<Box<T>, ConfigError>;
}

/// The crate a plugin came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Package name.
    pub package: &'static str,
    /// Package version.
    pub version: &'static str,
}
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.version)
    }
}

/// One registered plugin. `const`-constructible, so that it can live in an inventory.
pub struct Registration<T: ?Sized + 'static> {
    /// The name config selects it by.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The crate it came from.
    pub origin: Origin,
    /// The [`API_VERSION`] it was built against.
    pub api: u32,
    build: fn(&PluginTable<'_>) -> Result<Box<T>, ConfigError>,
    schema: fn() -> schemars::Schema,
}

impl<T: ?Sized + 'static> Registration<T> {
    /// Describes `P`.
    pub const fn of<P: PluginBuild<T>>(origin: Origin) -> Self {
        Self {
            name: P::NAME,
            summary: P::SUMMARY,
            origin,
            api: API_VERSION,
            build: |table| P::build(table.deserialize()?),
            schema: || schemars::schema_for!(P::Config),
        }
    }
    /// The same plugin, claiming to be built against another API. For tests.
    #[must_use]
    pub const fn with_api(mut self, api: u32) -> Self {
        self.api = api;
        self
    }
    /// Builds the plugin from its table.
    pub fn build(&self, table: &PluginTable<'_>) -> Result<Box<T>, ConfigError> {
        (self.build)(table)
    }
    /// The JSON Schema of its table.
    pub fn schema(&self) -> schemars::Schema {
        (self.schema)()
    }
}

impl<T: ?Sized> fmt::Debug for Registration<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

inventory::collect!(Registration<dyn Backend>);
inventory::collect!(Registration<dyn Proxy>);
inventory::collect!(Registration<dyn Provisioner>);

/// Registers a type that implements `PluginBuild<dyn Backend>`.
#[macro_export]
macro_rules! register_backend {
    ($ty:ty) => {
        $crate::__register!(dyn $crate::Backend, $ty);
    };
}
/// Registers a type that implements `PluginBuild<dyn Proxy>`.
#[macro_export]
macro_rules! register_proxy {
    ($ty:ty) => {
        $crate::__register!(dyn $crate::Proxy, $ty);
    };
}
/// Registers a type that implements `PluginBuild<dyn Provisioner>`.
#[macro_export]
macro_rules! register_provisioner {
    ($ty:ty) => {
        $crate::__register!(dyn $crate::Provisioner, $ty);
    };
}
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($trait:ty, $ty:ty) => {
        $crate::__private::inventory::submit! {
            $crate::Registration::<$trait>::of::<$ty>($crate::Origin {
                package: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            })
        }
    };
}

/// Plugins of one kind, by name.
type Table<T> = BTreeMap<&'static str, &'static Registration<T>>;

/// The plugins one binary knows. The engine is handed one; it never asks the inventory.
#[derive(Debug, Default)]
pub struct Registry {
    backends: Table<dyn Backend>,
    proxies: Table<dyn Proxy>,
    provisioners: Table<dyn Provisioner>,
}

/// Why a registry cannot be made or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two crates claim one name.
    #[error(
        "{kind} `{name}` is registered by both {first} and {second}; build without one of them"
    )]
    Duplicate {
        /// `backend`, `proxy` or `provisioner`.
        kind: &'static str,
        /// The name.
        name: &'static str,
        /// One of them.
        first: Origin,
        /// The other.
        second: Origin,
    },
    /// A plugin was built against another API.
    #[error(
        "{kind} `{name}` of {origin} was built for plugin API {found}, this binary has {API_VERSION}; \
         rebuild both against the same bottle-api"
    )]
    ApiMismatch {
        /// `backend`, `proxy` or `provisioner`.
        kind: &'static str,
        /// The name.
        name: &'static str,
        /// Its crate.
        origin: Origin,
        /// Its API.
        found: u32,
    },
    /// Nobody registered that name.
    #[error("unknown {kind} `{name}`; this binary has: {}", available.join(", "))]
    Unknown {
        /// `backend`, `proxy` or `provisioner`.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// What there is.
        available: Vec<&'static str>,
    },
}

impl Registry {
    /// No plugins.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every plugin linked into the running binary.
    pub fn linked() -> Result<Self, RegistryError> {
        let mut this = Self::empty();
        for registration in inventory::iter::<Registration<dyn Backend>> {
            insert("backend", &mut this.backends, registration)?;
        }
        for registration in inventory::iter::<Registration<dyn Proxy>> {
            insert("proxy", &mut this.proxies, registration)?;
        }
        for registration in inventory::iter::<Registration<dyn Provisioner>> {
            insert("provisioner", &mut this.provisioners, registration)?;
        }
        Ok(this)
    }

    /// Adds a backend.
    pub fn add_backend(
        &mut self,
        registration: &'static Registration<dyn Backend>,
    ) -> Result<(), RegistryError> {
        insert("backend", &mut self.backends, registration)
    }
    /// Adds a proxy.
    pub fn add_proxy(
        &mut self,
        registration: &'static Registration<dyn Proxy>,
    ) -> Result<(), RegistryError> {
        insert("proxy", &mut self.proxies, registration)
    }
    /// Adds a provisioner.
    pub fn add_provisioner(
        &mut self,
        registration: &'static Registration<dyn Provisioner>,
    ) -> Result<(), RegistryError> {
        insert("provisioner", &mut self.provisioners, registration)
    }

    /// The backend of that name.
    pub fn backend(&self, name: &str) -> Result<&'static Registration<dyn Backend>, RegistryError> {
        get("backend", &self.backends, name)
    }
    /// The proxy of that name.
    pub fn proxy(&self, name: &str) -> Result<&'static Registration<dyn Proxy>, RegistryError> {
        get("proxy", &self.proxies, name)
    }
    /// The provisioner of that name.
    pub fn provisioner(
        &self,
        name: &str,
    ) -> Result<&'static Registration<dyn Provisioner>, RegistryError> {
        get("provisioner", &self.provisioners, name)
    }

    /// All backends, sorted by name.
    pub fn backends(&self) -> impl Iterator<Item = &'static Registration<dyn Backend>> + '_ {
        self.backends.values().copied()
    }
    /// All proxies, sorted by name.
    pub fn proxies(&self) -> impl Iterator<Item = &'static Registration<dyn Proxy>> + '_ {
        self.proxies.values().copied()
    }
    /// All provisioners, sorted by name.
    pub fn provisioners(
        &self,
    ) -> impl Iterator<Item = &'static Registration<dyn Provisioner>> + '_ {
        self.provisioners.values().copied()
    }
}

fn insert<T: ?Sized>(
    kind: &'static str,
    table: &mut Table<T>,
    registration: &'static Registration<T>,
) -> Result<(), RegistryError> {
    if registration.api != API_VERSION {
        return Err(RegistryError::ApiMismatch {
            kind,
            name: registration.name,
            origin: registration.origin,
            found: registration.api,
        });
    }
    match table.insert(registration.name, registration) {
        None => Ok(()),
        Some(first) => Err(RegistryError::Duplicate {
            kind,
            name: registration.name,
            first: first.origin,
            second: registration.origin,
        }),
    }
}

fn get<T: ?Sized>(
    kind: &'static str,
    table: &Table<T>,
    name: &str,
) -> Result<&'static Registration<T>, RegistryError> {
    table
        .get(name)
        .copied()
        .ok_or_else(|| RegistryError::Unknown {
            kind,
            name: name.to_owned(),
            available: table.keys().copied().collect(),
        })
}
