//! An engine in memory whose programs are steps.

use std::time::Duration;

use bottle_api::TermSize;
use bottle_backend_memory::{Machine, Memory, MemoryConfig};

use crate::{STEPS_PROGRAM, Step};

/// An engine in memory in whose containers the suites' programs really act: on files, streams,
/// and a network of its own.
pub fn simulated(config: MemoryConfig) -> Memory {
    let id = crate::Dialect::id_program(&crate::Json).to_string_lossy();
    Memory::with_config(config)
        .image_file(&id, "tells the user\n")
        .with_programs(|machine| Box::pin(program(machine)))
}

/// What happens when the container is asked to end.
#[derive(Clone, Copy)]
enum OnTerm {
    End(i64),
    GoOn,
}

async fn program(mut machine: Machine) -> i64 {
    let [name, rest @ ..] = machine.argv.as_slice() else {
        return 127;
    };
    match (name.as_str(), rest) {
        (STEPS_PROGRAM, [text]) => match serde_json::from_str::<Vec<Step>>(text) {
            Ok(steps) => run(&mut machine, &steps).await,
            Err(error) => {
                machine.stderr(error.to_string().as_bytes());
                2
            }
        },
        (path, _) if machine.stat(path).is_some() => 126,
        _ => {
            machine.stderr(format!("{name}: not found\n").as_bytes());
            127
        }
    }
}

async fn run(machine: &mut Machine, steps: &[Step]) -> i64 {
    let mut on_term = OnTerm::End(143);
    for step in steps {
        match step {
            Step::EndOnTerm(status) => on_term = OnTerm::End(*status),
            Step::IgnoreTerm => on_term = OnTerm::GoOn,
            _ => {}
        }
        let asked = machine.asked_to_end();
        let ended = match on_term {
            OnTerm::GoOn => act(machine, step).await,
            OnTerm::End(status) => tokio::select! {
                biased;
                () = asked => Some(status),
                ended = act(machine, step) => ended,
            },
        };
        if let Some(status) = ended {
            return status;
        }
    }
    0
}

fn say(machine: &Machine, line: impl std::fmt::Display) {
    machine.stdout(format!("{line}\n").as_bytes());
}
fn or_silence(answer: Option<String>) -> String {
    answer.map_or_else(|| "silence".into(), |text| format!("answer {text}"))
}

