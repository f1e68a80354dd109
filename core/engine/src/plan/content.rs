//! What the chain promises about content: it holds only for what some hop can read.

use bottle_api::{Guarantee, HostPattern, Readable, Statement};

use super::{chain::Hop, guarantees::nobody};

/// The statements of all hops, put together. Each is believed only for what that hop reads;
/// what one withholds for some hosts, another makes up for by giving it for these.
pub(super) fn of(g: Guarantee, hops: &[Hop]) -> Statement {
    let said: Vec<Statement> = hops.iter().filter_map(|hop| believed(g, hop)).collect();
    if let Some(given) = said.iter().find(|s| s.given) {
        return given.clone();
    }
    // Ordered by what is left open; whoever withholds it for all leaves all open.
    let limited = said.iter().filter(|s| !s.hosts.is_empty());
    let Some(narrowest) = limited.clone().min_by_key(|s| s.hosts.len()) else {
        return said.first().cloned().unwrap_or_else(|| nobody(g));
    };
    let open = limited.clone().map(|s| s.hosts.clone());
    let open = open.reduce(|a, b| HostPattern::common(&a, &b));
    match open {
        Some(open) if open.is_empty() => {
            let by: Vec<&str> = limited.map(|s| s.by.as_str()).collect();
            Statement::given(
                g,
                by.join(", "),
                "each covers the hosts that another leaves out",
            )
        }
        open => narrowest.clone().only_for(open.unwrap_or_default()),
    }
}

/// What a hop says, cut down to what it can know: one that does not end TLS reads only what was
/// handed to it in plain text.
fn believed(g: Guarantee, hop: &Hop) -> Option<Statement> {
    let said = hop.plan.guarantees.iter().find(|s| s.guarantee == g)?;
    let for_all = !said.given && said.hosts.is_empty();
    let closed = match &hop.readable {
        _ if hop.plan.ends_tls || for_all => return Some(said.clone()),
        Readable::AllBut(closed) if closed.is_empty() => return Some(said.clone()),
        Readable::AllBut(closed) => [&closed[..], &said.hosts].concat(),
        Readable::Nothing => vec![],
    };
    let why = match &closed[..] {
        [] => "no hop in front hands it anything decrypted".to_owned(),
        closed => {
            let names: Vec<_> = closed.iter().map(|host| format!("`{host}`")).collect();
            format!("it does not see what goes to {}", names.join(", "))
        }
    };
    let withheld = Statement::withheld(g, said.by.clone(), why)
        .remedy("put a proxy in front of it that decrypts, or let it decrypt by itself");
    Some(withheld.only_for(closed))
}
