//! The page: sections in the order of what a reader asks first.

use bottle_api::{
    AllowRule, ContainerPlan, Credential, EnvValue, HostPattern, ImagePlan, ImageSource,
    LaunchPlan, Mount, SidecarPlan, Statement, TrafficClass,
};

use crate::output::{Style, Tone, text::bytes};

/// The plan's lines. `engine` says what will run it, as the probe found it.
pub(crate) fn render(plan: &LaunchPlan, engine: &str, style: Style) -> Vec<String> {
    let mut page = Page {
        style,
        lines: vec![],
    };
    page.head(plan, engine);
    page.chain(plan);
    page.hosts(plan);
    page.credentials(plan);
    page.secrets(plan);
    page.guarantees(&plan.guarantees);
    page.workspace(plan);
    page.images(plan);
    page.resources(plan);
    page.lines
}

struct Page {
    style: Style,
    lines: Vec<String>,
}

impl Page {
    fn section(&mut self, title: &str) {
        self.lines.push(String::new());
        self.lines.push(self.style.paint(Tone::Strong, title));
    }
    fn item(&mut self, text: impl Into<String>) {
        self.lines.push(format!("  {}", text.into()));
    }

    fn head(&mut self, plan: &LaunchPlan, engine: &str) {
        let counting = if plan.name.pinned {
            "exactly this name"
        } else {
            "or the next free number"
        };
        let name = self.style.paint(Tone::Strong, &plan.name.base);
        self.lines.push(format!("Bottle {name} ({counting})"));
        let runtime = plan.agent.runtime.as_deref().unwrap_or("its default");
        self.item(format!("backend    {} ({engine})", plan.backend));
        self.item(format!("runtime    {runtime}"));
        let mut command = plan.agent.entrypoint.clone().unwrap_or_default();
        command.extend(plan.agent.command.iter().cloned());
        if !command.is_empty() {
            self.item(format!("command    {}", shell_words(&command)));
        }
        if let Some(user) = &plan.agent.user {
            self.item(format!("user       {user}"));
        }
        if !plan.provisioners.is_empty() {
            self.item(format!("prepared   {}", plan.provisioners.join(", ")));
        }
        let limits = &plan.agent.limits;
        let mut words = vec![];
        words.extend(
            limits
                .memory
                .map(|memory| format!("{} memory", bytes(memory))),
        );
        words.extend(limits.milli_cpus.map(|cpus| {
            let (whole, rest) = (cpus / 1000, cpus % 1000);
            format!("{whole}.{:01} cpus", rest / 100)
        }));
        words.extend(limits.pids.map(|pids| format!("{pids} processes")));
        if !words.is_empty() {
            self.item(format!("limits     {}", words.join(", ")));
        }
    }

    fn chain(&mut self, plan: &LaunchPlan) {
        self.section("Way out");
        if plan.sidecars.is_empty() {
            self.item("none: the agent has no network at all");
            return;
        }
        let mut hops: Vec<&SidecarPlan> = plan.sidecars.iter().collect();
        hops.sort_by_key(|hop| hop.position);
        let mut names = vec!["agent".to_owned()];
        names.extend(hops.iter().map(|hop| hop.proxy.clone()));
        names.push("internet".to_owned());
        let arrow = format!(" {} ", self.style.arrow());
        self.item(names.join(&arrow));
    }

    fn hosts(&mut self, plan: &LaunchPlan) {
        if plan.sidecars.is_empty() {
            return;
        }
        self.section("Hosts that can be reached");
        if plan.egress.allow.is_empty() {
            self.item("none");
        }
        for rule in &plan.egress.allow {
            self.item(rule_text(rule));
        }
        for host in &plan.egress.deny {
            self.item(format!("never {host}"));
        }
        for (name, address) in &plan.egress.hosts {
            self.item(format!("{name} is {address}"));
        }
    }

    fn credentials(&mut self, plan: &LaunchPlan) {
        if plan.egress.credentials.is_empty() {
            return;
        }
        self.section("Credentials put in by the chain");
        for credential in &plan.egress.credentials {
            self.item(credential_text(credential));
        }
    }

    /// Secrets that the agent itself will hold: worth a section of their own.
    fn secrets(&mut self, plan: &LaunchPlan) {
        let mut lines: Vec<String> = plan
            .agent
            .env
            .iter()
            .filter_map(|(name, value)| match value {
                EnvValue::Secret(source) => Some(format!("variable {name} from {source}")),
                EnvValue::Literal(_) => None,
            })
            .collect();
        lines.extend(plan.agent.files.iter().filter_map(secret_file));
        if lines.is_empty() {
            return;
        }
        self.section("Secrets inside the agent's container");
        for line in lines {
            let line = self.style.paint(Tone::Warn, &line);
            self.item(line);
        }
    }

    fn guarantees(&mut self, statements: &[Statement]) {
        self.section("Guarantees");
        if statements.is_empty() {
            self.item("none");
        }
        for statement in statements {
            let tone = if statement.given {
                Tone::Good
            } else {
                Tone::Warn
            };
            let mark = self.style.paint(tone, self.style.mark(statement.given));
            let not = if statement.given { "" } else { "not given: " };
            let name = statement.guarantee.as_str();
            self.item(format!(
                "{mark} {name:<21} {not}{} ({})",
                statement.how, statement.by
            ));
            if let Some(remedy) = &statement.remedy {
                self.item(format!("  {:<21} {remedy}", ""));
            }
        }
    }

