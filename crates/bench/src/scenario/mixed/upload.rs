//! An upload in parts, as one connection does it: begin, each part, complete.

use crate::response::between;
use std::fmt::Write;

/// Where an upload is.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) key: u64,
    /// Number of its first part's content.
    pub(super) number: u64,
    id: Option<String>,
    etags: Vec<String>,
}

/// What has to be asked next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Begin: the query.
    Begin(String),
    /// Put a part: its number from 0, and the query.
    Part(u64, String),
    /// Complete: the query and the body.
    Complete(String, String),
}

impl Upload {
    /// Parts of every upload.
    pub(super) const PARTS: u64 = 2;

    pub(super) fn new(key: u64, number: u64) -> Self {
        Self { key, number, id: None, etags: Vec::new() }
    }

    pub(super) fn step(&self) -> Step {
        let Some(id) = &self.id else {
            return Step::Begin("uploads=".to_owned());
        };
        let done = self.etags.len() as u64;
        if done < Self::PARTS {
            return Step::Part(done, format!("partNumber={}&uploadId={id}", done + 1));
        }
        let mut body = String::from("<CompleteMultipartUpload>");
        for (etag, number) in self.etags.iter().zip(1..) {
            // Writing to a string cannot fail.
            let _ = write!(body, "<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        Step::Complete(format!("uploadId={id}"), body)
    }

    /// Takes the answer to the last step in; whether the upload is complete.
    pub(super) fn answered(&mut self, etag: &str, body: &[u8]) -> Result<bool, String> {
        match self.step() {
            Step::Begin(_) => {
                let text = String::from_utf8_lossy(body);
                let id = between(&text, "<UploadId>", "</UploadId>").ok_or("an upload without an id")?;
                self.id = Some(id.to_owned());
                Ok(false)
            }
            Step::Part(..) if etag.is_empty() => Err("a part without an ETag".to_owned()),
            Step::Part(..) => {
                self.etags.push(etag.to_owned());
                Ok(false)
            }
            Step::Complete(..) if body.windows(7).any(|text| text == b"<Error>") => {
                Err("an upload that can't be completed".to_owned())
            }
            Step::Complete(..) => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_begun_gets_its_parts_and_is_completed() {
        let mut upload = Upload::new(7, 1);
        assert_eq!(upload.step(), Step::Begin("uploads=".to_owned()));
        assert!(upload.clone().answered("", b"<a/>").is_err());
        assert_eq!(upload.answered("", b"<R><UploadId>i1</UploadId></R>"), Ok(false));
        assert_eq!(upload.step(), Step::Part(0, "partNumber=1&uploadId=i1".to_owned()));
        assert!(upload.clone().answered("", b"").is_err());
        assert_eq!(upload.answered("\"a\"", b""), Ok(false));
        assert_eq!(upload.answered("\"b\"", b""), Ok(false));
        let Step::Complete(query, body) = upload.step() else { panic!("two parts are there") };
        assert_eq!(query, "uploadId=i1");
        assert!(body.contains("<ETag>\"b\"</ETag><PartNumber>2</PartNumber>"));
        assert!(upload.clone().answered("", b"<Error>").is_err());
        assert_eq!(upload.answered("", b"<R/>"), Ok(true));
    }
}
