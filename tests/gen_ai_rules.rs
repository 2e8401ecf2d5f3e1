//! Prints the recording rules with OpenTelemetry's names; see [`tests::rules`].

fn main() {
    print!("{}", tests::rules::gen_ai());
}
