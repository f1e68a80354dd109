//! The logs of ended sessions.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use bottle_api::SessionId;

use super::{Lease, SessionRecord, SessionState, StoreError};

/// So many ended sessions keep their logs.
const KEPT: usize = 50;
/// What is kept of a session. None of it holds a secret: the plan is a
/// [printable](crate::PrintablePlan) one, the rest is scrubbed.
const FILES: [&str; 4] = ["plan.json", "meta.json", "events.jsonl", "egress.jsonl"];

/// Ends a session on disk: its logs move to `history/<session>`, its folder goes, the oldest
/// logs go.
pub(crate) fn archive(lease: &Lease, history: &Path) -> Result<(), StoreError> {
    let target = history.join(lease.session().as_str());
    super::lease::make_private_dir(&target)?;
    for name in FILES {
        let from = lease.folder().join(name);
        if from.exists() {
            let to = target.join(name);
            fs::rename(&from, &to).map_err(|e| StoreError::io("move", from, e))?;
        }
    }
    fs::remove_dir_all(lease.folder()).map_err(|e| StoreError::io("remove", lease.folder(), e))?;
    for old in history_records(history)?.iter().skip(KEPT) {
        fs::remove_dir_all(&old.folder).map_err(|e| StoreError::io("remove", &old.folder, e))?;
    }
    Ok(())
}

/// Ended sessions, the newest first.
pub(super) fn history_records(history: &Path) -> Result<Vec<SessionRecord>, StoreError> {
    let read = |e| StoreError::io("read", history, e);
    let mut found: Vec<(SystemTime, SessionRecord)> = Vec::new();
    for entry in fs::read_dir(history).map_err(read)? {
        let entry = entry.map_err(read)?;
        let modified = entry
            .metadata()
            .and_then(|m| m.modified())
            .unwrap_or(UNIX_EPOCH);
        if let Some(name) = entry.file_name().to_str() {
            let record =
                SessionRecord::read(SessionId::new(name), SessionState::Past, entry.path());
            found.push((modified, record));
        }
    }
    found.sort_by(|a, b| (b.0, &b.1.session).cmp(&(a.0, &a.1.session)));
    Ok(found.into_iter().map(|(_, record)| record).collect())
}
