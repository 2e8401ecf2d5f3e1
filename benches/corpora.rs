//! Request bodies that look like those that arrive, the same ones in every run.
//!
//! Text is generated, not shipped: words drawn from short lists by a seeded generator, with the
//! frequencies of escapes, line lengths and scripts that real chats have. What matters for a
//! scanner is how often it has to stop, and these stop it as often as the real thing.

use fastrand::Rng;

/// What a body's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// English sentences in paragraphs.
    English,
    /// Program source, with a line end every thirty bytes and quotes.
    Code,
    /// Chinese as UTF-8.
    Chinese,
    /// Chinese as `\uXXXX`, which Python's `json.dumps` makes of it unless told otherwise.
    EscapedChinese,
    /// A conversation: a paragraph of each of the first three in turn, English most often.
    Mixed,
}

const WORDS: &str = "the of and a to in is you that it he was for on are as with his they at be \
    this have from or one had by word but not what all were we when your can said there use an \
    each which she do how their if will up other about out many then them these so some her would \
    make like him into time has look two more write go see number no way could people my than \
    first water been call who oil its now find long down day did get come made may part request \
    response latency throughput configuration deployment inference authentication tokenizer";

const LINES: [&str; 8] = [
    "fn route(&self, request: &Request) -> Option<Pool> {\n",
    "    let mut total = 0;\n",
    "    for (index, item) in items.iter().enumerate() {\n",
    "        if item.weight > self.limits.max_weight {\n            return None;\n        }\n",
    "        println!(\"{index}: {}\", item.name);\n",
    "    # TODO: handle \"quoted\" names\n",
    "    }\n    Some(Pool::new(total))\n}\n\n",
    "\tconst url = `https://example.com/v1/${path}?q=1`;\n",
];

const IDEOGRAPHS: &str = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里\
    所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从请求模型服务流量";

/// A chat request whose body has about `bytes` bytes.
#[must_use]
pub fn chat(text: Text, bytes: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(7);
    let mut messages = vec![serde_json::json!({
        "role": "system",
        "content": "You are a helpful assistant. Answer in the user's language.",
    })];
    let mut length = 0;
    while length < bytes.saturating_sub(250) {
        let left = bytes - length;
        let content = content(text, left.min(4_000), &mut rng);
        // What it takes once escaped, plus the frame of a message.
        length += escaped(text, &serde_json::Value::from(content.as_str())).len() + 35;
        let role = if messages.len() % 2 == 1 { "user" } else { "assistant" };
        messages.push(serde_json::json!({ "role": role, "content": content }));
    }
    let body = serde_json::json!({
        "model": "gpt-4.1-mini",
        "messages": messages,
        "stream": true,
        "stream_options": { "include_usage": true },
        "temperature": 0.2,
        "max_completion_tokens": 1024,
    });
    escaped(text, &body).into_bytes()
}

fn escaped(text: Text, value: &serde_json::Value) -> String {
    let json = value.to_string();
    if text != Text::EscapedChinese {
        return json;
    }
    let mut out = String::with_capacity(json.len() * 2);
    for char in json.chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            out.extend(char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

fn content(text: Text, bytes: usize, rng: &mut Rng) -> String {
    let mut out = String::with_capacity(bytes + 100);
    while out.len() < bytes {
        let kind = match (text, rng.u8(..10)) {
            (Text::Mixed, 0..6) => Text::English,
            (Text::Mixed, 6..9) => Text::Code,
            (Text::Mixed, _) => Text::Chinese,
            (kind, _) => kind,
        };
        match kind {
            Text::Code => {
                for _ in 0..rng.usize(5..20) {
                    out.push_str(rng.choice(LINES).unwrap_or_default());
                }
            }
            Text::Chinese | Text::EscapedChinese => chinese(&mut out, rng),
            Text::English | Text::Mixed => english(&mut out, rng),
        }
    }
    let end = out.floor_char_boundary(bytes);
    out.truncate(end);
    out
}

fn english(out: &mut String, rng: &mut Rng) {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    for _ in 0..rng.usize(2..8) {
        for word in 0..rng.usize(6..22) {
            if word > 0 {
                out.push_str(if rng.u8(..12) == 0 { ", " } else { " " });
            }
            // The product of two draws makes the first words the frequent ones.
            let index = rng.usize(..words.len()) * rng.usize(..words.len()) / words.len();
            out.push_str(words.get(index).copied().unwrap_or_default());
        }
        out.push_str(". ");
    }
    out.push_str("\n\n");
}

fn chinese(out: &mut String, rng: &mut Rng) {
    let characters: Vec<char> = IDEOGRAPHS.chars().filter(|char| !char.is_whitespace()).collect();
    for _ in 0..rng.usize(2..6) {
        for _ in 0..rng.usize(8..30) {
            out.push(rng.choice(&characters).copied().unwrap_or('的'));
        }
        out.push(*rng.choice(&['，', '。', '：']).unwrap_or(&'。'));
    }
    out.push('\n');
}
