//! What all cases of a suite stand on.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use bottle_api::{Backend, BackendError, BackendInfo, EventSink, ImageId, OpContext};
use futures_util::FutureExt as _;

use super::{
    room::{Room, lock},
    suite::{BackendSuite, Case},
    watch,
};
use crate::{
    Checked, Miss,
    runner::panic_text,
    verdict::{chain, ensure},
};

/// What all cases stand on: one engine, one image.
pub(crate) struct Floor {
    pub(super) suite: BackendSuite,
    tokio: tokio::runtime::Runtime,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) info: BackendInfo,
    pub(super) image: ImageId,
    pub(super) left: Mutex<Vec<String>>,
}

impl Floor {
    pub(crate) fn open(suite: &BackendSuite) -> Result<Arc<Self>, String> {
        watch::install();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let backend: Arc<dyn Backend> = Arc::from((suite.build)()?);
        let (info, image) = tokio
            .block_on(async {
                let info = backend.probe().await?;
                let cx = OpContext::new(EventSink::discard());
                let image = backend.ensure_image(&suite.image, &cx).await?;
                Ok::<_, BackendError>((info, image))
            })
            .map_err(|error| chain(&error))?;
        Ok(Arc::new(Self {
            suite: suite.clone(),
            tokio,
            backend,
            info,
            image,
            left: Mutex::default(),
        }))
    }
    pub(crate) fn default_runtime(&self) -> &str {
        &self.info.default_runtime
    }

    /// What the cases so far could not remove again by its labels.
    pub(crate) fn left(&self) -> Checked {
        let left = lock(&self.left);
        ensure!(
            left.is_empty(),
            "removed by label, but still there: {left:?}"
        );
        Ok(())
    }

    /// Tries a case, and cleans up after it whatever it found.
    pub(crate) fn run(self: &Arc<Self>, case: &Case, runtime: &str) -> Checked {
        if case.each_runtime && !self.info.runtimes.contains(runtime) {
            let why = format!("the engine has no runtime `{runtime}`");
            return Err(Miss::not_here(why));
        }
        if let Some(promise) = case.promised {
            let said = self.backend.guarantees(&self.info, runtime);
            let mut about = said.iter().filter(|s| s.guarantee == promise);
            match about.next() {
                Some(statement) if statement.given => {}
                Some(withheld) => {
                    let why = format!("`{promise}` is withheld: {}", withheld.how);
                    return Err(Miss::not_here(why));
                }
                // That it says nothing at all is for another case to find.
                None => return Err(Miss::not_here(format!("`{promise}` is not promised"))),
            }
        }
        let room = Room::new(Arc::clone(self), runtime);
        self.tokio.block_on(async {
            let tried = AssertUnwindSafe((case.run)(&room)).catch_unwind();
            let tried = tokio::time::timeout(self.suite.limit, tried).await;
            let found = match tried {
                Ok(Ok(found)) => found,
                Ok(Err(panic)) => Err(Miss::broken(format!("panicked: {}", panic_text(&*panic)))),
                Err(_) => {
                    let why = format!("still not done after {:?}", self.suite.limit);
                    Err(Miss::broken(why))
                }
            };
            let cleaned = tokio::time::timeout(self.suite.limit, room.clean_up()).await;
            let cleaned = cleaned.unwrap_or_else(|_| Err(Miss::broken("the clean-up hangs")));
            found.and(cleaned)
        })
    }
}
