//! `sim --seeds N`: runs seeds and prints what they found.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut failed = 0;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let from: u64 = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(0);
    let count: u64 = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in from..from + count {
        let report = sim::run::seed(seed);
        println!(
            "seed {seed}: trace {:016x}, {} disk operations, {} client operations",
            report.trace, report.disk_operations, report.client_operations
        );
        if let Some(violation) = report.violations.first() {
            failed += 1;
            println!("  {violation}");
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
