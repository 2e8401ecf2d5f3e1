//! Prints the static file that also traces; see [`tests::tracing_manifest`].

fn main() {
    let chain = tests::read(std::path::Path::new(tests::tracing_manifest::CHAIN));
    print!("{}", tests::tracing_manifest::text(&chain));
}
