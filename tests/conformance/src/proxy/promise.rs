//! What the hop says that it does, compared with what its data do.

use bottle_api::{Accepts, EgressPolicy, Enforces, Guarantee, SecretRef};

use super::{Place, ProxySuite, each_hop, hop, places};
use crate::{
    Checked, Miss,
    plugin::task,
    runner::Task,
    scene,
    verdict::{ensure, same},
};

pub(super) fn tasks(suite: &ProxySuite) -> Vec<Task> {
    vec![
        task(
            suite,
            "promise::it speaks of each of its guarantees once, and of no other's",
            spoken,
        ),
        task(
            suite,
            "promise::what it guarantees is what it enforces",
            kept,
        ),
        task(
            suite,
            "promise::if it enforces hosts, other hosts are another hop",
            hosts,
        ),
        task(
            suite,
            "promise::if it enforces rules, other rules are another hop",
            rules,
        ),
        task(
            suite,
            "promise::if it finds secrets, not looking for them is another hop",
            dlp,
        ),
        task(
            suite,
            "promise::if it injects credentials, another one is another hop",
            credentials,
        ),
    ]
}

/// What a proxy has to speak about.
const OURS: [Guarantee; 4] = [
    Guarantee::HostPolicy,
    Guarantee::TlsInspected,
    Guarantee::Dlp,
    Guarantee::CredentialsAtProxy,
];

fn spoken(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, _| {
        for statement in &plan.guarantees {
            let promise = statement.guarantee;
            ensure!(
                OURS.contains(&promise),
                "`{promise}` is not a proxy's to promise"
            );
            let times = plan.guarantees.iter().filter(|s| s.guarantee == promise);
            same!(times.count(), 1, "how often `{promise}` is spoken of");
            same!(statement.by, suite.name, "who says `{promise}`");
            ensure!(!statement.how.is_empty(), "`{promise}` without a reason");
        }
        Ok(())
    })
}

fn kept(suite: &ProxySuite) -> Checked {
    each_hop(suite, |plan, place| {
        let behind = place
            .next
            .as_ref()
            .map(|next| next.enforces)
            .unwrap_or_default();
        let given = |promise| {
            plan.guarantees
                .iter()
                .any(|s| s.guarantee == promise && s.given)
        };
        let enforces = plan.enforces;
        let checks = [
            (Guarantee::HostPolicy, enforces.hosts || behind.hosts),
            (Guarantee::Dlp, enforces.dlp || behind.dlp),
            (
                Guarantee::CredentialsAtProxy,
                enforces.credentials || behind.credentials,
            ),
        ];
        for (promise, enforced) in checks {
            ensure!(
                !given(promise) || enforced,
                "`{promise}` is given, and nothing enforces it"
            );
        }
        // It sees what it decrypts, and what it is handed decrypted.
        let sees = plan.ends_tls || plan.accepts.contains(&Accepts::AbsoluteHttps);
        ensure!(
            !given(Guarantee::TlsInspected) || sees,
            "it never sees inside TLS"
        );
        Ok(())
    })
}

/// Two policies must give two hops, wherever the hop says that it enforces the difference.
fn differs(
    suite: &ProxySuite,
    enforced: fn(&Enforces) -> bool,
    one: &EgressPolicy,
    other: &EgressPolicy,
    what: &str,
) -> Checked {
    let proxy = suite.proxy()?;
    let mut compared = 0;
    for place in places() {
        let pair = (hop(&*proxy, &place, one), hop(&*proxy, &place, other));
        let (Ok(one), Ok(other)) = pair else { continue };
        if enforced(&one.enforces) && enforced(&other.enforces) {
            compared += 1;
            let Place { what: place, .. } = place;
            ensure!(one != other, "{place}: the same hop for other {what}");
        }
    }
    if compared == 0 {
        return Err(Miss::not_here(format!(
            "it does not say that it enforces {what}"
        )));
    }
    Ok(())
}

fn hosts(suite: &ProxySuite) -> Checked {
    let (one, other) = (
        scene::policy(&["api.one.test"]),
        scene::policy(&["api.other.test"]),
    );
    differs(suite, |it| it.hosts, &one, &other, "hosts")?;
    let mut denied = scene::policy(&["*.one.test"]);
    let open = denied.clone();
    denied.deny = "bad.one.test".parse().into_iter().collect();
    differs(
        suite,
        |it| it.hosts,
        &open,
        &denied,
        "hosts that stay refused",
    )
}

fn rules(suite: &ProxySuite) -> Checked {
    let rule = |method, path| scene::http_policy("api.one.test", method, path);
    let one = rule("GET", "/repos/**");
    differs(
        suite,
        |it| it.http_rules,
        &one,
        &rule("POST", "/repos/**"),
        "methods",
    )?;
    differs(
        suite,
        |it| it.http_rules,
        &one,
        &rule("GET", "/other/**"),
        "paths",
    )
}

fn dlp(suite: &ProxySuite) -> Checked {
    let proxy = suite.proxy()?;
    let (on, off) = (
        scene::policy(&["api.one.test"]),
        scene::lax_policy("api.one.test"),
    );
    let mut compared = 0;
    for place in places() {
        let (Ok(on), Ok(off)) = (hop(&*proxy, &place, &on), hop(&*proxy, &place, &off)) else {
            continue;
        };
        if on.enforces.dlp {
            compared += 1;
            ensure!(
                on != off,
                "{}: the same hop when nothing is looked for",
                place.what
            );
        }
        let given = |s: &&bottle_api::Statement| s.guarantee == Guarantee::Dlp && s.given;
        let promised = off.guarantees.iter().find(given);
        ensure!(
            promised.is_none(),
            "{}: promised though it is off: {promised:?}",
            place.what
        );
    }
    if compared == 0 {
        return Err(Miss::not_here("it does not say that it finds secrets"));
    }
    Ok(())
}

fn credentials(suite: &ProxySuite) -> Checked {
    let policy = |name: &str| {
        let secret = SecretRef::FromEnv(name.to_owned());
        scene::credential_policy("api.one.test", secret)
    };
    let (one, other) = (policy("ONE"), policy("OTHER"));
    differs(suite, |it| it.credentials, &one, &other, "credentials")
}
