//! Another configuration while running.

use std::path::Path;

use rustix::process::Signal;

use super::{Error, Outcome, run, world};
use crate::{
    client,
    origin::Origin,
    proxy::{Process, Setup},
};

async fn status(process: &Process, origin: &Origin) -> Result<u16, Error> {
    let answer = client::get(process.port, origin.url("/")).send().await?;
    Ok(answer.status.as_u16())
}

/// `localhost` is trusted in both, so that only the allowlist differs.
fn without_localhost() -> Setup {
    Setup::allowing(&["other.test"])
}

pub(crate) fn rename(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &without_localhost()).await?;
        assert_eq!(status(&process, &origin).await?, 403);
        process.reconfigure(&Setup::allowing(&["other.test", "localhost"]))?;
        process.logged("\"event\":\"config_reload\"")?;
        assert_eq!(status(&process, &origin).await?, 200);
        Ok(())
    })
}

pub(crate) fn bad_file(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &Setup::new()).await?;
        process
            .folder
            .put("{\"version\": 1, \"mode\": \"loose\"}")?;
        process.signal(Signal::HUP)?;
        process.said("config reload failed")?;
        assert_eq!(status(&process, &origin).await?, 200);
        let unlisted = client::get(process.port, "https://unlisted.test/")
            .send()
            .await?;
        assert_eq!(unlisted.status, 403);
        Ok(())
    })
}

pub(crate) fn loosening(binary: &Path) -> Outcome {
    run(async move {
        let (origin, process) = world(binary, &without_localhost()).await?;
        let mut looser = Setup::allowing(&["other.test", "localhost"]);
        looser.trusted.push("other.test".into());
        process.reconfigure(&looser)?;
        process.logged("rejected: security downgrade from strict mode")?;
        // All of it is rejected, the new host too.
        assert_eq!(status(&process, &origin).await?, 403);
        Ok(())
    })
}
