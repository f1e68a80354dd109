//! The three things an image is built from, as what a classic builder takes: a tar archive with
//! a Dockerfile in it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use bottle_api::{ContextBuild, Derive, ImageId, Recipe, RecipeSource};
use tar::{EntryType, Header};

use crate::{
    Archive, Digest, PackError,
    archive::{Owner, Packer},
    walk::{Filter, Listing, walk},
};

/// What a Dockerfile is called when nobody says otherwise.
pub const DEFAULT_DOCKERFILE: &str = "Dockerfile";
const IGNORE_FILE: &str = ".dockerignore";
/// The archive inside of the archive, unpacked by the `ADD` of a derived image.
const LAYER: &str = "layer.tar";
const BLOCK: usize = 512;
/// Raised when the same input gives another image.
const FORMAT: &str = "bottle-build-1";

/// Something an image is built from.
#[derive(Clone, Copy, Debug)]
pub enum BuildInput<'a> {
    /// A recipe in memory.
    Recipe(&'a Recipe),
    /// A folder with a Dockerfile.
    Context(&'a ContextBuild),
    /// A working folder laid into an image.
    Derive {
        /// The image.
        base: &'a ImageId,
        /// The folder.
        derive: &'a Derive,
    },
}

impl BuildInput<'_> {
    /// Last part of the image's name.
    pub fn repository(&self) -> &str {
        match self {
            Self::Recipe(recipe) => &recipe.repository,
            Self::Context(context) => &context.repository,
            Self::Derive { .. } => "workspace",
        }
    }
    /// Value of the label [`bottle_api::label::IMAGE`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Recipe(_) | Self::Context(_) => "build",
            Self::Derive { .. } => "derive",
        }
    }
    /// The Dockerfile's path inside of the archive.
    pub fn dockerfile(&self) -> String {
        match self {
            Self::Context(context) => context.dockerfile.to_string_lossy().into_owned(),
            Self::Recipe(_) | Self::Derive { .. } => DEFAULT_DOCKERFILE.to_owned(),
        }
    }
    /// The Dockerfile's text.
    pub fn dockerfile_text(&self) -> Result<String, PackError> {
        match self {
            Self::Recipe(recipe) => Ok(recipe.dockerfile.clone()),
            Self::Derive { base, .. } => Ok(derive_dockerfile(base)),
            Self::Context(context) => {
                let path = context.context.join(inside(&context.dockerfile)?);
                fs::read_to_string(&path).map_err(|error| PackError::read(path, error))
            }
        }
    }
    /// Build arguments.
    pub fn args(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::Recipe(recipe) => Some(&recipe.args),
            Self::Context(context) => Some(&context.args),
            Self::Derive { .. } => None,
        }
    }
    /// The stage to build.
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Context(context) => context.target.as_deref(),
            Self::Recipe(_) | Self::Derive { .. } => None,
        }
    }

    /// The hash of the content, without keeping an archive.
    pub fn digest(&self) -> Result<Digest, PackError> {
        self.pack(io::sink()).map(|(_, digest, _)| digest)
    }

    /// The archive, and the hash of what really went into it: a folder can change between this
    /// and an earlier [`BuildInput::digest`].
    pub fn archive(&self) -> Result<Archive, PackError> {
        let mut file = BufWriter::new(tempfile::tempfile().map_err(PackError::Write)?);
        let (digest, left_out) = if let Self::Derive { base, .. } = self {
            nested(&mut file, &derive_dockerfile(base), |out| {
                self.pack(out)
                    .map(|(_, digest, left_out)| (digest, left_out))
            })?
        } else {
            let (_, digest, left_out) = self.pack(&mut file)?;
            (digest, left_out)
        };
        let mut file = file
            .into_inner()
            .map_err(|error| PackError::Write(error.into_error()))?;
        let len = file.stream_position().map_err(PackError::Write)?;
        file.rewind().map_err(PackError::Write)?;
        Ok(Archive {
            file,
            len,
            digest,
            left_out,
        })
    }

    fn pack<W: Write>(&self, out: W) -> Result<(W, Digest, Vec<PathBuf>), PackError> {
        let (owner, prefix) = match self {
            Self::Derive { derive, .. } => (
                Owner {
                    uid: derive.uid,
                    gid: derive.gid,
                },
                below_root(&derive.target)?,
            ),
            Self::Recipe(_) | Self::Context(_) => (Owner::ROOT, PathBuf::new()),
        };
        let mut packer = Packer::new(out, owner, prefix);
        packer.mix("format", FORMAT.as_bytes());
        packer.mix("dockerfile", self.dockerfile().as_bytes());
        packer.mix("target", self.target().unwrap_or_default().as_bytes());
        for (name, value) in self.args().into_iter().flatten() {
            packer.mix(name, value.as_bytes());
        }
        let left_out = match self {
            Self::Recipe(recipe) => pack_recipe(&mut packer, recipe)?,
            Self::Context(context) => pack_context(&mut packer, context)?,
            Self::Derive { base, derive } => {
                packer.mix("base", base.as_str().as_bytes());
                packer.mix("into", derive.target.as_bytes());
                pack_workspace(&mut packer, derive)?
            }
        };
        let (out, digest) = packer.finish()?;
        Ok((out, digest, left_out))
    }
}

