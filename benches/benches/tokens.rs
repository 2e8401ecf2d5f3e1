//! How fast tokens are counted exactly: in V8, in wasmtime and natively, against libraries that run
//! natively; and how slow a text can make it.
//!
//! `cargo bench -p benches --bench tokens [-- --rounds 40]`
//!
//! Every side counts the same text once a round, one after the other, and the fastest round of each
//! is its figure: other work on the machine makes rounds slower and never faster. For the same
//! reason it is the thread's processor time that is taken, not the clock's. All sides have to agree.
//! The libraries are built as cargo builds them for their users. A hostile text is measured in the
//! same rounds as English of its length.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use benches::argument;
use benches::v8::V8;
use benches::{hostile, prose};
use llm_wire::{Encoding, ExactCounter, TextSink as _};
use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, Linker, Memory, Module, Store, TypedFunc};

/// As Envoy's buffers hand a body over.
const PIECE: usize = 16 * 1024;
const HOSTILE_BYTES: usize = 128 * 1024;

/// Who counts.
const SIDES: [&str; 6] = ["V8", "wasmtime", "native", "tiktoken", "bpe-openai", "tiktoken-rs"];
const OURS: usize = 3;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let rounds = argument("--rounds").unwrap_or(40);
    let folder = tempfile::tempdir()?;
    let module = build()?;
    let mut sides = Sides {
        v8: V8::start(&module)?,
        guest: Guest::start(&module)?,
        native: native()?,
        text: folder.path().join("text"),
    };
    let texts =
        [("English", prose::english()?), ("code", prose::code()?), ("Chinese", prose::chinese()?)];

    println!("| MB/s | KB | {} |", SIDES.join(" | "));
    println!("|---|--:|{}", "--:|".repeat(SIDES.len()));
    for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
        for (name, text) in &texts {
            let speeds = sides.measure(encoding, text, SIDES.len(), rounds)?;
            let row: Vec<String> = speeds.iter().map(|speed| format!("{speed:.1}")).collect();
            println!(
                "| {name}, {} | {} | {} |",
                encoding.name(),
                text.len() >> 10,
                row.join(" | ")
            );
            if let [v8, _, _, tiktoken, bpe, rs] = speeds[..] {
                let fastest = tiktoken.max(bpe).max(rs);
                println!(
                    "| V8 against it | | | | | {:.2} | {:.2} | {:.1}; {:.2} of the fastest |",
                    v8 / tiktoken,
                    v8 / bpe,
                    v8 / rs,
                    v8 / fastest
                );
            }
        }
    }

    println!("\n| o200k_base, times the time of English | {} |", SIDES[..OURS].join(" | "));
    println!("|---|{}", "--:|".repeat(OURS));
    let english = prose::english()?;
    let english =
        english.get(..HOSTILE_BYTES).ok_or("too little English, or cut in a character")?;
    for (name, text) in hostile::all(HOSTILE_BYTES) {
        let (mut fastest, mut usual) = (vec![Duration::MAX; OURS], vec![Duration::MAX; OURS]);
        for _ in 0..rounds {
            sides.round(Encoding::O200kBase, english, &mut usual)?;
            sides.round(Encoding::O200kBase, &text, &mut fastest)?;
        }
        let per_byte = |time: &Duration, text: &str| time.as_secs_f64() / text.len() as f64;
        let times = fastest.iter().zip(&usual);
        let times = times.map(|(f, u)| per_byte(f, &text) / per_byte(u, english));
        let times: Vec<String> = times.map(|times| format!("{times:.1}")).collect();
        println!("| {name} | {} |", times.join(" | "));
    }
    Ok(())
}

/// Everyone who counts.
struct Sides {
    v8: V8,
    guest: Guest,
    native: [ExactCounter; 2],
    /// The file through which V8 gets a text.
    text: PathBuf,
}

impl Sides {
    /// Megabytes a second of the first `most` sides.
    fn measure(
        &mut self,
        encoding: Encoding,
        text: &str,
        most: usize,
        rounds: usize,
    ) -> Result<Vec<f64>> {
        let mut fastest = vec![Duration::MAX; most];
        for _ in 0..rounds {
            self.round(encoding, text, &mut fastest)?;
        }
        Ok(fastest.iter().map(|time| text.len() as f64 / time.as_secs_f64() / 1e6).collect())
    }

