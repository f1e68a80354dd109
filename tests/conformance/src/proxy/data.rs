//! The hop as data.

use std::{collections::BTreeSet, io::Write as _, time::Duration};

use bottle_api::{CaPart, Content, Mount, ReadyCheck, SecretRef};

use super::{ProxySuite, each_hop, hop, places, text};
use crate::{
    Checked, Miss,
    plugin::{is_inside, is_variable, task},
    runner::Task,
    scene,
    verdict::{ensure, same},
};

pub(super) fn tasks(suite: &ProxySuite) -> Vec<Task> {
    vec![
        task(suite, "hop::the same input gives the same hop", pure),
        task(
            suite,
            "hop::no secret value is in it, nor is any read",
            no_secret,
        ),
        task(
            suite,
            "hop::it is data that can be written and read",
            round_trip,
        ),
        task(suite, "hop::its user is never root", user),
        task(
            suite,
            "hop::it mounts volumes and memory, nothing of the host",
            mounts,
        ),
        task(suite, "hop::its files go into its volumes only", files),
        task(
            suite,
            "hop::nobody but its own user reads its secrets",
            modes,
        ),
        task(
            suite,
            "hop::only a hop that ends TLS has the key of the session's CA",
            ca,
        ),
        task(suite, "hop::its environment can be set", env),
        task(
            suite,
            "hop::its image can be replaced by a key of its own table",
            image,
        ),
        task(
            suite,
            "hop::it proves that it is ready by a program with a limit",
            ready,
        ),
        task(
            suite,
            "hop::its ports can be opened without privileges",
            ports,
        ),
        task(suite, "hop::the first hop takes what agents send", accepts),
        task(suite, "hop::it asks for memory", memory),
    ]
}

fn pure(suite: &ProxySuite) -> Checked {
    let (one, other) = (suite.proxy()?, suite.proxy()?);
    for place in places() {
        for (what, policy) in super::policies() {
            let first = hop(&*one, &place, &policy).map_err(|e| e.to_string());
            // Neither a clock nor chance has a say.
            std::thread::sleep(Duration::from_millis(2));
            for proxy in [&one, &other] {
                let again = hop(&**proxy, &place, &policy).map_err(|e| e.to_string());
                same!(again, first, "{}, {what}, planned again", place.what);
            }
        }
    }
    Ok(())
}

fn no_secret(suite: &ProxySuite) -> Checked {
    let value = "bottle-secret-of-the-policy";
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(value.as_bytes())?;
    let proxy = suite.proxy()?;
    let secret = SecretRef::FromFile(file.path().to_owned());
    let policy = scene::credential_policy("api.one.test", secret.clone());
    for place in places() {
        if let Ok(plan) = hop(&*proxy, &place, &policy) {
            let text = text(&plan)?;
            ensure!(
                !text.contains(value),
                "{}: the value of a secret",
                place.what
            );
            if plan.enforces.credentials {
                let path = file.path().to_string_lossy();
                ensure!(
                    text.contains(&*path),
                    "{}: no reference to the secret",
                    place.what
                );
            }
        }
    }
    Ok(())
}

fn round_trip(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let read = serde_json::from_str(&text(plan)?);
        let read: bottle_api::HopPlan = read.map_err(|error| Miss::broken(error.to_string()))?;
        ensure!(read == *plan, "it is another one when read again");
        Ok(())
    })
}

fn user(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let (uid, gid) = plan.user.split_once(':').unwrap_or((&plan.user, "1"));
        let is_root = |id: &str| id == "root" || id.parse::<u32>() == Ok(0) || id.is_empty();
        ensure!(!is_root(uid) && !is_root(gid), "it runs as `{}`", plan.user);
        Ok(())
    })
}

fn mounts(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        for mount in &plan.mounts {
            match mount {
                Mount::Bind { source, .. } => {
                    return Err(Miss::broken(format!("`{}` of the host", source.display())));
                }
                Mount::Volume { target } | Mount::Tmpfs { target, .. } => {
                    ensure!(is_inside(target) && target != "/", "mounted at `{target}`");
                }
            }
        }
        Ok(())
    })
}

fn files(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        for file in &plan.files {
            ensure!(
                is_inside(&file.path),
                "`{}` is not an absolute path",
                file.path
            );
            let inside = plan.mounts.iter().any(|mount| match mount {
                Mount::Volume { target } => file.path.starts_with(&format!("{target}/")),
                _ => false,
            });
            ensure!(inside, "`{}` is in none of its volumes", file.path);
        }
        Ok(())
    })
}

fn is_secret(content: &Content) -> bool {
    match content {
        Content::SecretMap(secrets) => !secrets.is_empty(),
        Content::Template(pieces) => {
            let text = |piece: &bottle_api::Piece| matches!(piece, bottle_api::Piece::Text(_));
            !pieces.iter().all(text)
        }
        Content::Ca(part) => matches!(part, CaPart::KeyAndCertificate | CaPart::Sec1Key),
        _ => false,
    }
}

fn modes(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        for file in plan.files.iter().filter(|file| is_secret(&file.content)) {
            ensure!(
                file.mode.trailing_zeros() >= 3,
                "all may touch `{}` ({:o})",
                file.path,
                file.mode
            );
        }
        Ok(())
    })
}

fn ca(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let key = plan.files.iter().any(|file| {
            matches!(
                file.content,
                Content::Ca(CaPart::KeyAndCertificate | CaPart::Sec1Key)
            )
        });
        same!(
            key,
            plan.ends_tls,
            "whether it has the key, and whether it ends TLS"
        );
        Ok(())
    })
}

fn env(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let wrong: Vec<_> = plan.env.keys().filter(|name| !is_variable(name)).collect();
        ensure!(wrong.is_empty(), "no names of variables: {wrong:?}");
        Ok(())
    })
}

fn image(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let key = &plan.image.config_key;
        let own = format!("proxy.{}.", suite.name);
        ensure!(
            key.starts_with(&own),
            "`{key}` is not in `[proxy.{}]`",
            suite.name
        );
        Ok(())
    })
}

fn ready(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| match &plan.ready {
        ReadyCheck::Running => Err(Miss::broken("running is all that it proves")),
        ReadyCheck::Exec { argv, timeout } => {
            ensure!(!argv.is_empty(), "no program");
            let limits = Duration::from_secs(1)..=Duration::from_mins(5);
            ensure!(limits.contains(timeout), "a limit of {timeout:?}");
            Ok(())
        }
    })
}

fn ports(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        let mut ports = BTreeSet::from([plan.port]);
        ports.extend(plan.scan.as_ref().map(|scan| scan.port));
        ports.extend(plan.health.as_ref().map(|health| health.port));
        let low: Vec<_> = ports.iter().filter(|port| **port < 1024).collect();
        ensure!(low.is_empty(), "{low:?} need a capability");
        Ok(())
    })
}

fn accepts(suite: &ProxySuite) -> Checked {
    use bottle_api::Accepts;
    each_hop(suite, |plan, place| {
        for way in [Accepts::Connect, Accepts::AbsoluteHttp] {
            ensure!(
                !place.first || plan.accepts.contains(&way),
                "agents send {way:?}, it takes {:?}",
                plan.accepts
            );
        }
        ensure!(!plan.accepts.is_empty(), "it takes nothing");
        Ok(())
    })
}

fn memory(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        ensure!(plan.memory >= 4 << 20, "{} bytes of memory", plan.memory);
        Ok(())
    })
}
