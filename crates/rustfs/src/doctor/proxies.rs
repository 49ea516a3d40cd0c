//! The proxies of the environment. The server and `rustfs admin` use none; SDKs and tools on this machine do. Pure.

use super::finding::Finding;

const CHECK: &str = "proxies";

/// What it means for a host that clients of this machine ask.
pub(crate) fn judge(variable: &dyn Fn(&str) -> Option<String>, host: &str) -> Finding {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let Some(name) = names.into_iter().find(|name| set(name).is_some()) else {
        return Finding::well(CHECK, "no proxy is set in the environment");
    };
    let except = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    if except.split(',').any(|pattern| is_excepted(pattern.trim(), host)) {
        return Finding::well(CHECK, format!("{name} is set, and NO_PROXY leaves {host} out"));
    }
    Finding::warning(
        CHECK,
        format!("{name} is set: S3 clients that are started here send requests for {host} to that proxy"),
        format!("add {host} to NO_PROXY for them; the server and `rustfs admin` use no proxy"),
    )
}

/// As most clients read it: `*`, a name, a domain with or without a dot before it.
fn is_excepted(pattern: &str, host: &str) -> bool {
    let domain = pattern.trim_start_matches('.');
    let is_below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    pattern == "*" || (!domain.is_empty() && (host.eq_ignore_ascii_case(domain) || is_below()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_proxy_that_would_get_the_requests_is_named() {
        for (proxy, except, severity) in [
            ("", "", Severity::Well),
            ("http://p:3128", "", Severity::Warning),
            ("http://p:3128", "other.test", Severity::Warning),
            ("http://p:3128", "re.test", Severity::Warning),
            ("http://p:3128", "other.test, store.test", Severity::Well),
            ("http://p:3128", ".test", Severity::Well),
            ("http://p:3128", "*", Severity::Well),
        ] {
            let variable = |name: &str| match name {
                "HTTPS_PROXY" => Some(proxy.to_owned()),
                "no_proxy" => Some(except.to_owned()),
                _ => None,
            };
            let finding = judge(&variable, "store.test");
            assert_eq!(finding.severity, severity, "{proxy} {except}");
            assert!(!finding.what.contains("3128"), "a proxy's URL may hold a password: {}", finding.what);
        }
    }
}
