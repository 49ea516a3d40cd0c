use clap::Parser;
use serde_json::json;

use super::*;
use crate::cli::{CommandLine, ServerCommand};

fn said(line: &str, answer: &Value) -> String {
    let words = ["rustfs", "admin"].into_iter().chain(line.split_whitespace());
    match CommandLine::try_parse_from(words).unwrap().command {
        ServerCommand::Admin(arguments) => text(&arguments.command, answer),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn drives_are_listed_with_what_to_do_about_each() {
    let disk = |path: &str, slot: u8, state: &str, free: u64, healing: bool| {
        json!({
            "path": path, "set_index": 0, "disk_index": slot, "state": state, "healing": healing, "totalspace": 1000,
            "usedspace": 1000 - free, "availspace": free,
        })
    };
    let answer = json!({
        "sets": [{ "disks": [
            disk("/d1", 0, "ok", 900, false),
            disk("/d2", 1, "ok", 900, true),
            disk("", 2, "offline", 0, false),
            disk("/d4", 3, "faulty", 900, false),
            disk("/d5", 4, "ok", 10, false),
        ] }],
        "scrubs": [
            { "path": "/d1", "started": "2026-11-20T12:00:00Z", "finished": "2026-11-20T13:30:00Z", "found": 2, "healed": 2 },
            { "path": "/d2", "started": "2026-11-20T12:00:00Z", "read_bytes": 50, "used_bytes": 200 },
            { "path": "/d4" },
        ],
    });
    let text = said("drives", &answer);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    for wanted in ["ended 2026-11-20 13:30, found 2, healed 2", "25%", "not yet", "refilling", "missing"] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    let todo = text.split("What to do:\n").nth(1).unwrap();
    for drive in ["/d2:", "(missing):", "/d4:", "/d5:"] {
        assert!(todo.contains(drive), "{drive} in\n{todo}");
    }
    assert!(!todo.contains("/d1"), "{todo}");
    let well = json!({ "sets": [{ "disks": [disk("/d1", 0, "ok", 900, false)] }], "scrubs": [] });
    assert!(said("drives", &well).ends_with("\nNothing is to be done.\n"));
}

#[test]
fn the_server_is_told_of_in_pairs() {
    let answer = json!({
        "deploymentID": "abcd", "region": "us-east-1",
        "backend": { "onlineDisks": 3, "offlineDisks": 1, "standardSCParity": 2, "totalDrivesPerSet": [4] },
        "servers": [{ "endpoint": "h:1", "version": "0.1.0", "uptime": 3700, "drives": [{ "usedspace": 1024, "totalspace": 4096 }] }],
        "buckets": { "count": 3 }, "objects": { "count": 12345 },
        "usage": { "size": 0, "error": "the records can't be read: x" },
    });
    let text = said("info", &answer);
    for wanted in [
        "h:1, version 0.1.0",
        "1 h 1 min",
        "3 of 4 work - see `rustfs admin drives`",
        "2 of 4 shards",
        "1.0 KiB of 4.0 KiB used",
        "12,345",
        "unknown: the records can't be read: x",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn identities_are_listed_or_said_to_be_none() {
    let users = json!({ "ann": { "status": "enabled", "policyName": "readonly", "memberOf": ["a", "b"] } });
    assert_eq!(said("user list", &users), "user  state    policies  groups\nann   enabled  readonly  a, b\n");
    assert_eq!(said("user list", &json!({})), "There are no users but root.\n");
    assert_eq!(said("group list", &json!(["a", "b"])), "a\nb\n");
    assert_eq!(said("group list", &json!([])), "There are no groups.\n");
    let policies = json!({
        "p": { "Statement": [{ "Action": ["s3:Get*", "s3:List*"] }, { "NotAction": "s3:Put*" }] },
        "q": { "Statement": { "Action": "s3:*" } },
    });
    let text = said("policy list", &policies);
    assert!(text.contains("p       2           s3:Get*, s3:List*, all but s3:Put*"), "{text}");
    assert!(text.contains("q       1           s3:*"), "{text}");
    let keys = json!({ "ann": {
        "serviceAccounts": [{ "accessKey": "K1", "accountStatus": "on", "name": "app", "expiration": "2030-01-02T03:04:05Z" }],
        "stsKeys": [{ "accessKey": "K2", "accountStatus": "on", "name": "" }],
    } });
    let text = said("key list", &keys);
    assert!(text.contains("K1") && text.contains("2030-01-02 03:04") && text.contains("session"), "{text}");
    assert_eq!(
        said("key list", &json!({ "ann": { "serviceAccounts": [], "stsKeys": [] } })),
        "There are no access keys.\n"
    );
    let made = json!({ "credentials": { "accessKey": "K", "secretKey": "S" } });
    for line in ["key create", "user add u --generate"] {
        let text = said(line, &made);
        assert!(text.contains("Secret key  S") && text.contains("told this once"), "{text}");
    }
}

#[test]
fn reasons_are_told_by_statement() {
    let told = json!({ "allowed": false, "reason": "no statement allows it", "statements": [
        { "statement": "statement 0 of p", "effect": "Allow", "applies": false, "mismatch": "action" },
    ] });
    let text = said("why --action s3:GetObject", &told);
    assert!(text.starts_with("It is not allowed: no statement allows it.\n\nstatement"), "{text}");
    assert!(text.contains("statement 0 of p  Allow   no       action"), "{text}");
    let refused =
        json!({ "request": "17", "time": "2026-01-02T03:04:05Z", "accessKey": "ann", "reason": "why not" });
    assert!(said("why 17", &refused).contains("Refused     why not"));
    assert!(said("why", &json!([refused])).contains("2026-01-02 03:04  17"));
    assert!(said("why", &json!([])).starts_with("Nothing was refused"));
}

#[test]
fn an_answer_of_a_newer_server_is_shown_as_far_as_it_is_known() {
    for line in [
        "info",
        "drives",
        "usage",
        "user list",
        "group info g",
        "policy list",
        "key list",
        "key info k",
        "why 1",
        "ready",
    ] {
        for answer in [json!({}), json!({ "new": 1 }), json!([]), json!(null)] {
            assert!(said(line, &answer).ends_with('\n'), "{line} {answer}");
        }
    }
}

#[test]
fn names_with_control_characters_move_no_terminal() {
    let users = json!({ "a\u{1b}]0;x\u{7}": { "status": "en\nabled" } });
    let text = said("user list", &users);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert_eq!(text.lines().count(), 2);
}
