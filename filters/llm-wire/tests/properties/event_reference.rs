//! Events of a stream, cut by the text of the standard: all bytes at once, line by line.

/// Fields up to a blank line, or up to the stream's end.
pub(crate) struct Block {
    /// Where its first field begins and where its blank line ends; the end of the stream otherwise.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What its `data` fields make, if there were any.
    pub(crate) data: Option<Vec<u8>>,
    /// It has a field called `error`.
    pub(crate) has_error: bool,
    pub(crate) is_ended: bool,
}

pub(crate) fn blocks(stream: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block: Option<Block> = None;
    let mut at = if stream.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < stream.len() {
        let rest = &stream[at..];
        let length = rest.iter().position(|b| b"\r\n".contains(b)).unwrap_or(rest.len());
        let end = match &rest[length..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (line, start) = (&rest[..length], at);
        at += length + end;
        if line.is_empty() {
            blocks.extend(block.take().map(|block| Block { end: at, is_ended: true, ..block }));
            continue;
        }
        if line[0] == b':' && block.is_none() {
            continue;
        }
        let block = block.get_or_insert(Block {
            start,
            end: stream.len(),
            data: None,
            has_error: false,
            is_ended: false,
        });
        let colon = line.iter().position(|b| *b == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            // A name that the end of the stream has cut is one of which more could have come.
            b"data" if colon.is_some() || end > 0 => {
                let before = block.data.take().map(|data| [&data[..], b"\n"].concat());
                block.data = Some([&before.unwrap_or_default(), value].concat());
            }
            b"error" if colon.is_some() => block.has_error = true,
            _ => {}
        }
    }
    blocks.extend(block);
    blocks
}
