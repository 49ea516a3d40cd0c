//! Which bucket and key a request names: by path, or by host and path.

use http::request::Parts;
use http::{Method, header};

use crate::error::{ErrorCode, S3Error};
use crate::generated::is_marker;
use crate::route::{Target, check_bucket_name};
use crate::wire::Query;

/// Parameters of a listing of a bucket that a listing of buckets has not.
const OF_A_BUCKET: [&str; 7] =
    ["list-type", "delimiter", "max-keys", "encoding-type", "start-after", "fetch-owner", "marker"];

/// The host that the request names, with its port.
pub(crate) fn host(parts: &Parts) -> &str {
    let header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// The target of a request, and whether its bucket stands in the host: before one of the domains.
///
/// # Errors
/// As [`Target::from_path`]; `InvalidHostHeader` for a bucket in the host that no domain is served for.
pub(crate) fn target<'a>(
    parts: &'a Parts,
    query: &Query<'_>,
    domains: &[String],
) -> Result<(Target<'a>, bool), S3Error> {
    let host = without_port(host(parts));
    let path = parts.uri.path();
    if let Some(bucket) = domains.iter().find_map(|domain| before_domain(host, domain)) {
        return Ok((Target::from_host(bucket, path)?, true));
    }
    let is_served = domains.iter().any(|domain| host.eq_ignore_ascii_case(domain));
    if !is_served && (has_bucket(host) || (path == "/" && asks_for_a_bucket(&parts.method, query))) {
        return Err(use_path_style(host));
    }
    Ok((Target::from_path(path)?, false))
}

/// The bucket that a host names before one of the domains.
pub(crate) fn bucket_in<'a>(host: &'a str, domains: &[String]) -> Option<&'a str> {
    let host = without_port(host.trim());
    domains.iter().find_map(|domain| before_domain(host, domain))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// `bucket` of `bucket.domain`.
fn before_domain<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let at = host.len().checked_sub(domain.len())?;
    let (before, end) = host.split_at_checked(at)?;
    let bucket = before.strip_suffix('.').filter(|bucket| !bucket.is_empty())?;
    (end.eq_ignore_ascii_case(domain) && !domain.is_empty()).then_some(bucket)
}

/// Whether a host that is no domain of ours surely has a bucket before it: no server is called like that.
fn has_bucket(host: &str) -> bool {
    let Some((bucket, rest)) = host.split_once('.') else { return false };
    let is_bucket = check_bucket_name(bucket).is_ok();
    let ends_in_address = || {
        let mut labels = host.rsplitn(5, '.');
        let octets = labels.by_ref().take(4).filter(|label| label.parse::<u8>().is_ok()).count();
        octets == 4 && labels.next().is_some()
    };
    is_bucket && (rest.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost") || ends_in_address())
}

/// Whether a request for `/` can be meant for a bucket only.
fn asks_for_a_bucket(method: &Method, query: &Query<'_>) -> bool {
    match method.as_str() {
        "PUT" | "DELETE" | "HEAD" => true,
        "POST" => query.has("delete"),
        "GET" => query.iter().any(|(name, _)| OF_A_BUCKET.contains(&name) || is_marker(name)),
        _ => false,
    }
}

fn use_path_style(host: &str) -> S3Error {
    let message = format!(
        "The request seems to name its bucket in the host ({host}), and no domain is set up for that. Use path-style \
         addressing (boto3: Config(s3={{'addressing_style': 'path'}}); other SDKs: forcePathStyle), or set \
         RUSTFS_SERVER_DOMAINS on the server to the domain whose subdomains are buckets."
    );
    S3Error::with_message(ErrorCode::InvalidHostHeader, message)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn parts(method: &str, host: &str, uri: &str) -> Parts {
        let request = http::Request::builder().method(method).uri(uri).header("host", host).body(()).unwrap();
        request.into_parts().0
    }

    fn find(method: &str, host: &str, uri: &str, domains: &[&str]) -> Result<(String, String), S3Error> {
        let parts = parts(method, host, uri);
        let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let query = Query::parse(parts.uri.query()).unwrap();
        let (found, _) = target(&parts, &query, &domains)?;
        let text = |part: Option<Cow<'_, str>>| part.map(Cow::into_owned).unwrap_or_default();
        Ok((text(found.bucket), text(found.key)))
    }

    fn named(bucket: &str, key: &str) -> Result<(String, String), S3Error> {
        Ok((bucket.to_owned(), key.to_owned()))
    }

    #[test]
    fn a_bucket_stands_before_a_domain_that_is_served() {
        let domains = ["s3.example.com", "localhost"];
        assert_eq!(find("GET", "photos.s3.example.com:9000", "/a/b%20c", &domains), named("photos", "a/b c"));
        assert_eq!(find("PUT", "photos.S3.Example.com", "/", &domains), named("photos", ""));
        assert_eq!(find("GET", "pho.tos.localhost", "/k", &domains), named("pho.tos", "k"));
        assert_eq!(find("GET", "s3.example.com", "/photos/k", &domains), named("photos", "k"));
        assert_eq!(find("GET", "127.0.0.1:9000", "/photos/k", &domains), named("photos", "k"));
    }

    #[test]
    fn path_style_works_under_any_name_of_the_server() {
        for host in ["localhost:9000", "127.0.0.1", "[::1]:9000", "s3.example.com", "a.b.c.d.example.com", ""]
        {
            assert_eq!(find("GET", host, "/photos/k", &[]), named("photos", "k"), "{host}");
            assert_eq!(find("GET", host, "/?prefix=a&max-buckets=3", &[]), named("", ""), "{host}");
        }
    }

    #[test]
    fn a_bucket_in_the_host_without_a_domain_is_told_of_path_style() {
        for (method, host, uri) in [
            ("GET", "photos.localhost:9000", "/key"),
            ("GET", "photos.127.0.0.1:9000", "/"),
            ("PUT", "photos.s3.example.com", "/"),
            ("GET", "photos.s3.example.com", "/?list-type=2&prefix="),
            ("GET", "photos.s3.example.com", "/?location"),
            ("HEAD", "photos.s3.example.com", "/"),
            ("POST", "photos.s3.example.com", "/?delete"),
        ] {
            let error = find(method, host, uri, &[]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidHostHeader, "{method} {host} {uri}");
            assert!(
                error.message.contains("addressing_style") && error.message.contains("RUSTFS_SERVER_DOMAINS")
            );
        }
    }
}
