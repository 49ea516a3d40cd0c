//! Health for load balancers and orchestrators: answered before S3, without credentials, on these exact paths alone.
//!
//! `GET` and `HEAD` of `/health`, `/health/live`, `/health/ready`, `/minio/health/live`, `/minio/health/ready`,
//! `/minio/health/cluster` and `/minio/health/cluster/read`. A bucket called `health` stays usable: a request that is
//! signed, or names its bucket by the host, is never taken for one about health. No bucket can be called `minio`.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::Full;
use serde_json::json;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthQuestion {
    /// Whether the process answers.
    Live,
    /// Whether writes would succeed.
    Ready,
    /// The same, with MinIO's headers.
    Cluster,
    /// Whether writes would succeed without this machine.
    Maintenance,
    /// Whether reads would succeed.
    Read,
}

/// What works now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether objects can be read.
    pub reads: bool,
    /// Whether objects can be written.
    pub writes: bool,
    /// What is wrong, in sentences.
    pub reasons: Vec<String>,
    /// Drives of a set that a read needs.
    pub read_quorum: usize,
    /// Drives of a set that a write needs.
    pub write_quorum: usize,
}

/// Whether the request is about health. `domains` are those whose subdomains are buckets.
#[must_use]
pub fn question(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    domains: &[String],
) -> Option<HealthQuestion> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    let question = match uri.path() {
        "/health" | "/health/live" | "/minio/health/live" => HealthQuestion::Live,
        "/health/ready" | "/minio/health/ready" => HealthQuestion::Ready,
        "/minio/health/cluster" if has_maintenance(uri) => HealthQuestion::Maintenance,
        "/minio/health/cluster" => HealthQuestion::Cluster,
        "/minio/health/cluster/read" => HealthQuestion::Read,
        _ => return None,
    };
    let is_s3 = is_signed(uri, headers) || names_bucket(uri, headers, domains);
    (!is_s3).then_some(question)
}

fn has_maintenance(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "maintenance=true"))
}

fn is_signed(uri: &Uri, headers: &HeaderMap) -> bool {
    let in_query = ["X-Amz-Signature=", "Signature="];
    headers.contains_key(header::AUTHORIZATION)
        || uri.query().is_some_and(|query| {
            query.split('&').any(|pair| in_query.iter().any(|name| pair.starts_with(name)))
        })
}

