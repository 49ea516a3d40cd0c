use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::cli::{CommandLine, ServerCommand};

fn command(line: &str) -> AdminCommand {
    let words = ["rustfs", "admin"].into_iter().chain(line.split_whitespace());
    match CommandLine::try_parse_from(words).unwrap().command {
        ServerCommand::Admin(arguments) => arguments.command,
        other => panic!("{line}: {other:?}"),
    }
}

fn asked(line: &str) -> AdminRequest {
    let inputs = Inputs {
        line: &|path| Ok(format!("line of {}", path.display())),
        text: &|_| Ok(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned()),
        secret: &|| "made".to_owned(),
    };
    request(&command(line), &inputs).unwrap()
}

/// Method, path behind the prefix with its query, body.
fn shown(line: &str) -> (String, String, Value) {
    let request = asked(line);
    let joint = if request.query.is_empty() { "" } else { "?" };
    let path = request.path.strip_prefix(API).unwrap_or(&request.path);
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    (request.method.to_string(), format!("{path}{joint}{}", request.query), body)
}

#[test]
fn every_command_is_one_request() {
    let none = Value::Null;
    let member =
        |remove: bool, members: &[&str]| json!({ "group": "g", "members": members, "isRemove": remove });
    let table = [
        ("info", "GET", "/info", none.clone()),
        ("drives", "POST", "/background-heal/status", none.clone()),
        ("usage", "GET", "/datausageinfo", none.clone()),
        ("user list", "GET", "/list-users", none.clone()),
        ("user add u", "PUT", "/add-user?accessKey=u", json!({ "secretKey": "line of -" })),
        (
            "user add u --new-secret-file f",
            "PUT",
            "/add-user?accessKey=u",
            json!({ "secretKey": "line of f" }),
        ),
        ("user add u --generate", "PUT", "/add-user?accessKey=u", json!({ "secretKey": "made" })),
        ("user remove u", "DELETE", "/remove-user?accessKey=u", none.clone()),
        ("user enable u", "PUT", "/set-user-status?accessKey=u&status=enabled", none.clone()),
        ("user disable u", "PUT", "/set-user-status?accessKey=u&status=disabled", none.clone()),
        ("user info a/b+c", "GET", "/user-info?accessKey=a%2Fb%2Bc", none.clone()),
        ("group list", "GET", "/groups", none.clone()),
        ("group info g", "GET", "/group?group=g", none.clone()),
        ("group add g u v", "PUT", "/update-group-members", member(false, &["u", "v"])),
        ("group remove g u", "PUT", "/update-group-members", member(true, &["u"])),
        ("group remove g", "PUT", "/update-group-members", member(true, &[])),
        ("group enable g", "PUT", "/set-group-status?group=g&status=enabled", none.clone()),
        ("group disable g", "PUT", "/set-group-status?group=g&status=disabled", none.clone()),
        ("policy list", "GET", "/list-canned-policies", none.clone()),
        ("policy show p", "GET", "/info-canned-policy?name=p", none.clone()),
        (
            "policy set p f",
            "PUT",
            "/add-canned-policy?name=p",
            json!({ "Version": "2012-10-17", "Statement": [] }),
        ),
        ("policy remove p", "DELETE", "/remove-canned-policy?name=p", none.clone()),
        (
            "policy attach p q --user u",
            "POST",
            "/idp/builtin/policy/attach",
            json!({ "policies": ["p", "q"], "user": "u", "group": "" }),
        ),
        (
            "policy detach p --group g",
            "POST",
            "/idp/builtin/policy/detach",
            json!({ "policies": ["p"], "user": "", "group": "g" }),
        ),
        ("key list", "GET", "/list-access-keys-bulk?listType=all", none.clone()),
        ("key list u v", "GET", "/list-access-keys-bulk?listType=all&users=u&users=v", none.clone()),
        ("key list --all", "GET", "/list-access-keys-bulk?listType=all&all=true", none.clone()),
        ("key create", "PUT", "/add-service-account", json!({})),
        (
            "key create --user u --name n --policy-file f --expires 2030-01-01T00:00:00Z",
            "PUT",
            "/add-service-account",
            json!({
                "targetUser": "u", "name": "n", "policy": { "Version": "2012-10-17", "Statement": [] },
                "expiration": "2030-01-01T00:00:00Z",
            }),
        ),
        ("key info k", "GET", "/info-access-key?accessKey=k", none.clone()),
        ("key enable k", "POST", "/update-service-account?accessKey=k", json!({ "newStatus": "on" })),
        ("key disable k", "POST", "/update-service-account?accessKey=k", json!({ "newStatus": "off" })),
        ("key remove k", "DELETE", "/delete-service-account?accessKey=k", none.clone()),
        ("why", "GET", "/why", none.clone()),
        ("why 17", "GET", "/why?request=17", none.clone()),
        ("why --action s3:ListAllMyBuckets", "GET", "/why?action=s3%3AListAllMyBuckets", none.clone()),
        (
            "why --user u --action s3:GetObject --resource arn:aws:s3:::b/k/l",
            "GET",
            "/why?accessKey=u&action=s3%3AGetObject&bucket=b&key=k%2Fl",
            none.clone(),
        ),
        (
            "why --user u --action s3:ListBucket --resource b/",
            "GET",
            "/why?accessKey=u&action=s3%3AListBucket&bucket=b",
            none.clone(),
        ),
        ("service restart", "POST", "/service?action=restart&type=2", none.clone()),
        ("service stop", "POST", "/service?action=stop&type=2", none.clone()),
        ("service freeze", "POST", "/service?action=freeze&type=2", none.clone()),
        ("service unfreeze", "POST", "/service?action=unfreeze&type=2", none.clone()),
        ("health", "GET", "/health/live", none.clone()),
        ("ready", "GET", "/health/ready", none),
    ];
    for (line, method, path, body) in table {
        assert_eq!(shown(line), (method.to_owned(), path.to_owned(), body), "{line}");
    }
}

