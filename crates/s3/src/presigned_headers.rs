//! Headers that a presigned URL carries in its query: SDKs put them there so that who uses the URL need not send them.
//!
//! Always true: only what the signature covers counts, and a header that is sent wins over the query. Checksums are left
//! out, as in S3: SDKs sign the one of an empty body.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::wire::Query;

/// Headers, or beginnings of their names where those end in a hyphen, that count in the query.
const COUNTED: [&str; 11] = [
    "x-amz-acl",
    "x-amz-checksum-mode",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-",
    "x-amz-meta-",
    "x-amz-object-lock-",
    "x-amz-request-payer",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];

/// The headers of a request whose URL was signed.
pub(crate) fn with_query<'a>(headers: &'a HeaderMap, query: &Query<'_>) -> Cow<'a, HeaderMap> {
    let mut all = Cow::Borrowed(headers);
    for (name, value) in query.iter() {
        let name = name.to_ascii_lowercase();
        if !is_counted(&name) || headers.contains_key(&name) {
            continue;
        }
        let pair = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()));
        if let (Ok(name), Ok(value)) = pair {
            all.to_mut().append(name, value);
        }
    }
    all
}

fn is_counted(name: &str) -> bool {
    COUNTED.iter().any(|counted| match counted.strip_suffix('-') {
        Some(_) => name.starts_with(counted),
        None => name == *counted || (*counted == "x-amz-server-side-encryption" && name.starts_with(counted)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_moved_into_the_query_counts() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-acl", HeaderValue::from_static("private"));
        let query = "X-Amz-Signature=1&x-amz-meta-a=b%20c&X-Amz-Storage-Class=GLACIER&x-amz-acl=public-read\
                     &x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&prefix=x&x-amz-tagging=a%3Db";
        let query = Query::parse(Some(query)).unwrap();
        let all = with_query(&headers, &query);
        let mut names: Vec<&str> = all.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["x-amz-acl", "x-amz-meta-a", "x-amz-storage-class", "x-amz-tagging"]);
        assert_eq!(all["x-amz-meta-a"], "b c");
        assert_eq!(all["x-amz-acl"], "private");
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_added() {
        let headers = HeaderMap::new();
        let query = Query::parse(Some("X-Amz-Signature=1&partNumber=2")).unwrap();
        assert!(matches!(with_query(&headers, &query), Cow::Borrowed(_)));
    }
}