/// Whether the host of a request names a bucket before one of the domains.
#[must_use]
pub fn names_bucket(uri: &Uri, headers: &HeaderMap, domains: &[String]) -> bool {
    let host = uri.host().or_else(|| headers.get(header::HOST)?.to_str().ok()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    domains.iter().any(|domain| {
        host.strip_suffix(domain.as_str()).is_some_and(|bucket| bucket.len() > 1 && bucket.ends_with('.'))
    })
}

/// The answer. `health` is not looked at for [`HealthQuestion::Live`].
#[must_use]
pub fn answer(question: HealthQuestion, health: &StoreHealth) -> Response<Full<Bytes>> {
    let (status, body) = match question {
        HealthQuestion::Live => {
            (StatusCode::OK, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
        }
        HealthQuestion::Ready | HealthQuestion::Cluster => works(health.writes, health),
        HealthQuestion::Read => works(health.reads, health),
        // There is no other machine that could take over.
        HealthQuestion::Maintenance => (
            StatusCode::PRECONDITION_FAILED,
            json!({ "status": "unavailable", "reasons": ["this machine is the only one of the store"] }),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let quorum = match question {
        HealthQuestion::Cluster | HealthQuestion::Maintenance => {
            Some(("x-minio-write-quorum", health.write_quorum))
        }
        HealthQuestion::Read => Some(("x-minio-read-quorum", health.read_quorum)),
        HealthQuestion::Live | HealthQuestion::Ready => None,
    };
    if let Some((name, quorum)) = quorum {
        headers.insert(name, HeaderValue::from(quorum));
    }
    response
}

fn works(works: bool, health: &StoreHealth) -> (StatusCode, serde_json::Value) {
    let (status, word) = match (works, health.reasons.is_empty()) {
        (true, true) => (StatusCode::OK, "ok"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let body = json!({
        "status": word,
        "reads": health.reads,
        "writes": health.writes,
        "reasons": health.reasons,
    });
    (status, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, uri: &str, headers: &[(&str, &str)]) -> Option<HealthQuestion> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        question(method, &uri.parse().unwrap(), &map, &["s3.example.com".to_owned()])
    }

    fn read(response: &Response<Full<Bytes>>, name: &str) -> Option<String> {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_exact_paths_are_about_health_and_no_others() {
        let table = [
            ("/health", Some(HealthQuestion::Live)),
            ("/health/live", Some(HealthQuestion::Live)),
            ("/health/ready", Some(HealthQuestion::Ready)),
            ("/minio/health/live", Some(HealthQuestion::Live)),
            ("/minio/health/ready", Some(HealthQuestion::Ready)),
            ("/minio/health/cluster", Some(HealthQuestion::Cluster)),
            ("/minio/health/cluster?maintenance=true", Some(HealthQuestion::Maintenance)),
            ("/minio/health/cluster/read", Some(HealthQuestion::Read)),
            ("/health/", None),
            ("/health/report.pdf", None),
            ("/healthy", None),
            ("/minio", None),
            ("/minio/health", None),
            ("/", None),
        ];
        for (uri, wanted) in table {
            assert_eq!(asked(&Method::GET, uri, &[]), wanted, "{uri}");
            assert_eq!(asked(&Method::HEAD, uri, &[]), wanted, "{uri}");
            assert_eq!(asked(&Method::PUT, uri, &[]), None, "{uri}");
            assert_eq!(asked(&Method::DELETE, uri, &[]), None, "{uri}");
        }
    }

    #[test]
    fn buckets_of_these_names_stay_usable() {
        let signed = [("authorization", "AWS4-HMAC-SHA256 Credential=...")];
        assert_eq!(asked(&Method::GET, "/health?list-type=2", &signed), None);
        assert_eq!(asked(&Method::HEAD, "/health", &signed), None);
        assert_eq!(asked(&Method::GET, "/health/ready?X-Amz-Signature=00", &[]), None);
        let by_host = [("host", "photos.s3.example.com:9000")];
        assert_eq!(asked(&Method::GET, "/health", &by_host), None);
        assert_eq!(asked(&Method::GET, "/health", &[("host", "s3.example.com")]), Some(HealthQuestion::Live));
    }

    #[test]
    fn answers_say_what_works() {
        let well =
            StoreHealth { reads: true, writes: true, reasons: vec![], read_quorum: 2, write_quorum: 3 };
        let reasons = vec!["set 0: 2 drives take writes where 3 are needed".to_owned()];
        let read_only = StoreHealth { writes: false, reasons, ..well.clone() };
        for (question, of_well, of_read_only) in [
            (HealthQuestion::Live, 200, 200),
            (HealthQuestion::Ready, 200, 503),
            (HealthQuestion::Cluster, 200, 503),
            (HealthQuestion::Read, 200, 200),
            (HealthQuestion::Maintenance, 412, 412),
        ] {
            assert_eq!(answer(question, &well).status(), of_well, "{question:?}");
            assert_eq!(answer(question, &read_only).status(), of_read_only, "{question:?}");
        }
        assert_eq!(
            read(&answer(HealthQuestion::Cluster, &well), "x-minio-write-quorum").as_deref(),
            Some("3")
        );
        assert_eq!(read(&answer(HealthQuestion::Read, &well), "x-minio-read-quorum").as_deref(), Some("2"));
        let (_, body) = works(false, &read_only);
        assert_eq!(body["status"], "unavailable");
        assert_eq!(body["reasons"][0], read_only.reasons[0]);
    }
}