/// Does a step; `Some` ends the program.
async fn act(machine: &mut Machine, step: &Step) -> Option<i64> {
    match step {
        Step::Out(text) => say(machine, text),
        Step::Err(text) => machine.stderr(format!("{text}\n").as_bytes()),
        Step::Part(text) => machine.stdout(text.as_bytes()),
        Step::Bulk(out, err) => {
            for (count, to_err) in [(*out, false), (*err, true)] {
                for at in (0..count).step_by(65536) {
                    let piece = vec![b'x'; (count - at).min(65536)];
                    if to_err {
                        machine.stderr(&piece);
                    } else {
                        machine.stdout(&piece);
                    }
                }
            }
        }
        Step::Env(name) => say(
            machine,
            machine.env.get(name).map_or("unset", String::as_str),
        ),
        Step::User => say(machine, format!("{}:{}", machine.user.0, machine.user.1)),
        Step::Folder => say(machine, &machine.workdir),
        Step::Host => say(machine, machine.hostname()),
        Step::Count => {
            let mut count = 0;
            while let Some(bytes) = machine.read().await {
                count += bytes.len();
            }
            say(machine, count);
        }
        Step::Copy => {
            while let Some(bytes) = machine.read().await {
                machine.stdout(&bytes);
            }
        }
        Step::Line => {
            let line = machine.line().await.unwrap_or_default();
            say(machine, format!("got {line}"));
        }
        Step::Terminal => say(
            machine,
            if machine.has_terminal() {
                "terminal"
            } else {
                "pipe"
            },
        ),
        Step::Size => {
            let size = machine.size().unwrap_or(TermSize { cols: 0, rows: 0 });
            say(machine, format!("{} {}", size.rows, size.cols));
        }
        Step::AwaitSize(cols, rows) => {
            let (cols, rows) = (*cols, *rows);
            machine.resized_to(TermSize { cols, rows }).await;
            say(machine, "resized");
        }
        Step::Pause(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Step::Forever => std::future::pending().await,
        Step::NoEcho | Step::EndOnTerm(_) | Step::IgnoreTerm => {}
        Step::KillItself => return Some(137),
        Step::Exit(status) => return Some(*status),
        other => return act_outwards(machine, other).await,
    }
    None
}

/// Files, network, kernel.
async fn act_outwards(machine: &mut Machine, step: &Step) -> Option<i64> {
    let written = |result: std::io::Result<()>| {
        let said = if result.is_ok() { "written" } else { "refused" };
        say(machine, said);
    };
    match step {
        Step::Read(path) => match machine.read_file(path) {
            Ok(bytes) => machine.stdout(&bytes),
            Err(error) => {
                machine.stderr(format!("{path}: {error}\n").as_bytes());
                return Some(1);
            }
        },
        Step::Write(path, text) => written(machine.write_file(path, text.as_bytes())),
        Step::Fill(path, size) => written(machine.write_file(path, &vec![0; *size])),
        Step::Stamp(path) => {
            let stamp = rand::random::<u64>().to_string();
            if machine.write_file(path, stamp.as_bytes()).is_err() {
                return Some(1);
            }
        }
        Step::Stat(path) => say(machine, stat(machine, path)),
        Step::Same(one, two) => {
            let [one, two] = [one, two].map(|path| (path, machine.stat(path)));
            let linked = |(_, file): &(_, Option<bottle_backend_memory::FileView>), other: &str| {
                file.as_ref().and_then(|f| f.same_as.as_deref()) == Some(other)
            };
            let same = linked(&one, two.0) || linked(&two, one.0);
            say(machine, if same { "same" } else { "different" });
        }
        Step::Listen(port, text) => {
            machine.listen(*port, text);
            say(machine, "listening");
            std::future::pending::<()>().await;
        }
        Step::Connect(host, port) => say(machine, or_silence(machine.connect(host, *port).await)),
        Step::Ask(host, port) => say(machine, or_silence(machine.ask(host, *port).await)),
        Step::Resolve(name) => {
            let found = machine.resolve(name);
            for address in &found {
                say(machine, format!("address {address}"));
            }
            if found.is_empty() {
                say(machine, "unknown");
            }
        }
        Step::Devices => machine.devices().iter().for_each(|name| say(machine, name)),
        Step::Capabilities => {
            let all = machine.capabilities();
            // The one capability that the suites ask for.
            let bits = if all.iter().any(|c| c == "NET_BIND_SERVICE") {
                0x400
            } else {
                0
            };
            say(
                machine,
                format!("CapEff:{:016x}", if machine.user.0 == 0 { bits } else { 0 }),
            );
            say(machine, format!("CapBnd:{bits:016x}"));
        }
        Step::Setuid(path) => {
            let file = machine.stat(path)?;
            let gains = file.mode & 0o4000 != 0 && !machine.no_new_privileges();
            say(machine, if gains { file.uid } else { machine.user.0 });
        }
        Step::Allocate(bytes) => {
            if machine
                .limits()
                .memory
                .is_some_and(|limit| *bytes as u64 > limit)
            {
                machine.out_of_memory();
                return Some(137);
            }
            say(machine, bytes);
        }
        Step::Spawn(count) => {
            let most = machine.limits().pids.unwrap_or(u64::MAX);
            (0..*count as u64)
                .take_while(|n| n + 1 < most)
                .for_each(|_| say(machine, "started"));
        }
        Step::OpenFiles => say(machine, machine.limits().nofile.unwrap_or(1 << 20)),
        Step::Kernel => say(machine, machine.kernel()),
        _ => return Some(2),
    }
    None
}

fn stat(machine: &Machine, path: &str) -> String {
    match machine.stat(path) {
        None => "nothing".into(),
        Some(file) => {
            if let Some(target) = &file.link {
                return format!("link {target}");
            }
            let kind = if file.directory { "folder" } else { "file" };
            format!("{kind} {:o} {}:{}", file.mode, file.uid, file.gid)
        }
    }
}
