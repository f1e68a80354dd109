//! The variables that point programs at the proxy and at the certificates.

use std::collections::BTreeMap;

use bottle_api::{ChainView, EnvValue};

use super::{BUNDLE, CERTIFICATE, TRUSTSTORE};

/// Hold the proxy's URL. curl reads only the lower case of `http_proxy`; others only the upper.
/// Yarn from version 2 on reads only its own.
const PROXY_URL: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "YARN_HTTP_PROXY",
    "YARN_HTTPS_PROXY",
];

/// Name what is reached directly: the container itself. An agent's own servers must not go out.
const DIRECT: &[&str] = &["NO_PROXY", "no_proxy"];
const DIRECT_HOSTS: &str = "localhost,127.0.0.1,::1";

/// Point at the certificate alone: these programs add it to their own roots.
const ADDS: &[&str] = &["NODE_EXTRA_CA_CERTS", "DENO_CERT", "CODEX_CA_CERTIFICATE"];

/// Point at the bundle: these programs take it instead of their own roots, and hosts that are
/// not decrypted still show their public certificates.
const REPLACES: &[&str] = &[
    // OpenSSL, Python's ssl, httpx, Ruby, PHP, .NET, Go, rustls-native-certs, uv.
    "SSL_CERT_FILE",
    "NIX_SSL_CERT_FILE",
    // Python.
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "HTTPLIB2_CA_CERTS",
    // libcurl and git.
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    // Clouds.
    "AWS_CA_BUNDLE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    // Package managers.
    "NPM_CONFIG_CAFILE",
    "YARN_HTTPS_CA_FILE_PATH",
    "BUNDLE_SSL_CA_CERT",
    "COMPOSER_CAFILE",
    "HEX_CACERTS_PATH",
    "PERL_LWP_SSL_CA_FILE",
    "JULIA_SSL_CA_ROOTS_PATH",
];

/// Switches of programs that would otherwise look only at roots they were built with.
const SYSTEM_STORE: &[(&str, &str)] = &[
    // Older and newer versions know it by different names and ignore the other.
    ("UV_NATIVE_TLS", "true"),
    ("UV_SYSTEM_CERTS", "true"),
    ("DENO_TLS_CA_STORE", "system,mozilla"),
];

/// The whole block.
pub(super) fn environment(chain: &ChainView, java: bool) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        env.insert(name.to_owned(), EnvValue::from(value));
    };
    for name in PROXY_URL {
        set(name, &chain.url);
    }
    for name in DIRECT {
        set(name, DIRECT_HOSTS);
    }
    // Node's own fetch and https look at none of the above without it.
    set("NODE_USE_ENV_PROXY", "1");
    set("CLOUDSDK_PROXY_TYPE", "http");
    set("CLOUDSDK_PROXY_ADDRESS", &chain.host);
    set("CLOUDSDK_PROXY_PORT", &chain.port.to_string());
    if chain.ends_tls {
        for name in ADDS {
            set(name, CERTIFICATE);
        }
        for name in REPLACES {
            set(name, BUNDLE);
        }
        for (name, value) in SYSTEM_STORE {
            set(name, value);
        }
    }
    if java {
        set("JAVA_TOOL_OPTIONS", &java_options(chain));
    }
    env
}

/// What every Java virtual machine reads at its start. It knows none of the variables above.
fn java_options(chain: &ChainView) -> String {
    let mut options: Vec<String> = ["http", "https"]
        .iter()
        .flat_map(|scheme| {
            [
                format!("-D{scheme}.proxyHost={}", chain.host),
                format!("-D{scheme}.proxyPort={}", chain.port),
            ]
        })
        .collect();
    options.push("-Dhttp.nonProxyHosts=localhost|127.*|[::1]".to_owned());
    if chain.ends_tls {
        options.extend([
            format!("-Djavax.net.ssl.trustStore={TRUSTSTORE}"),
            "-Djavax.net.ssl.trustStorePassword=changeit".to_owned(),
            "-Djavax.net.ssl.trustStoreType=PKCS12".to_owned(),
        ]);
    }
    options.join(" ")
}
