//! The contract of `bottle`'s plugins: traits, plan data, events, errors, registration.
//!
//! A plugin author reads this crate and no other. It does no I/O and knows no engine and no
//! proxy product.
//!
//! * A **backend** ([`Backend`]) is a container engine cut down to a dozen verbs.
//! * A **proxy** ([`Proxy`]) is a pure function from its config and its place in the chain to
//!   one hop, as data.
//! * A **provisioner** ([`Provisioner`]) finishes the agent's container.
#![deny(missing_docs)]

mod backend;
mod config;
mod duration_ms;
mod egress;
mod error;
mod event;
mod guarantee;
mod ids;
mod image;
mod plan;
mod process;
mod provisioner;
mod proxy;
mod registry;
mod secret;
mod secret_shape;
mod spec;

pub use async_trait::async_trait;
pub use backend::{
    Backend, BackendInfo, ContainerRequest, ContainerState, LogRequest, NetworkRequest, OpContext,
    OwnedResource, OwnedSelector, Removed, ResolvedAttachment, ResourceKind,
};
pub use config::{ConfigError, PluginTable};
pub use egress::{
    AllowRule, Credential, DlpMode, EgressPolicy, HostPattern, HostPatternError, TrafficClass,
};
pub use error::{BackendError, BackendErrorKind, PluginError};
pub use event::{Decision, EgressEvent, Event, EventSink, Phase};
pub use guarantee::{Guarantee, Statement};
pub use ids::{
    ContainerId, ImageId, InstanceId, Labels, NetworkId, Ownership, Role, SessionId, label,
};
pub use image::{
    ContextBuild, Derive, ImagePlan, ImageSource, PullPolicy, Recipe, RecipeFile, RecipeSource,
};
pub use plan::{
    Attachment, CaPart, ContainerPlan, Content, Dns, FilePlan, Hardening, HostEntry, HostStep,
    HostTarget, LaunchPlan, Limits, Mount, NamePlan, NetworkPlan, Piece, ReadyCheck, SidecarPlan,
    Stdio,
};
pub use process::{
    BoxStream, ExecOutput, ExecRequest, ExitStatus, Output, Process, ProcessControl, TermSize,
};
pub use provisioner::{
    AgentFiles, AgentHandle, AgentPatch, ChainView, ProvisionContext, Provisioner, PutFile,
};
pub use proxy::{Accepts, Enforces, HealthEndpoint, HopContext, HopPlan, NextHop, Proxy, ScanApi};
pub use registry::{API_VERSION, Origin, PluginBuild, Registration, Registry, RegistryError};
pub use secret::{EnvValue, ExposeSecret, SecretRef, SecretString};
pub use secret_shape::{names_secret, secret_shapes};
pub use spec::{
    AgentSpec, AgentUser, Delivery, LaunchSpec, PromptTarget, RuntimeChoice, SecretSpec,
    WorkspaceMode, WorkspaceSpec,
};

#[doc(hidden)]
pub mod __private {
    pub use inventory;
}