    /// Every side counts once; `fastest` keeps the least time of each.
    fn round(&mut self, encoding: Encoding, text: &str, fastest: &mut [Duration]) -> Result<()> {
        fs::write(&self.text, text)?;
        self.v8.load(&self.text)?;
        self.guest.load(text.as_bytes())?;
        let mut tokens = None;
        for (side, fastest) in fastest.iter_mut().enumerate() {
            let (count, time) = self.count(side, encoding, text)?;
            let same = *tokens.get_or_insert(count);
            if same != count {
                let name = SIDES.get(side).unwrap_or(&"");
                return Err(format!("{same} tokens in V8, {count} by {name}").into());
            }
            *fastest = time.min(*fastest);
        }
        Ok(())
    }

    fn count(&mut self, side: usize, encoding: Encoding, text: &str) -> Result<(u64, Duration)> {
        let index = u32::from(encoding == Encoding::Cl100kBase);
        if side == 0 {
            return self.v8.count(index, PIECE as u32);
        }
        let start = processor_time();
        let tokens = match (side, encoding) {
            (1, _) => self.guest.count(index)?,
            (2, _) => {
                let counter = self.native.get_mut(index as usize).ok_or("no counter")?;
                counter.clear();
                black_box(text).as_bytes().chunks(PIECE).for_each(|piece| counter.plain(piece));
                counter.end_plain();
                counter.count().tokens
            }
            (3, _) => {
                tiktoken::get_encoding(encoding.name()).ok_or("no encoding")?.count(text) as u64
            }
            (4, Encoding::O200kBase | Encoding::O200kHarmony) => {
                bpe_openai::o200k_base().count(text) as u64
            }
            (4, Encoding::Cl100kBase) => bpe_openai::cl100k_base().count(text) as u64,
            (_, Encoding::O200kBase | Encoding::O200kHarmony) => {
                tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len() as u64
            }
            (_, Encoding::Cl100kBase) => {
                tiktoken_rs::cl100k_base_singleton().encode_ordinary(text).len() as u64
            }
        };
        Ok((black_box(tokens), processor_time().saturating_sub(start)))
    }
}

/// What this thread has had of a processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn native() -> Result<[ExactCounter; 2]> {
    let counter = |encoding| ExactCounter::new(encoding).ok_or("an encoding that is not built");
    Ok([counter(Encoding::O200kBase)?, counter(Encoding::Cl100kBase)?])
}

/// The counter in wasmtime.
struct Guest {
    store: Store<()>,
    memory: Memory,
    text: TypedFunc<u32, u32>,
    count: TypedFunc<(u32, u32), u64>,
}

impl Guest {
    fn start(module: &Path) -> Result<Self> {
        let engine = Engine::default();
        let module = Module::from_file(&engine, module)?;
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        // WASI is imported for panics and the environment, and never called.
        linker.define_unknown_imports_as_traps(&module)?;
        let instance = linker.instantiate(&mut store, &module)?;
        if let Ok(start) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            start.call(&mut store, ())?;
        }
        Ok(Self {
            memory: instance.get_memory(&mut store, "memory").ok_or("no memory")?,
            text: instance.get_typed_func(&mut store, "text")?,
            count: instance.get_typed_func(&mut store, "count")?,
            store,
        })
    }

    fn load(&mut self, text: &[u8]) -> Result<()> {
        let at = self.text.call(&mut self.store, u32::try_from(text.len())?)?;
        Ok(self.memory.write(&mut self.store, at as usize, text)?)
    }

    fn count(&mut self, encoding: u32) -> Result<u64> {
        Ok(self.count.call(&mut self.store, (encoding, PIECE as u32))?)
    }
}

/// Builds the module as the filters are built.
fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["build", "--profile", "filter", "--target", "wasm32-wasip1", "-p", "tokens-guest"])
        .current_dir(&root)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("tokens-guest does not build".into());
    }
    Ok(root.join("target/wasm32-wasip1/filter/tokens_guest.wasm"))
}