fn pack_recipe<W: Write>(
    packer: &mut Packer<W>,
    recipe: &Recipe,
) -> Result<Vec<PathBuf>, PackError> {
    packer.bytes(
        Path::new(DEFAULT_DOCKERFILE),
        0o644,
        recipe.dockerfile.as_bytes(),
    )?;
    for file in &recipe.files {
        let path = inside(Path::new(&file.path))?;
        match &file.source {
            RecipeSource::Text(text) => packer.bytes(path, file.mode, text.as_bytes())?,
            RecipeSource::HostFile(source) => {
                let bytes = fs::read(source).map_err(|error| PackError::read(source, error))?;
                packer.bytes(path, file.mode, &bytes)?;
            }
        }
    }
    Ok(vec![])
}

fn pack_context<W: Write>(
    packer: &mut Packer<W>,
    context: &ContextBuild,
) -> Result<Vec<PathBuf>, PackError> {
    let root = &context.context;
    let dockerfile = inside(&context.dockerfile)?;
    // An ignore file next to the Dockerfile, named after it, comes before the common one.
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(IGNORE_FILE);
    // The builder needs these two whatever the rules say, and honours the rules by itself.
    let always = vec![dockerfile.to_owned(), IGNORE_FILE.into()];
    let filter = Filter::read(root, &[own.into(), IGNORE_FILE.into()])?.always(always);
    pack_listing(packer, root, walk(root, &filter)?)
}

fn pack_workspace<W: Write>(
    packer: &mut Packer<W>,
    derive: &Derive,
) -> Result<Vec<PathBuf>, PackError> {
    let root = &derive.folder;
    let filter = Filter::read(root, &[IGNORE_FILE.into()])?
        .excludes(root, &derive.exclude)?
        .git(derive.include_git);
    let listing = walk(root, &filter)?;
    let metadata = fs::metadata(root).map_err(|error| PackError::read(root, error))?;
    packer.root(metadata.mode() & 0o7777)?;
    pack_listing(packer, root, listing)
}

fn pack_listing<W: Write>(
    packer: &mut Packer<W>,
    root: &Path,
    listing: Listing,
) -> Result<Vec<PathBuf>, PackError> {
    for entry in &listing.entries {
        packer.entry(root, entry)?;
    }
    Ok(listing.left_out)
}

/// Only paths that cannot leave the context.
fn inside(path: &Path) -> Result<&Path, PackError> {
    let mut parts = path.components().peekable();
    if parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(PackError::Outside(path.to_owned()))
    }
}

/// The path inside of an image, without its leading slash.
fn below_root(target: &str) -> Result<PathBuf, PackError> {
    let outside = || PackError::Target(target.to_owned());
    let mut parts = Path::new(target).components();
    if parts.next() != Some(Component::RootDir) {
        return Err(outside());
    }
    let path = parts.as_path();
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain {
        Ok(path.to_owned())
    } else {
        Err(outside())
    }
}

/// `ADD` of a local tar keeps owners, modes and links, and needs no shell in the image.
fn derive_dockerfile(base: &ImageId) -> String {
    format!("FROM {base}\nADD {LAYER} /\n")
}

/// Writes an archive that holds a Dockerfile and the archive written by `inner`, whose length is
/// filled in afterwards.
fn nested<W: Write + Seek, T>(
    out: &mut W,
    dockerfile: &str,
    inner: impl FnOnce(&mut W) -> Result<T, PackError>,
) -> Result<T, PackError> {
    let mut outer = Packer::new(Vec::new(), Owner::ROOT, PathBuf::new());
    outer.bytes(Path::new(DEFAULT_DOCKERFILE), 0o644, dockerfile.as_bytes())?;
    let (mut head, _) = outer.finish()?;
    // An archive ends in two empty blocks; here it goes on.
    head.truncate(head.len() - 2 * BLOCK);
    let write = |out: &mut W, bytes: &[u8]| out.write_all(bytes).map_err(PackError::Write);
    write(out, &head)?;
    let header_at = out.stream_position().map_err(PackError::Write)?;
    write(out, &[0; BLOCK])?;
    let result = inner(out)?;
    let end = out.stream_position().map_err(PackError::Write)?;
    write(out, &[0; 2 * BLOCK])?;

    let mut header = Header::new_gnu();
    header.set_path(LAYER).map_err(PackError::Write)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(end - header_at - BLOCK as u64);
    header.set_cksum();
    out.seek(SeekFrom::Start(header_at))
        .map_err(PackError::Write)?;
    write(out, header.as_bytes())?;
    out.seek(SeekFrom::End(0)).map_err(PackError::Write)?;
    Ok(result)
}

/// The images that a Dockerfile's `FROM` lines name, as far as they name one literally.
pub fn base_images(dockerfile: &str) -> Vec<String> {
    let mut stages = Vec::new();
    let mut images = Vec::new();
    for line in dockerfile.lines() {
        let mut words = line
            .split_whitespace()
            .filter(|word| !word.starts_with("--"));
        if !words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("from"))
        {
            continue;
        }
        let Some(image) = words.next() else { continue };
        if words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("as"))
        {
            stages.extend(words.next().map(str::to_lowercase));
        }
        let known = stages.contains(&image.to_lowercase());
        if image != "scratch" && !image.contains('$') && !known {
            images.push(image.to_owned());
        }
    }
    images.sort();
    images.dedup();
    images
}
