//! Envoy's log, cut into lines that say who wrote them.

/// The `--log-format` that [`LogLine::read`] understands: seconds, level, logger, message.
pub(super) const FORMAT: &str = "[%E][%l][%n] %v";

/// One message of the log. A message over several lines is one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warning`, `error` or `critical`; empty for what is no log message.
    pub level: String,
    /// Which part of Envoy wrote it.
    pub logger: String,
    /// The message.
    pub message: String,
}

/// A message that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginLine {
    /// The level, as for [`LogLine`].
    pub level: String,
    /// Plugin name, root id and VM id, those that are set, joined by blanks.
    pub plugin: String,
    /// What the plugin wrote.
    pub text: String,
}

impl LogLine {
    /// Reads a whole log.
    pub(super) fn read(log: &str) -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        for line in log.lines() {
            match Self::parse(line) {
                Some(parsed) => lines.push(parsed),
                None => match lines.last_mut() {
                    Some(last) => {
                        last.message.push('\n');
                        last.message.push_str(line);
                    }
                    None => lines.push(Self {
                        level: String::new(),
                        logger: String::new(),
                        message: line.to_owned(),
                    }),
                },
            }
        }
        lines
    }

    fn parse(line: &str) -> Option<Self> {
        let (time, rest) = line.strip_prefix('[')?.split_once("][")?;
        if time.is_empty() || !time.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (level, rest) = rest.split_once("][")?;
        let (logger, message) = rest.split_once("] ")?;
        Some(Self {
            level: level.to_owned(),
            logger: logger.to_owned(),
            message: message.to_owned(),
        })
    }

    /// The message as a plugin's, if one wrote it.
    pub(super) fn of_plugin(&self) -> Option<PluginLine> {
        let (plugin, text) = self.message.strip_prefix("wasm log")?.split_once(": ")?;
        (self.logger == "wasm").then(|| PluginLine {
            level: self.level.clone(),
            plugin: plugin.trim().to_owned(),
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "starting\n\
        [1767225600][info][main] all clusters initialized\n\
        [1767225601][warning][wasm] wasm log llm-mesh llm-mesh vm: two\nlines: here\n\
        [1767225601][error][wasm] Plugin configured to fail closed: wasm log: no\n";

    #[test]
    fn messages_know_their_level_and_logger_and_keep_their_further_lines() {
        let lines = LogLine::read(LOG);
        let found: Vec<(&str, &str)> =
            lines.iter().map(|line| (line.level.as_str(), line.logger.as_str())).collect();
        assert_eq!(found, [("", ""), ("info", "main"), ("warning", "wasm"), ("error", "wasm")]);
    }

    #[test]
    fn only_what_a_plugin_wrote_is_a_plugins_line() {
        let lines: Vec<PluginLine> =
            LogLine::read(LOG).iter().filter_map(LogLine::of_plugin).collect();
        let expected = PluginLine {
            level: "warning".into(),
            plugin: "llm-mesh llm-mesh vm".into(),
            text: "two\nlines: here".into(),
        };
        assert_eq!(lines, [expected]);
    }
}
