//! The page around plots: one file, without scripts and without anything from elsewhere.

use std::fmt::Write as _;

use super::{COLOURS, escaped};

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2733;--soft:#667586;--line:#dfe5eb;--page:#fff;--band:#f3d9d3;
--c0:#0b6bcb;--c1:#d1570c;--c2:#1a8a5f;--c3:#8d4bbb;--c4:#a98600;--c5:#c2306d;--c6:#3d7d8f;--c7:#6b6b6b;
--good:#8fcbb0;--bad:#cf4d3f;--doubt:#e5b94a;--under-way:#7fb0e6}
@media(prefers-color-scheme:dark){:root{--ink:#e4eaf0;--soft:#93a1b0;--line:#2c3742;--page:#12181f;--band:#4a2620;
--c0:#5aa9f5;--c1:#f2914d;--c2:#4fc796;--c3:#c08ae6;--c4:#dcb93e;--c5:#f07bad;--c6:#7cc3d6;--c7:#a5a5a5;
--good:#2f6b51;--bad:#d9584a;--doubt:#c79a2c;--under-way:#3f77b5}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:940px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin:2rem 0 .2rem}p{margin:.2rem 0 .6rem;color:var(--soft)}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem 1.2rem .3rem 0;text-align:left;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}.tick{font-size:10px;fill:var(--soft)}.grid{stroke:var(--line)}
.band{fill:var(--band)}.mark{stroke:var(--bad);stroke-dasharray:5 4}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.legend span{margin-right:1.2rem;font-size:.85rem}.legend i{display:inline-block;width:1em;height:.25em;margin:0 .4em .2em 0}
.key{width:.9em!important;height:.9em!important;margin-bottom:-.1em!important}
";

/// Names of states, and the colour of each.
const STATES: [(&str, &str); 9] = [
    ("healthy", "good"),
    ("ejected", "bad"),
    ("probing", "doubt"),
    ("restoring", "under-way"),
    ("waiting", "line"),
    ("running", "under-way"),
    ("done", "good"),
    ("rolled_back", "bad"),
    ("held", "doubt"),
];

/// A page that grows from above.
pub(crate) struct Page {
    text: String,
}

impl Page {
    pub(crate) fn new(title: &str) -> Self {
        let title = escaped(title);
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}"
        );
        for number in 0..COLOURS {
            let _ = write!(text, ".line.c{number}{{stroke:var(--c{number})}}");
            let _ = write!(text, "i.c{number}{{background:var(--c{number})}}");
        }
        for (state, colour) in STATES {
            let _ = write!(text, ".{state}{{fill:var(--{colour})}}");
            let _ = write!(text, "i.{state}{{background:var(--{colour})}}");
        }
        let _ = write!(text, "</style></head><body>\n<h1>{title}</h1>");
        Self { text }
    }

    /// Words of the page's own.
    pub(crate) fn paragraph(&mut self, words: &str) {
        let _ = write!(self.text, "<p>{}</p>", escaped(words));
    }

    /// HTML as it stands.
    pub(crate) fn push(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// A plot under its title; `words` are HTML.
    pub(crate) fn section(&mut self, title: &str, words: &str, plot: &str) {
        let _ = writeln!(self.text, "<h2>{}</h2><p>{words}</p>{plot}", escaped(title));
    }

    pub(crate) fn done(self) -> String {
        self.text + "</body></html>\n"
    }
}
