//! Steps as a POSIX shell script.

use std::path::Path;

use crate::{Dialect, Step};

/// For images with `sh`, `cat`, `head`, `id`, `mv`, `od`, `readlink`, `sleep`, `stat`, `stty`,
/// `tr`, `uname`, `wc` (coreutils or busybox) and `perl`. Debian's and Ubuntu's base images have
/// them all; Alpine needs `apk add perl`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shell;

impl Dialect for Shell {
    fn argv(&self, steps: &[Step]) -> Vec<String> {
        let script: Vec<_> = steps.iter().map(line).collect();
        vec!["sh".into(), "-c".into(), script.join("\n")]
    }
    fn id_program(&self) -> &Path {
        Path::new("/usr/bin/id")
    }
}

/// A word, quoted.
fn q(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The device that routing is bypassed with: the first that is not the loopback.
const DEVICE: &str =
    "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | grep -v '^lo$' | head -n 1)";

/// `tcp|udp HOST PORT DEVICE`. Each is tried by the routes first and then, as far as an
/// unprivileged program can, around them.
const TALK: &str = r#"
use Socket qw(:all);
my ($how, $host, $port, $device) = @ARGV;
my $ip = inet_aton($host) or (print("silence\n"), exit 0);
for my $around (0, 1) {
    my $text = eval {
        local $SIG{ALRM} = sub { die };
        alarm 2;
        socket(my $s, AF_INET, $how eq "tcp" ? SOCK_STREAM : SOCK_DGRAM, 0) or die;
        if ($around) { setsockopt($s, SOL_SOCKET, 25, pack("Z*", $device)) or die; setsockopt($s, SOL_SOCKET, 5, pack("i", 1)) or die; }
        connect($s, sockaddr_in($port, $ip)) or die;
        if ($how eq "udp") { send($s, "ask", 0) or die; }
        defined recv($s, my $answer, 512, 0) or die;
        alarm 0;
        $answer;
    };
    alarm 0;
    if (defined $text && length $text) { print "answer $text\n"; exit 0; }
    last if !$device;
}
print "silence\n";
"#;

const LISTEN: &str = r#"
use Socket qw(:all);
my ($port, $text) = @ARGV;
socket(my $udp, AF_INET, SOCK_DGRAM, 0) or die "$!";
bind($udp, sockaddr_in($port, INADDR_ANY)) or die "$!";
socket(my $tcp, AF_INET, SOCK_STREAM, 0) or die "$!";
setsockopt($tcp, SOL_SOCKET, SO_REUSEADDR, 1);
bind($tcp, sockaddr_in($port, INADDR_ANY)) or die "$!";
listen($tcp, 9) or die "$!";
if (!fork) { while (my $from = recv($udp, my $q, 512, 0)) { send($udp, $text, 0, $from) } exit 0; }
$| = 1; print "listening\n";
while (accept(my $c, $tcp)) { syswrite($c, $text); close $c }
"#;

const RESOLVE: &str = r#"
my (undef, undef, undef, undef, @found) = gethostbyname($ARGV[0]);
print @found ? map({ "address " . join(".", unpack("C4", $_)) . "\n" } @found) : "unknown\n";
"#;

fn perl(program: &str, arguments: &str) -> String {
    format!("perl -e {} {arguments}", q(program))
}

fn said(action: &str) -> String {
    format!("if ( {action} ) 2>/dev/null; then echo written; else echo refused; fi")
}

fn line(step: &Step) -> String {
    let printf = |text: &str, end: &str| format!("printf '%s{end}' {}", q(text));
    match step {
        Step::Out(text) => printf(text, r"\n"),
        Step::Err(text) => printf(text, r"\n") + " >&2",
        Step::Part(text) => printf(text, ""),
        Step::Bulk(out, err) => format!(
            "head -c {out} /dev/zero | tr '\\0' x; head -c {err} /dev/zero | tr '\\0' x >&2"
        ),
        Step::Env(name) => format!("printf '%s\\n' \"${{{name}-unset}}\""),
        Step::User => "echo \"$(id -u):$(id -g)\"".into(),
        Step::Folder => "pwd".into(),
        Step::Host => "uname -n".into(),
        Step::Count => "wc -c | tr -d ' '".into(),
        Step::Copy => "cat".into(),
        Step::Line => "IFS= read -r line; printf 'got %s\\n' \"$line\"".into(),
        Step::Terminal => "if [ -t 1 ]; then echo terminal; else echo pipe; fi".into(),
        Step::Size => "stty size".into(),
        Step::AwaitSize(cols, rows) => format!(
            "n=0; until [ \"$(stty size)\" = '{rows} {cols}' ]; do n=$((n+1)); \
             [ $n -lt 150 ] || exit 99; sleep 0.1; done; echo resized"
        ),
        Step::NoEcho => "stty -echo".into(),
        Step::Pause(ms) => format!("sleep {}.{:03}", ms / 1000, ms % 1000),
        // A trap is run at once while a shell waits, and late while it runs something.
        Step::Forever => "while :; do sleep 60 & wait $!; done".into(),
        Step::EndOnTerm(code) => format!("trap 'exit {code}' TERM"),
        Step::IgnoreTerm => "trap '' TERM".into(),
        Step::KillItself => "kill -9 $$".into(),
        Step::Read(path) => format!("cat {}", q(path)),
        Step::Write(path, text) => said(&format!("{} > {}", printf(text, ""), q(path))),
        Step::Fill(path, size) => said(&format!("head -c {size} /dev/zero > {}", q(path))),
        Step::Stamp(path) => format!("cat /proc/sys/kernel/random/uuid > {}", q(path)),
        Step::Stat(path) => {
            let path = q(path);
            format!(
                "if [ -L {path} ]; then echo \"link $(readlink {path})\"; \
                 elif [ -d {path} ]; then echo \"folder $(stat -c '%a %u:%g' {path})\"; \
                 elif [ -e {path} ]; then echo \"file $(stat -c '%a %u:%g' {path})\"; \
                 else echo nothing; fi"
            )
        }
        Step::Same(one, two) => format!(
            "if [ {} -ef {} ]; then echo same; else echo different; fi",
            q(one),
            q(two)
        ),
        Step::Listen(port, text) => perl(LISTEN, &format!("{port} {}", q(text))),
        Step::Connect(host, port) => perl(TALK, &format!("tcp {} {port} \"{DEVICE}\"", q(host))),
        Step::Ask(host, port) => perl(TALK, &format!("udp {} {port} \"{DEVICE}\"", q(host))),
        Step::Resolve(name) => perl(RESOLVE, &q(name)),
        Step::Devices => {
            "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | grep -v '^lo$' || true".into()
        }
        Step::Capabilities => "grep -E '^Cap(Eff|Bnd):' /proc/self/status | tr -d '\\t'".into(),
        Step::Setuid(path) => format!("{} -u", q(path)),
        Step::Allocate(bytes) => {
            format!("x=$(head -c {bytes} /dev/zero | tr '\\0' x); echo ${{#x}}")
        }
        Step::Spawn(count) => format!(
            "n=0; while [ $n -lt {count} ]; do sleep 5 & echo started; n=$((n+1)); done 2>/dev/null"
        ),
        Step::OpenFiles => "ulimit -n".into(),
        Step::Kernel => "cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo own".into(),
        Step::Exit(code) => format!("exit {code}"),
    }
}
