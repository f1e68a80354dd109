//! What the suites over proxies and provisioners share.

use std::sync::Arc;

use bottle_api::{PluginBuild, PluginTable};

use crate::{Checked, Miss, runner::Task, verdict::ensure};

/// Makes a plugin, or says why it cannot be made.
pub(crate) type Make<T> = Arc<dyn Fn() -> Result<Box<T>, String> + Send + Sync>;

/// A plugin with this table of its own.
pub(crate) fn configured<T: ?Sized + 'static, P: PluginBuild<T>>(config: &str) -> Make<T> {
    let config = config.to_owned();
    Arc::new(move || {
        let table = toml::de::DeTable::parse(&config).map_err(|e| e.to_string())?;
        let value = toml::Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
        let values = PluginTable::new(&value).deserialize();
        values.and_then(P::build).map_err(|e| e.to_string())
    })
}

/// The same with a key that it cannot know.
pub(crate) fn with_unknown_key<T: ?Sized + 'static, P: PluginBuild<T>>(config: &str) -> Make<T> {
    configured::<T, P>(&format!("no-such-key = 1\n{config}"))
}

/// It must be made of its defaults alone.
pub(crate) fn of_defaults<T: ?Sized>(made: Result<Box<T>, String>) -> Checked {
    made.map(drop)
        .map_err(|why| Miss::broken(format!("an empty table is refused: {why}")))
}

/// It must refuse a key it does not know, and name it.
pub(crate) fn refuses_unknown_key<T: ?Sized>(made: Result<Box<T>, String>) -> Checked {
    match made {
        Ok(_) => Err(Miss::broken("a table with the key `no-such-key` was taken")),
        Err(why) => {
            ensure!(why.contains("no-such-key"), "the key is not named: {why}");
            Ok(())
        }
    }
}

/// A name that config can select.
pub(crate) fn name_is(name: &str, registered: &str) -> Checked {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.chars().all(plain),
        "`{name}` is not lower-case letters, digits and hyphens"
    );
    ensure!(
        name == registered,
        "`{name}`, but registered as `{registered}`"
    );
    Ok(())
}

/// A task from a sentence and a function of the suite.
pub(crate) fn task<S: Clone + Send + Sync + 'static>(
    suite: &S,
    name: &str,
    run: fn(&S) -> Checked,
) -> Task {
    let suite = suite.clone();
    Task {
        name: name.to_owned(),
        run: Arc::new(move || run(&suite)),
    }
}

/// A whole launch on an engine in memory, over before this returns.
pub(crate) fn block_on<T>(future: impl Future<Output = Checked<T>>) -> Checked<T> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio.block_on(future)
}

/// Names and values of environment variables that the kernel takes.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// An absolute path that stays where it says.
pub(crate) fn is_inside(path: &str) -> bool {
    path.starts_with('/') && !path.split('/').any(|part| part == ".." || part == ".")
}
