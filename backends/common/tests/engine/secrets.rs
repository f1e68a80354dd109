//! Secrets on their way to the engine show up in no log, at no level.

use std::{fmt::Write, sync::Mutex};

use bottle_api::{Backend, ExecRequest, SecretString};

use crate::harness::{archive, entry, test};

struct Collector(Mutex<String>);

static COLLECTOR: Collector = Collector(Mutex::new(String::new()));

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let mut all = self.0.lock().unwrap();
        let _ = writeln!(all, "{} {}", record.target(), record.args());
    }
    fn flush(&self) {}
}

#[test]
fn no_log_at_any_level_holds_a_secret() {
    log::set_logger(&COLLECTOR).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    test(async |engine| {
        let plan = engine.plan("agent", "runc");
        let id = engine
            .create_with_env(&plan, &[("KEY", "s3cret-in-env")])
            .await
            .unwrap();
        let file = archive(&[entry("srv/key", "s3cret-in-file", 0o400, 0)]);
        engine.backend.put_archive(&id, file).await.unwrap();
        engine.backend.start(&id).await.unwrap();
        let mut request = ExecRequest::new(["bash", "-c", "echo $KEY $MORE; cat /srv/key"]);
        request.env = vec![("MORE".into(), SecretString::from("s3cret-in-exec"))];
        let output = engine.exec(&id, &request).await;
        assert_eq!(
            output.stdout, b"s3cret-in-env s3cret-in-exec\ns3cret-in-file",
            "they did travel"
        );
        engine.backend.inspect(&id).await.unwrap();
    });
    let all = COLLECTOR.0.lock().unwrap().clone();
    let told: Vec<_> = all.lines().filter(|line| line.contains("s3cret")).collect();
    assert!(told.is_empty(), "{told:#?}");
}
