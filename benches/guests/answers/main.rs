//! The answer scanner as a program of its own: reads answers again and again, and prints the
//! nanoseconds of the fastest turn for each.
//!
//! Without a proxy around it, so that what is measured is the scanner and not host calls. It is run
//! as wasm, because that is what ships.

use std::hint::black_box;
use std::time::{Duration, Instant};

use llm_wire::{AnswerScanner, Framing};

const EVENTS: usize = 1000;
const TURNS: usize = 100;

/// So many events come in one frame where they do not come one by one.
const COALESCED: usize = 40;

const WORDS: [&str; 10] =
    ["The", " sky", " is", " blue", " because", " of", " scattering", ",", "\\n", " 42"];

fn main() {
    for (name, form) in FORMS {
        let events: Vec<String> = (0..EVENTS).map(|number| event(form, number)).collect();
        let bytes = events.iter().map(String::len).sum::<usize>() / EVENTS;
        let [one_by_one, coalesced] = [1, COALESCED].map(|size| {
            let frames: Vec<String> = events.chunks(size).map(<[String]>::concat).collect();
            fastest(Framing::Events, &frames).as_nanos() / EVENTS as u128
        });
        println!("| {name} | {bytes} | {one_by_one} | {coalesced} |");
    }
    for (name, body) in [("JSON, text", chat()), ("JSON, embeddings", embeddings())] {
        let bytes = body.len();
        println!("| {name} | {bytes} | {} | |", fastest(Framing::Json, &[body]).as_nanos());
    }
}

/// Events as servers write them: with what changes from one to the next besides the text.
const FORMS: [(&str, &str); 6] = [
    (
        "chat",
        r#"data: {"id":"chatcmpl-9a8b7c6d5e4f","object":"chat.completion.chunk","created":1790000000,"model":"llama-70b","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":"TEXT"},"logprobs":null,"finish_reason":null}]}"#,
    ),
    (
        "chat, padded",
        r#"data: {"id":"chatcmpl-9a8b7c6d5e4f","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4o","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":"TEXT"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"NUMBERx"}"#,
    ),
    (
        "chat, every event different",
        r#"data: {"id":"chatcmpl-9a8b7c6d5e4f","object":"chat.completion.chunk","created":1790000000,"model":"llama-70b","choices":[{"index":0,"delta":{"content":"TEXT"},"logprobs":{"content":[{"token":"TEXT","logprob":-0.NUMBER}]},"finish_reason":null}]}"#,
    ),
    (
        "chat, tool call",
        r#"data: {"id":"chatcmpl-9a8b7c6d5e4f","object":"chat.completion.chunk","created":1790000000,"model":"llama-70b","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"TEXT"}}]},"logprobs":null,"finish_reason":null}]}"#,
    ),
    (
        "messages",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"TEXT\"}}",
    ),
    (
        "responses",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":NUMBER,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c5\",\"output_index\":0,\"content_index\":0,\"delta\":\"TEXT\",\"logprobs\":[],\"obfuscation\":\"NUMBERx\"}",
    ),
];

fn event(form: &str, number: usize) -> String {
    let word = WORDS.get(number % WORDS.len()).copied().unwrap_or_default();
    let event = form.replace("TEXT", word).replace("NUMBER", &(number * 7 + 1).to_string());
    format!("{event}\n\n")
}

fn chat() -> String {
    let text = "The sky is blue because of \\\"scattering\\\".\\n".repeat(380);
    format!(
        r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":42,"completion_tokens":3500}}}}"#
    )
}

fn embeddings() -> String {
    let numbers = "-0.0123456789,".repeat(1150);
    format!(
        r#"{{"data":[{{"object":"embedding","embedding":[{numbers}0.1]}}],"usage":{{"prompt_tokens":42,"total_tokens":42}}}}"#
    )
}

fn fastest(framing: Framing, frames: &[String]) -> Duration {
    let turn = || {
        let start = Instant::now();
        let mut scanner = AnswerScanner::new(framing).removing_usage();
        let mut generated = 0_u64;
        for frame in frames {
            black_box(scanner.feed(frame.as_bytes(), &mut || generated += 1));
        }
        black_box((scanner.facts(), generated));
        start.elapsed()
    };
    (0..TURNS).map(|_| turn()).min().unwrap_or_default()
}
