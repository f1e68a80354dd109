//! The image, for where the published one cannot be pulled.

use std::collections::BTreeMap;

use bottle_api::{ImagePlan, Recipe};

use crate::config::Config;

/// The image used when none is configured. The add-on's tests run on this version too.
const IMAGE: &str = "mitmproxy/mitmproxy:12.2.3";
const CONFIG_KEY: &str = "proxy.mitmproxy.image";

/// Debian's Python takes mitmproxy 11. Compiled while building, because the sidecar's root file
/// system is read-only and would compile at every start.
const DOCKERFILE: &str = "\
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-venv \\
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/mitmproxy \\
    && /opt/mitmproxy/bin/pip install --no-cache-dir --no-compile mitmproxy==11.0.2 \\
    && /opt/mitmproxy/bin/pip uninstall -y pip setuptools \\
    && find /opt/mitmproxy -type d -name tests -prune -exec rm -rf {} +

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/mitmproxy /opt/mitmproxy
RUN /opt/mitmproxy/bin/python -m compileall -q /opt/mitmproxy/lib \\
    && ln -s /opt/mitmproxy/bin/mitmdump /usr/local/bin/mitmdump
ENTRYPOINT [\"mitmdump\"]
";

/// The configured image alone, or the published one with the recipe behind it.
pub(crate) fn image(config: &Config) -> ImagePlan {
    match &config.image {
        Some(reference) => ImagePlan::pull(reference, CONFIG_KEY),
        None => ImagePlan::pull(IMAGE, CONFIG_KEY).or_recipe(recipe()),
    }
}

fn recipe() -> Recipe {
    Recipe {
        repository: "proxy-mitmproxy".into(),
        dockerfile: DOCKERFILE.into(),
        files: vec![],
        args: BTreeMap::new(),
    }
}
