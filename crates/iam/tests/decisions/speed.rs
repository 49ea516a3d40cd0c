//! How long a decision takes. Nothing is asserted of time: what a loaded machine does says little. The figures are for
//! `cargo test -p iam --release speed -- --nocapture`.

#![expect(clippy::disallowed_methods, reason = "the time that is measured is the machine's")]

use std::hint::black_box;
use std::time::Instant;

use crate::table::{self, Case};

const STATEMENTS: usize = 100;
/// The fastest of so many batches counts: what else runs on a machine only makes them slower.
const BATCHES: u32 = 100;
const BATCH: u32 = 30;

/// Policies of several lines: as many as IAM's sizes let into one, ten of them.
fn lines(statement: impl Fn(usize) -> String) -> String {
    (0..STATEMENTS).map(|number| format!("identity p{}: {}\n", number / 10, statement(number))).collect()
}

fn measured(name: &str, policies: &str, request: &str, allowed: bool) {
    let case: Case = table::cases(name, &format!("{policies}{request} => ?\n")).remove(0);
    let nanos = case.ask(|request, policies| {
        assert_eq!(iam::evaluate(request, policies).allowed, allowed, "{name}");
        let batch = |_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                black_box(iam::evaluate(black_box(request), black_box(policies)));
            }
            start.elapsed().as_nanos() / u128::from(BATCH)
        };
        (0..BATCHES).map(batch).min()
    });
    println!("{name}: {} ns a decision over {STATEMENTS} statements", nanos.unwrap_or_default());
}

const REQUEST: &str = "bob s3:GetObject b/home/bob/2026/11/picture.jpg {aws:SourceIp=10.1.2.3; aws:SecureTransport=true; \
                       aws:CurrentTime=2026-11-21T12:00:00Z; aws:UserAgent=aws-cli/2; s3:authType=REST-HEADER; \
                       aws:PrincipalTag/team=red; s3:ExistingObjectTag/class=open}";

#[test]
fn speed_of_a_decision() {
    measured(
        "other actions",
        &lines(|number| format!("allow s3:Put*,s3:Delete* on b{number}/*")),
        REQUEST,
        false,
    );
    measured(
        "other resources",
        &lines(|number| format!("allow s3:Get* on b/home/u{number}/*")),
        REQUEST,
        false,
    );
    measured("stars", &lines(|number| format!("allow s3:* on *b*/*e*/*2*/x{number}*g")), REQUEST, false);
    measured("variables", &lines(|n| format!("allow s3:* on b/*/${{aws:username}}/*/x{n}")), REQUEST, false);
    let networks =
        |n: usize| format!(r#"allow s3:* on b/* if {{"IpAddress":{{"aws:SourceIp":"10.9.{n}.0/24"}}}}"#);
    measured("addresses", &lines(networks), REQUEST, false);
    let dates = |n: usize| {
        format!(r#"deny s3:* on b/* if {{"DateLessThan":{{"aws:CurrentTime":"20{n:02}-01-01"}}}}"#)
    };
    measured("dates, some of which deny", &lines(dates), REQUEST, false);
    let tags = |n: usize| {
        format!(
            r#"allow s3:* on b/* if {{"StringLike":{{"aws:PrincipalTag/team":"t{n}*"}},"Bool":{{"aws:SecureTransport":"true"}}}}"#
        )
    };
    measured("tags", &lines(tags), REQUEST, false);
    let last = lines(networks) + "identity last: allow s3:GetObject on b/home/${aws:username}/*\n";
    measured("the last allows", &last, REQUEST, true);
}
