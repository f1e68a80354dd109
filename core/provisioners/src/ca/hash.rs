//! The name under which OpenSSL looks for a certificate in a folder.

use sha1::{Digest as _, Sha1};
use x509_parser::{
    asn1_rs::Tag,
    pem::parse_x509_pem,
    x509::{AttributeTypeAndValue, X509Name},
};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;

/// `openssl x509 -subject_hash` of a certificate in PEM. `None` when it cannot be read, or when
/// its subject is of a kind that a session's CA never has.
pub(super) fn subject_hash(pem: &str) -> Option<String> {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let digest = Sha1::digest(canonical(certificate.subject())?);
    let first: [u8; 4] = digest[..4].try_into().ok()?;
    Some(format!("{:08x}", u32::from_le_bytes(first)))
}

/// OpenSSL's canonical form: its parts without the outer sequence, every text in UTF-8, lower
/// case, with single spaces.
fn canonical(name: &X509Name<'_>) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    for rdn in name.iter() {
        let parts: Option<Vec<Vec<u8>>> = rdn.iter().map(attribute).collect();
        let mut parts = parts?;
        parts.sort();
        form.extend(element(SET, &parts.concat()));
    }
    Some(form)
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> Option<Vec<u8>> {
    let value = attribute.attr_value();
    let readable = matches!(
        value.tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString
    );
    let text = std::str::from_utf8(value.data).ok().filter(|_| readable)?;
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let text = words.join(" ").to_ascii_lowercase();
    let mut pair = element(OBJECT_ID, attribute.attr_type().as_bytes());
    pair.extend(element(UTF8_STRING, text.as_bytes()));
    Some(element(SEQUENCE, &pair))
}

/// Tag, length, value.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = value.len().to_be_bytes();
    match u8::try_from(value.len()) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let used = &length[length.iter().take_while(|byte| **byte == 0).count()..];
            // At most eight bytes of length.
            bytes.push(0x80 | u8::try_from(used.len()).unwrap_or(8));
            bytes.extend(used);
        }
    }
    bytes.extend(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    // What `openssl x509 -subject_hash` says of the two files.
    #[test]
    fn agrees_with_openssl() {
        assert_eq!(subject_hash(crate::testing::CA).unwrap(), "408a9965");
        let unicode = include_str!("../../tests/data/unicode.crt");
        assert_eq!(subject_hash(unicode).unwrap(), "41687c4b");
        assert_eq!(subject_hash("no certificate"), None);
    }

    #[test]
    fn long_values_have_long_lengths() {
        assert_eq!(element(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(element(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(element(4, &[7; 258])[..4], [4, 0x82, 1, 2]);
    }
}
