//! A bottle in a real terminal, on the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use std::{
    io::{Read, Write},
    os::fd::AsFd,
    process::Child,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use common::World;
use pty_process::{Size, blocking};
use rustix::termios::{LocalModes, Termios, tcgetattr};

const SHELL: &str = "run shell --image debian:bookworm-slim --proxy none --workspace-mode none";

struct Terminal {
    pty: Arc<blocking::Pty>,
    child: Child,
    before: Termios,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn open(world: &World, line: &str) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(33, 77)).unwrap();
        let before = tcgetattr(pty.as_fd()).unwrap();
        let plain = world.command(line);
        let mut command = blocking::Command::new(plain.get_program()).args(plain.get_args());
        command = command.env_clear().current_dir(world.project());
        for (name, value) in plain.get_envs() {
            command = command.env(name, value.unwrap_or_default());
        }
        let child = command.env("TERM", "xterm-kitty").spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let (send, output) = channel();
        let reader = pty.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = (&*reader).read(&mut buffer) {
                let _ = send.send(buffer[..count].to_vec());
            }
        });
        Self {
            pty,
            child,
            before,
            output,
            seen: String::new(),
        }
    }

    fn expect(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let bytes = self.output.recv_timeout(Duration::from_mins(2));
            let bytes = bytes.unwrap_or_else(|_| panic!("no {text:?} in:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.seen.clear();
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.pty.as_fd()).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn end(mut self) -> i32 {
        let status = self.child.wait().unwrap();
        let after = tcgetattr(self.pty.as_fd()).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
        status.code().unwrap()
    }
}

#[test]
fn a_shell_as_if_it_were_here() {
    let world = World::new();
    let mut terminal = Terminal::open(&world, SHELL);
    terminal.expect("$ ");
    assert!(terminal.is_raw());
    terminal.type_keys("stty size; echo term-$TERM\r");
    terminal.expect("33 77\r\nterm-xterm-256color");
    terminal.pty.resize(Size::new(40, 100)).unwrap();
    terminal.type_keys("sleep 1; stty size\r");
    terminal.expect("40 100");
    // Ctrl-C belongs to the program inside.
    terminal.type_keys("sh -c 'echo g''o; exec sleep 300'\r");
    terminal.expect("go\r\n");
    terminal.type_keys("\x03");
    terminal.expect("$ ");
    terminal.type_keys("exit 9\r");
    assert_eq!(terminal.end(), 9);
}

#[test]
fn left_and_returned_to() {
    let world = World::new();
    let name = format!("cli-left-{}", std::process::id());
    let mut terminal = Terminal::open(&world, &format!("{SHELL} --name {name}"));
    terminal.expect("$ ");
    terminal.type_keys("kept=yes\r");
    terminal.expect("$ ");
    terminal.type_keys("\x10\x11");
    terminal.expect("bottle attach");
    assert_eq!(terminal.end(), 0);

    let mut terminal = Terminal::open(&world, "attach --detach-keys ctrl-]");
    terminal.expect("$ ");
    terminal.type_keys("echo kept-$kept\r");
    terminal.expect("kept-yes");
    terminal.type_keys("\x1d");
    assert_eq!(terminal.end(), 0);

    let mut terminal = Terminal::open(&world, &format!("exec {name} -- sh"));
    terminal.expect("$ ");
    terminal.type_keys("stty size; exit 3\r");
    terminal.expect("33 77");
    assert_eq!(terminal.end(), 3);

    let mut terminal = Terminal::open(&world, &format!("attach {name}"));
    terminal.expect("$ ");
    terminal.type_keys("exit 5\r");
    assert_eq!(terminal.end(), 5);
    let sessions = world.state().join("sessions");
    let end = std::time::Instant::now() + Duration::from_mins(1);
    while std::fs::read_dir(&sessions).unwrap().count() > 0 {
        assert!(std::time::Instant::now() < end, "the new owner cleans up");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_secret_is_asked_for_and_not_shown() {
    let world = World::new();
    world.user_config("[secret.TOKEN]\nprompt = \"Token for the test?\"\nenv = \"TOKEN\"\n");
    let mut terminal = Terminal::open(&world, SHELL);
    terminal.expect("Token for the test?");
    let modes = tcgetattr(terminal.pty.as_fd()).unwrap().local_modes;
    assert!(!modes.contains(LocalModes::ECHO) && modes.contains(LocalModes::ICANON));
    terminal.type_keys("hush-4711\r");
    terminal.expect("$ ");
    assert!(!terminal.seen.contains("hush"), "{}", terminal.seen);
    terminal.type_keys("echo length-${#TOKEN}; exit\r");
    terminal.expect("length-9");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_question_can_be_refused() {
    let world = World::new();
    world.user_config("[secret.TOKEN]\nprompt = \"Token for the test?\"\nenv = \"TOKEN\"\n");
    let mut terminal = Terminal::open(&world, SHELL);
    terminal.expect("Token for the test?");
    terminal.type_keys("\x03");
    assert_eq!(terminal.end(), 130);
}

#[test]
fn twice_ctrl_c_leaves_at_once_and_says_what_is_left() {
    let world = World::new();
    // The agent does not listen, so that its end takes as long as it may.
    let script = "trap '' TERM INT; echo started; while :; do sleep 1; done";
    let path = world.write("project/stubborn.sh", script);
    let line = format!(
        "run shell --image debian:bookworm-slim --proxy none --mount {}:/s.sh --no-tty -- sh /s.sh",
        path.display()
    );
    let mut terminal = Terminal::open(&world, &line);
    terminal.expect("started");
    assert!(!terminal.is_raw());
    terminal.type_keys("\x03");
    terminal.expect("press Ctrl-C again");
    terminal.type_keys("\x03");
    terminal.expect("bottle cleanup");
    assert!(
        terminal.seen.contains("container `bottle-shell-project"),
        "{}",
        terminal.seen
    );
    assert_eq!(terminal.end(), 130);
    let (code, out, err) = world.run("cleanup");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("removed container"), "{out}");
}
