//! Aborting what uploads were left: those that were under way when the load ended, or that a lost answer left.

use crate::error::BenchError;
use crate::request::Request;
use crate::response::{Response, between};
use crate::socket;
use crate::workload::Access;

/// Aborts every upload in the bucket; how many there were.
pub(super) fn abort_uploads(access: &mut Access) -> Result<u64, BenchError> {
    let mut aborted = 0;
    loop {
        let mut request = Request::default();
        access.bucket_request(&mut request, "GET", "uploads=");
        let page = answer(access, &mut request, "list uploads")?;
        let uploads = uploads_of(&String::from_utf8_lossy(&page.body));
        if uploads.is_empty() {
            return Ok(aborted);
        }
        for (key, id) in uploads {
            let mut request = Request::default();
            access.object_request(&mut request, "DELETE", &key, &format!("uploadId={id}"));
            answer(access, &mut request, "abort an upload")?;
            aborted += 1;
        }
    }
}

fn answer(access: &Access, request: &mut Request, what: &str) -> Result<Response, BenchError> {
    let response = socket::call(&access.host, request)?;
    if response.status < 300 {
        return Ok(response);
    }
    let answer = response.error_label();
    Err(BenchError::Refused { host: access.host.clone(), what: what.to_owned(), answer })
}

/// The keys and ids of a page of uploads. Keys here need no decoding: they are digits and slashes.
fn uploads_of(text: &str) -> Vec<(String, String)> {
    let uploads = text.split("<Upload>").skip(1);
    uploads
        .filter_map(|upload| {
            let key = between(upload, "<Key>", "</Key>")?;
            let id = between(upload, "<UploadId>", "</UploadId>")?;
            Some((key.to_owned(), id.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_read_off_a_page() {
        let upload = |key, id| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
        let page = format!(
            "<ListMultipartUploadsResult><Bucket>b</Bucket>{}{}</List>",
            upload("7a/1", "x"),
            upload("2", "y")
        );
        let expected = [("7a/1", "x"), ("2", "y")].map(|(key, id)| (key.to_owned(), id.to_owned()));
        assert_eq!(uploads_of(&page), expected);
        assert_eq!(uploads_of("<ListMultipartUploadsResult><Bucket>b</Bucket></List>"), []);
    }
}
