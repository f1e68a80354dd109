//! `ensure_image`, `derive_image`, `has_image`, `prune_images`.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use bottle_api::{
    BackendErrorKind, ContainerRequest, ContextBuild, Event, EventSink, ImageId, ImageSource,
    OpContext, PullPolicy, Recipe, RecipeFile, RecipeSource,
};

use super::cases;
use crate::{
    Checked, Miss, Step,
    backend::{
        Room,
        room::{discard, unique},
        suite::Case,
    },
    verdict::{chain, ensure, same},
};

pub(super) fn cases() -> Vec<Case> {
    cases!("images";
        once "an image that is here is taken as it is" => here,
        once "an image that is nowhere is ImageMissing with a hint" => nowhere,
        once "has_image agrees with ensure_image, or cannot tell" => has,
        once "a recipe is built with its files and steps" => recipe,
        once "the same content is built once" => once,
        once "other content is another image" => other,
        once "a build reports its progress" => progress,
        once "a failing step is BuildFailed with its last lines" => failing,
        once "a recipe on a base that is nowhere is ImageMissing" => no_base,
        once "a context is built without what its ignore file names" => context,
        once "only our own unused images are to be pruned, or it is Unsupported" => prune,
    )
}

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1/bottle/none:1";

fn pull(reference: &str, policy: PullPolicy) -> ImageSource {
    ImageSource::Pull {
        reference: reference.into(),
        policy,
    }
}

/// The image that recipes stand on; only a name can.
fn base(room: &Room) -> String {
    match &room.suite().image {
        ImageSource::Pull { reference, .. } => reference.clone(),
        _ => room.image().to_string(),
    }
}

/// A step of a recipe, in exec form.
fn run(room: &Room, steps: &[Step]) -> Checked<String> {
    let argv = serde_json::to_string(&room.dialect().argv(steps));
    argv.map_err(|error| Miss::broken(error.to_string()))
}

/// Its content is new each time, so that it is really built.
fn new_recipe(room: &Room, steps: &[Step]) -> Checked<Recipe> {
    let dockerfile = format!(
        "FROM {}\nCOPY mark /mark\nRUN {}\n",
        base(room),
        run(room, steps)?
    );
    Ok(Recipe {
        repository: "conformance".into(),
        dockerfile,
        files: vec![RecipeFile {
            path: "mark".into(),
            mode: 0o640,
            source: RecipeSource::Text(unique()),
        }],
        args: BTreeMap::new(),
    })
}

/// What a container of this image prints.
async fn inside(room: &Room, image: &ImageId, steps: &[Step]) -> Checked<String> {
    inside_as(room, image, None, steps).await
}
pub(super) async fn inside_as(
    room: &Room,
    image: &ImageId,
    user: Option<&str>,
    steps: &[Step],
) -> Checked<String> {
    let mut plan = room.idle(&format!("look-{}", unique()));
    // The owner of derived folders: root without capabilities may not look into others'.
    plan.user = user.map(str::to_owned);
    let request = ContainerRequest::new(&plan, &plan.name, image);
    let id = room
        .backend()
        .create_container(&request, &discard())
        .await?;
    room.backend().start(&id).await?;
    room.says(&id, steps).await
}

async fn here(room: &Room) -> Checked {
    let source = room.suite().image.clone();
    let (sink, mut events) = EventSink::channel();
    let again = room
        .backend()
        .ensure_image(&source, &OpContext::new(sink))
        .await?;
    same!(again, *room.image(), "the image");
    let told = events.try_recv().ok();
    ensure!(told.is_none(), "it was fetched or built again: {told:?}");
    if let ImageSource::Pull { reference, .. } = &source {
        let never = pull(reference, PullPolicy::Never);
        let found = room.backend().ensure_image(&never, &discard()).await?;
        same!(found, *room.image(), "the image, never pulled");
    }
    Ok(())
}

async fn nowhere(room: &Room) -> Checked {
    for policy in [PullPolicy::Never, PullPolicy::Missing] {
        match room
            .backend()
            .ensure_image(&pull(NOWHERE, policy), &discard())
            .await
        {
            Ok(id) => return Err(Miss::broken(format!("{policy:?}: an image {id}"))),
            Err(error) => {
                same!(
                    error.kind(),
                    BackendErrorKind::ImageMissing,
                    "the kind of `{error}`"
                );
                ensure!(error.hint().is_some(), "no hint: {error}");
            }
        }
    }
    Ok(())
}

async fn has(room: &Room) -> Checked {
    let told = room.backend().has_image(&room.suite().image).await?;
    ensure!(
        told != Some(false),
        "the image that was just ensured is said not to be here"
    );
    let told = room
        .backend()
        .has_image(&pull(NOWHERE, PullPolicy::Missing))
        .await?;
    ensure!(
        told != Some(true),
        "an image that is nowhere is said to be here"
    );
    let recipe = ImageSource::Recipe(new_recipe(room, &[])?);
    let before = room.backend().has_image(&recipe).await?;
    ensure!(
        before != Some(true),
        "a recipe that was never built is said to be here"
    );
    room.ensure(&recipe).await?;
    let after = room.backend().has_image(&recipe).await?;
    ensure!(
        after != Some(false),
        "a recipe that was just built is said not to be here"
    );
    same!(after.is_some(), before.is_some(), "whether it can tell");
    Ok(())
}

