use super::*;

fn after(lines: &str) -> Progress<'static> {
    let cx = OpContext::new(bottle_api::EventSink::discard());
    let mut progress = Progress::new("bottle/x:1");
    // In pieces, as builders send them.
    for piece in lines.as_bytes().chunks(7) {
        progress.take(
            BuildInfo {
                stream: Some(String::from_utf8_lossy(piece).into_owned()),
                ..Default::default()
            },
            &cx,
        );
    }
    progress
}

fn failure(lines: &str, error: &str) -> BackendError {
    let attempt = Attempt::new("build image", "x");
    failed(&attempt, &attempt.refused(500, error), &after(lines))
}

#[test]
fn a_failing_step_shows_its_last_lines_only() {
    let noise: String = (0..50).fold(String::new(), |all, n| format!("{all}line {n}\n"));
    let error = failure(
        &format!(
            "Step 1/2 : FROM debian\n ---> abc\nStep 2/2 : RUN make\n ---> Running in abc\n{noise}"
        ),
        "The command '/bin/sh -c make' returned a non-zero code: 2",
    );
    assert_eq!(error.kind(), BackendErrorKind::BuildFailed);
    let text = error.to_string();
    assert!(
        text.starts_with("build image: `x`: failed at `Step 2/2 : RUN make`"),
        "{text}"
    );
    assert!(text.ends_with("non-zero code: 2: line 49"), "{text}");
    assert!(!text.contains('\n'), "one line: {text}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("\nline 30\n") && cause.ends_with("\nline 49"));
    assert!(!cause.contains("line 29\n"), "{cause}");
}

#[test]
fn a_full_disk_and_a_missing_base_are_told_from_a_failing_step() {
    let full = failure(
        "Step 2/2 : RUN x\ncp: error writing 'a': No space left on device\n",
        "The command returned a non-zero code: 1",
    );
    assert_eq!(full.kind(), BackendErrorKind::DiskFull);
    for text in [
        "pull access denied for nope, repository does not exist",
        "manifest for debian:nope not found: manifest unknown: manifest unknown",
        "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
    ] {
        let missing = failure("Step 1/2 : FROM nope\n", text);
        assert_eq!(missing.kind(), BackendErrorKind::ImageMissing, "{text}");
    }
    let not_the_base = failure(
        "Step 1/2 : FROM a\nStep 2/2 : COPY x /\n",
        "COPY failed: file not found in build context",
    );
    assert_eq!(not_the_base.kind(), BackendErrorKind::BuildFailed);
}

#[test]
fn colours_are_taken_off() {
    assert_eq!(plain("\u{1b}[91mtwo\r\n\u{1b}[0m"), "two");
    assert_eq!(plain("a\tb\u{1b}"), "a\tb");
}

#[test]
fn steps_are_read() {
    assert_eq!(step("Step 2/7 : RUN make"), Some((2, 7, "RUN make")));
    assert_eq!(step("Stepping on"), None);
}
