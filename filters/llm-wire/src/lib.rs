//! llm-wire