async fn recipe(room: &Room) -> Checked {
    let recipe = new_recipe(room, &[Step::write("/made", "by a step")])?;
    let RecipeSource::Text(mark) = recipe.files[0].source.clone() else {
        return Err(Miss::broken("the suite itself: no text"));
    };
    let id = room.ensure(&ImageSource::Recipe(recipe)).await?;
    let steps = [
        Step::stat("/mark"),
        Step::read("/mark"),
        Step::out(""),
        Step::read("/made"),
    ];
    let found = inside(room, &id, &steps).await?;
    same!(
        found,
        format!("file 640 0:0\n{mark}\nby a step"),
        "what is inside"
    );
    Ok(())
}

async fn once(room: &Room) -> Checked {
    let source = ImageSource::Recipe(new_recipe(room, &[Step::Stamp("/stamp".into())])?);
    let first = room.ensure(&source).await?;
    let stamp = inside(room, &first, &[Step::read("/stamp")]).await?;
    let (sink, mut events) = EventSink::channel();
    let second = room
        .backend()
        .ensure_image(&source, &OpContext::new(sink))
        .await?;
    room.built(&second);
    same!(second, first, "the image");
    same!(
        inside(room, &second, &[Step::read("/stamp")]).await?,
        stamp,
        "what a step made"
    );
    let told = events.try_recv().ok();
    ensure!(told.is_none(), "it was built again: {told:?}");
    Ok(())
}

async fn other(room: &Room) -> Checked {
    let mut recipe = new_recipe(room, &[])?;
    let first = room.ensure(&ImageSource::Recipe(recipe.clone())).await?;
    recipe.files[0].source = RecipeSource::Text("other".into());
    let second = room.ensure(&ImageSource::Recipe(recipe)).await?;
    ensure!(first != second, "two contents, one image {first}");
    same!(
        inside(room, &second, &[Step::read("/mark")]).await?,
        "other",
        "what is inside"
    );
    Ok(())
}

async fn progress(room: &Room) -> Checked {
    let source = ImageSource::Recipe(new_recipe(room, &[])?);
    let (sink, mut events) = EventSink::channel();
    let id = room
        .backend()
        .ensure_image(&source, &OpContext::new(sink))
        .await?;
    room.built(&id);
    let event = events.try_recv().ok();
    ensure!(
        matches!(event, Some(Event::Progress { .. })),
        "no progress: {event:?}"
    );
    Ok(())
}

async fn failing(room: &Room) -> Checked {
    let steps = [Step::out("the last words"), Step::Exit(3)];
    let source = ImageSource::Recipe(new_recipe(room, &steps)?);
    match room.backend().ensure_image(&source, &discard()).await {
        Ok(id) => Err(Miss::broken(format!("an image in spite of it: {id}"))),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::BuildFailed,
                "the kind of `{error}`"
            );
            let text = chain(&error);
            // The step itself is shown too, so the words come twice.
            let words = text.matches("the last words").count();
            ensure!(words >= 1, "without its last lines: {text}");
            Ok(())
        }
    }
}

async fn no_base(room: &Room) -> Checked {
    let mut recipe = new_recipe(room, &[])?;
    recipe.dockerfile = format!("FROM {NOWHERE}\nCOPY mark /mark\n");
    match room
        .backend()
        .ensure_image(&ImageSource::Recipe(recipe), &discard())
        .await
    {
        Ok(id) => Err(Miss::broken(format!("an image on nothing: {id}"))),
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::ImageMissing,
                "the kind of `{error}`"
            );
            Ok(())
        }
    }
}

pub(super) fn file(folder: &Path, name: &str, text: &str, mode: u32) -> Checked {
    let path = folder.join(name);
    fs::write(&path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

async fn context(room: &Room) -> Checked {
    let folder = tempfile::tempdir()?;
    file(
        folder.path(),
        "Dockerfile",
        &format!("FROM {}\nCOPY . /context\n", base(room)),
        0o644,
    )?;
    file(folder.path(), ".dockerignore", "*.log\n", 0o644)?;
    file(folder.path(), "mark", &unique(), 0o644)?;
    file(folder.path(), "left.log", "x", 0o644)?;
    let source = ImageSource::Context(ContextBuild {
        repository: "conformance".into(),
        context: folder.path().to_owned(),
        dockerfile: "Dockerfile".into(),
        args: BTreeMap::new(),
        target: None,
    });
    let id = room.ensure(&source).await?;
    let steps = [Step::stat("/context/mark"), Step::stat("/context/left.log")];
    same!(
        inside(room, &id, &steps).await?,
        "file 644 0:0\nnothing",
        "what is inside"
    );
    Ok(())
}

/// Looks only: the images of others on this engine are labelled as ours.
async fn prune(room: &Room) -> Checked {
    let id = room
        .ensure(&ImageSource::Recipe(new_recipe(room, &[])?))
        .await?;
    match room.backend().prune_images(true).await {
        Err(error) => {
            same!(
                error.kind(),
                BackendErrorKind::Unsupported,
                "the kind of `{error}`"
            );
        }
        Ok(names) => {
            let built = names.iter().any(|name| name.contains("bottle/conformance"));
            ensure!(built, "what was just built is not among {names:?}");
            let base = base(room);
            ensure!(!names.contains(&base), "`{base}` was not built by us");
        }
    }
    let mark = inside(room, &id, &[Step::stat("/mark")]).await?;
    ensure!(mark.starts_with("file"), "looking removed it");
    Ok(())
}