#[test]
fn what_carries_a_secret_is_known_as_such() {
    for (line, has_secret) in
        [("user add u", true), ("key create", true), ("user list", false), ("policy set p f", false)]
    {
        assert_eq!(asked(line).has_secret, has_secret, "{line}");
    }
    assert!(!asked("ready").is_signed && asked("info").is_signed);
    assert_eq!(asked("user add u --generate").made.as_ref().map(SecretText::reveal), Some("made"));
    assert!(!format!("{:?}", asked("user add u --generate").made).contains("\"made\""));
}

#[test]
fn words_that_make_no_sense_ask_nothing() {
    for line in [
        "",
        "user",
        "user add",
        "user add u --secret-key s",
        "user add u --generate --new-secret-file f",
        "group add g",
        "policy attach p",
        "policy attach p --user u --group g",
        "key list u --all",
        "why 17 --action s3:GetObject",
        "why --user u",
        "why --resource b",
        "service sleep",
        "info --secret-key s",
    ] {
        let words = ["rustfs", "admin"].into_iter().chain(line.split_whitespace());
        assert!(CommandLine::try_parse_from(words).is_err(), "{line}");
    }
    let inputs = Inputs {
        line: &|_| Ok(String::new()),
        text: &|_| Err(io::Error::other("gone")),
        secret: &String::new,
    };
    for (line, said) in [
        ("user add u", "--generate"),
        ("policy set p f", "f can't be read: gone"),
        ("key create --policy-file -", "stdin can't be read"),
        ("why --action s3:GetObject --resource /k", "BUCKET/KEY"),
        ("why --action s3:GetObject --resource arn:aws:sqs:::b", "BUCKET/KEY"),
    ] {
        let error = request(&command(line), &inputs).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
}

#[test]
fn no_secret_of_a_mistaken_line_is_repeated() {
    for line in ["info --secret-key=hushhush", "user add u --secret=hushhush"] {
        let words = ["rustfs", "admin"].into_iter().chain(line.split_whitespace());
        let said = CommandLine::try_parse_from(words).unwrap_err().render().to_string();
        assert!(!said.contains("hushhush"), "{said}");
    }
}
