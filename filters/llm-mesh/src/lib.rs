//! llm-mesh