    fn workspace(&mut self, plan: &LaunchPlan) {
        let derive = plan.agent.image.derive.as_ref();
        if plan.agent.mounts.is_empty() && plan.host_steps.is_empty() && derive.is_none() {
            return;
        }
        self.section("Files");
        for step in &plan.host_steps {
            self.item(format!("on the host: {}", shell_words(&step.argv)));
        }
        if let Some(derive) = derive {
            self.item(format!(
                "{} is a copy of `{}`; changes stay inside",
                derive.target,
                derive.folder.display()
            ));
            let git = if derive.include_git { ", `.git`" } else { "" };
            self.item(format!(
                "  {}",
                self.style.paint(
                    Tone::Warn,
                    &format!(
                        "the copy{git} and files such as `.env` stay on the engine in an image, one \
                         for each state of the folder, until `bottle cleanup --images`"
                    ),
                )
            ));
        }
        for mount in &plan.agent.mounts {
            self.item(mount_text(mount));
        }
    }

    fn images(&mut self, plan: &LaunchPlan) {
        self.section("Images");
        for container in from_inside(plan) {
            self.item(format!(
                "{:<20} {}",
                container.owner.role.as_str(),
                image_text(&container.image)
            ));
        }
    }

    fn resources(&mut self, plan: &LaunchPlan) {
        self.section("What is created, and removed at the end");
        for network in &plan.networks {
            let kind = if network.internal {
                "no route out"
            } else {
                "the last proxy only"
            };
            self.item(format!("network    {} ({kind})", network.name));
        }
        for container in from_inside(plan) {
            self.item(format!("container  {}", container.name));
        }
    }
}

/// The agent, then its hops in the order in which a request meets them.
fn from_inside(plan: &LaunchPlan) -> Vec<&ContainerPlan> {
    let mut hops: Vec<&SidecarPlan> = plan.sidecars.iter().collect();
    hops.sort_by_key(|hop| hop.position);
    let hops = hops.into_iter().map(|hop| &hop.container);
    std::iter::once(&plan.agent).chain(hops).collect()
}

fn rule_text(rule: &AllowRule) -> String {
    let mut words = vec![rule.host.to_string()];
    if !rule.ports.is_empty() {
        let ports: Vec<String> = rule.ports.iter().map(ToString::to_string).collect();
        words.push(format!("port {}", ports.join(", ")));
    }
    if !rule.methods.is_empty() {
        words.push(rule.methods.join("|"));
    }
    if !rule.paths.is_empty() {
        words.push(rule.paths.join(" "));
    }
    words.extend(match rule.class {
        TrafficClass::Inspect => None,
        TrafficClass::Tunnel => Some("(content not scanned)".to_owned()),
        TrafficClass::Passthrough => Some("(not decrypted)".to_owned()),
    });
    words.join("  ")
}

fn credential_text(credential: &Credential) -> String {
    let hosts: Vec<&str> = credential.hosts.iter().map(HostPattern::as_str).collect();
    format!(
        "{} from {}, as `{}` to {}; the agent holds a placeholder",
        credential.name,
        credential.secret,
        credential.header,
        hosts.join(", ")
    )
}

fn secret_file(file: &bottle_api::FilePlan) -> Option<String> {
    use bottle_api::{Content, Piece};
    let secret = match &file.content {
        Content::Template(pieces) => pieces.iter().find_map(|piece| match piece {
            Piece::Secret(source) | Piece::JsonSecret(source) => Some(source.to_string()),
            Piece::Text(_) => None,
        }),
        Content::SecretMap(map) => map.values().next().map(ToString::to_string),
        Content::Text(_)
        | Content::HostFile(_)
        | Content::HostFolder(_)
        | Content::Directory
        | Content::Ca(_) => None,
    };
    Some(format!("file {} from {}", file.path, secret?))
}

fn mount_text(mount: &Mount) -> String {
    match mount {
        Mount::Bind {
            source,
            target,
            read_only,
        } => format!(
            "{target} is the host's `{}`{}",
            source.display(),
            if *read_only {
                ", read-only"
            } else {
                ", writable"
            }
        ),
        Mount::Volume { target } => format!("{target} is a volume that ends with the bottle"),
        Mount::Tmpfs { target, size, .. } => format!("{target} is memory, {}", bytes(*size)),
    }
}

fn image_text(image: &ImagePlan) -> String {
    let text = match &image.source {
        ImageSource::Pull { reference, .. } => reference.clone(),
        ImageSource::Recipe(recipe) => format!("built as bottle/{}", recipe.repository),
        ImageSource::Context(build) => format!("built from `{}`", build.context.display()),
    };
    match &image.fallback {
        Some(recipe) => format!("{text}, else built as bottle/{}", recipe.repository),
        None => text,
    }
}

/// A command line that a shell would read back as the same words.
fn shell_words(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
