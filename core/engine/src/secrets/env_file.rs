//! One variable of a file in dotenv form.

use std::path::Path;

use bottle_api::SecretString;

/// The value of `key`; the last line that sets it wins. What an error says never quotes the
/// file, because any of its lines may be a secret.
pub(super) fn variable(path: &Path, key: &str) -> Result<SecretString, String> {
    let lines = dotenvy::from_path_iter(path).map_err(|error| explain(&error))?;
    let mut found = None;
    for line in lines {
        let (name, value) = line.map_err(|error| explain(&error))?;
        if name == key {
            found = Some(SecretString::from(value));
        }
    }
    found.ok_or_else(|| "no line sets it".to_owned())
}

fn explain(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "a line of it is not of the form `NAME=value`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bottle_api::ExposeSecret as _;

    use super::*;

    fn read(text: &str, key: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        variable(&path, key).map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn reads_the_usual_forms() {
        let text = "# note\nA=1\nexport B=\"two words\"\nC='x#y' # end\nA=last\n";
        for (key, want) in [("A", "last"), ("B", "two words"), ("C", "x#y")] {
            assert_eq!(read(text, key).unwrap(), want);
        }
    }

    #[test]
    fn errors_quote_nothing_of_the_file() {
        assert_eq!(read("A=1", "B").unwrap_err(), "no line sets it");
        let error = read("A=1\nhush hush\n", "A").unwrap_err();
        assert!(
            error.contains("NAME=value") && !error.contains("hush"),
            "{error}"
        );
        assert!(
            variable(Path::new("/nowhere/.env"), "A")
                .unwrap_err()
                .contains("No such file")
        );
    }
}
