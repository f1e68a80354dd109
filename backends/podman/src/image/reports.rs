//! Answers that are one JSON document after the other.

use bottle_api::BackendError;
use bottle_backend_common::Attempt;
use futures_util::TryStreamExt;
use http_body_util::BodyStream;
use hyper::{Response, body::Incoming};

use crate::raw::Report;

/// Reads an answer to its end, or until `take` has enough.
pub(super) async fn each_report(
    attempt: &Attempt<'_>,
    response: Response<Incoming>,
    mut take: impl FnMut(Report) -> Result<(), BackendError>,
) -> Result<(), BackendError> {
    let mut body = BodyStream::new(response.into_body());
    let mut reports = Reports::default();
    loop {
        let piece = body
            .try_next()
            .await
            .map_err(|error| attempt.lost(&error))?;
        let last = piece.is_none();
        let bytes = piece.and_then(|frame| frame.into_data().ok());
        for report in reports.take(bytes.as_deref().unwrap_or_default(), last) {
            take(report.map_err(|error| attempt.not_understood(&error.to_string()))?)?;
        }
        if last {
            return Ok(());
        }
    }
}

/// Takes documents out of pieces that are cut anywhere.
#[derive(Debug, Default)]
struct Reports(Vec<u8>);

impl Reports {
    /// What is complete now. An incomplete document at the `last` piece is an error.
    fn take(&mut self, piece: &[u8], last: bool) -> Vec<Result<Report, serde_json::Error>> {
        self.0.extend_from_slice(piece);
        let mut found = Vec::new();
        let mut used = 0;
        let mut documents = serde_json::Deserializer::from_slice(&self.0).into_iter::<Report>();
        while let Some(document) = documents.next() {
            match document {
                Err(error) if error.is_eof() && !last => break,
                other => {
                    let broken = other.is_err();
                    found.push(other);
                    if broken {
                        break;
                    }
                }
            }
            used = documents.byte_offset();
        }
        self.0.drain(..used);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_wherever_they_are_cut() {
        let text = b"{\"stream\":\"a\\n\"}\n{\"id\":\"x\"}{\"error\":\"b\"}";
        for cut in 0..text.len() {
            let mut reports = Reports::default();
            let mut found = reports.take(&text[..cut], false);
            found.extend(reports.take(&text[cut..], true));
            let seen: Vec<_> = found
                .into_iter()
                .map(|it| it.map(|it| it.stream + &it.error).unwrap())
                .collect();
            assert_eq!(seen, ["a\n", "", "b"], "cut at {cut}");
        }
        let mut cut_off = Reports::default();
        assert!(cut_off.take(b"{\"stream\":", true)[0].is_err());
    }
}
